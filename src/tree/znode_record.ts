import { copyWords } from "../jute/byte_runs.ts";
import { setLongNumber } from "../jute/writer.ts";
import { statAt } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";

/*
 * A znode's record in a page of bytes:
 *
 *   0   next        4   handle of the next sibling, 0 at the end
 *   4   previous    4   handle of the sibling before, 0 at the front
 *   8   dataLength  4   -1 for null; CellPages marks free cells here
 *   12  head        4   length of the path in 27 bits, groups that are there in the upper 5
 *   16  path            near the front, so that a look-up touches one line of cache
 *       czxid       8
 *       ctime       8
 *       groups          those that are there, in the order of {@link groups}
 *       data
 *
 *   group     what it holds                         without it
 *   children  firstChild 4  numChildren 4           no child, ever
 *   modified  mzxid 8  mtime 8  version 4           czxid, ctime, 0
 *   lineage   cversion 4  pzxid 8                   0, czxid
 *   guarded   aclKey 4  aversion 4                  the open ACL, 0
 *   owned     ephemeralOwner 8                      0
 *
 * What is said of most znodes is what they are born with: a group comes with the first change that needs it, and stays.
 * So a znode takes 32 bytes beside path and data, 52 once its data was set, and 80 with all groups; a fixed form with
 * every field took 80 always. Numbers of the stat are big-endian, others little-endian. The parent is not noted: its
 * path is the beginning of this one.
 */

export const nextAt = 0;
export const previousAt = 4;
export const dataLengthAt = 8;
const headAt = 12;
export const pathAt = 16;
const bornBytes = 16;

const pathLengthBits = 27;
/** Bytes of the longest path. */
export const pathLengthMax: number = 2 ** pathLengthBits - 1;

/** A bit for each group. */
export const groups = { children: 1, modified: 2, lineage: 4, guarded: 8, owned: 16 } as const;
/** One of {@link groups}. */
export type Group = typeof groups[keyof typeof groups];

const openAclKey = -1;
const groupBytes = [8, 20, 12, 8, 8];
const setsOfGroups = 1 << groupBytes.length;
/** By set of groups: the bytes of all. */
const bytesOfSet = new Uint8Array(setsOfGroups);
/** By set of groups and group: where the group begins. */
const startInSet = new Uint8Array(setsOfGroups * setsOfGroups);
for (let set = 0; set < setsOfGroups; set++) {
  for (let index = 0; index < groupBytes.length; index++) {
    startInSet[set * setsOfGroups + (1 << index)] = bytesOfSet[set];
    if ((set & (1 << index)) !== 0) bytesOfSet[set] += groupBytes[index];
  }
}

/** @returns Bytes of a group. */
export function bytesOfGroup(group: Group): number {
  return groupBytes[31 - Math.clz32(group)];
}

/** @returns The groups that the record at `at` has, as a sum of their bits. */
export function groupsIn(view: DataView, at: number): number {
  return view.getInt32(at + headAt, true) >>> pathLengthBits;
}

export function pathLengthIn(view: DataView, at: number): number {
  return view.getInt32(at + headAt, true) & pathLengthMax;
}

/** @returns Bytes of a record of these groups up to where its data begins. */
export function bytesBeforeData(pathLength: number, set: number): number {
  return pathAt + pathLength + bornBytes + bytesOfSet[set];
}

/** @returns Where the data begins in the record's page. */
export function dataIn(view: DataView, at: number): number {
  const head = view.getInt32(at + headAt, true);
  return at + bytesBeforeData(head & pathLengthMax, head >>> pathLengthBits);
}

/** @returns Where a group begins that the record has, or would if it had it. */
export function groupIn(view: DataView, at: number, group: Group): number {
  const head = view.getInt32(at + headAt, true);
  const start = startInSet[(head >>> pathLengthBits) * setsOfGroups + group];
  return at + pathAt + (head & pathLengthMax) + bornBytes + start;
}

/** Writes the numbers before the path: a znode without neighbours. */
export function beginRecord(
  view: DataView,
  at: number,
  pathLength: number,
  dataLength: number,
  set: number,
): void {
  view.setInt32(at + nextAt, 0, true);
  view.setInt32(at + previousAt, 0, true);
  view.setInt32(at + dataLengthAt, dataLength, true);
  view.setInt32(at + headAt, pathLength | (set << pathLengthBits), true);
}

/** Notes that a group is there, whose bytes have been made room for, and fills it with what held without it. */
export function beginGroup(view: DataView, at: number, group: Group): void {
  view.setInt32(at + headAt, view.getInt32(at + headAt, true) | (group << pathLengthBits), true);
  const start = groupIn(view, at, group);
  const born = at + pathAt + pathLengthIn(view, at);
  for (let index = bytesOfGroup(group) - 4; index >= 0; index -= 4) view.setInt32(start + index, 0);
  if (group === groups.modified) copyWords(view, born, bornBytes, view, start);
  else if (group === groups.lineage) copyWords(view, born, 8, view, start + 4);
  else if (group === groups.guarded) view.setInt32(start, openAclKey, true);
}

/** @returns The groups that a znode needs whose StatPersisted is at `stat[from]`. */
export function groupsOfStat(aclKey: number, stat: DataView, from: number): number {
  const int = (at: number) => stat.getInt32(from + at);
  let set = 0;
  if (
    int(statAt.mzxid + 4) !== int(statAt.czxid + 4) || int(statAt.mzxid) !== int(statAt.czxid) ||
    int(statAt.mtime + 4) !== int(statAt.ctime + 4) || int(statAt.mtime) !== int(statAt.ctime) ||
    int(statAt.version) !== 0
  ) set |= groups.modified;
  if (
    int(statAt.pzxid + 4) !== int(statAt.czxid + 4) || int(statAt.pzxid) !== int(statAt.czxid) ||
    int(statAt.cversion) !== 0
  ) set |= groups.lineage;
  if (aclKey !== openAclKey || int(statAt.aversion) !== 0) set |= groups.guarded;
  if ((int(statAt.owner) | int(statAt.owner + 4)) !== 0) set |= groups.owned;
  return set;
}

/** Writes a StatPersisted's fields, as far as the record has groups for them. */
export function setStatIn(view: DataView, at: number, stat: DataView, from: number): void {
  const set = groupsIn(view, at);
  const born = at + pathAt + pathLengthIn(view, at);
  copyWords(stat, from + statAt.czxid, 8, view, born);
  copyWords(stat, from + statAt.ctime, 8, view, born + 8);
  if ((set & groups.modified) !== 0) {
    const start = groupIn(view, at, groups.modified);
    copyWords(stat, from + statAt.mzxid, 8, view, start);
    copyWords(stat, from + statAt.mtime, 12, view, start + 8);
  }
  if ((set & groups.lineage) !== 0) {
    const start = groupIn(view, at, groups.lineage);
    copyWords(stat, from + statAt.cversion, 4, view, start);
    copyWords(stat, from + statAt.pzxid, 8, view, start + 4);
  }
  if ((set & groups.guarded) !== 0) {
    copyWords(stat, from + statAt.aversion, 4, view, groupIn(view, at, groups.guarded) + 4);
  }
  if ((set & groups.owned) !== 0) {
    copyWords(stat, from + statAt.owner, 8, view, groupIn(view, at, groups.owned));
  }
}

/** Writes the record's StatPersisted, 60 bytes, to `target[to]`. */
export function copyStatOf(view: DataView, at: number, target: DataView, to: number): void {
  const head = view.getInt32(at + headAt, true);
  const set = head >>> pathLengthBits;
  const born = at + pathAt + (head & pathLengthMax);
  const isModified = (set & groups.modified) !== 0;
  const modified = isModified ? born + bornBytes + startInSet[set * setsOfGroups + groups.modified] : born;
  copyLong(view, born, target, to + statAt.czxid);
  copyLong(view, modified, target, to + statAt.mzxid);
  copyLong(view, born + 8, target, to + statAt.ctime);
  copyLong(view, modified + 8, target, to + statAt.mtime);
  target.setInt32(to + statAt.version, isModified ? view.getInt32(modified + 16) : 0);
  if ((set & groups.lineage) !== 0) {
    const lineage = born + bornBytes + startInSet[set * setsOfGroups + groups.lineage];
    target.setInt32(to + statAt.cversion, view.getInt32(lineage));
    copyLong(view, lineage + 4, target, to + statAt.pzxid);
  } else {
    target.setInt32(to + statAt.cversion, 0);
    copyLong(view, born, target, to + statAt.pzxid);
  }
  target.setInt32(to + statAt.aversion, aversionIn(view, at));
  if ((set & groups.owned) !== 0) {
    copyLong(view, groupIn(view, at, groups.owned), target, to + statAt.owner);
  } else {
    target.setInt32(to + statAt.owner, 0);
    target.setInt32(to + statAt.owner + 4, 0);
  }
}

export function numChildrenIn(view: DataView, at: number): number {
  return (groupsIn(view, at) & groups.children) === 0
    ? 0
    : view.getInt32(groupIn(view, at, groups.children) + 4, true);
}

export function firstChildIn(view: DataView, at: number): number {
  return (groupsIn(view, at) & groups.children) === 0
    ? 0
    : view.getInt32(groupIn(view, at, groups.children), true);
}

export function aclKeyIn(view: DataView, at: number): number {
  if ((groupsIn(view, at) & groups.guarded) === 0) return openAclKey;
  return view.getInt32(groupIn(view, at, groups.guarded), true);
}

export function aversionIn(view: DataView, at: number): number {
  return (groupsIn(view, at) & groups.guarded) === 0
    ? 0
    : view.getInt32(groupIn(view, at, groups.guarded) + 4);
}

export function versionIn(view: DataView, at: number): number {
  return (groupsIn(view, at) & groups.modified) === 0
    ? 0
    : view.getInt32(groupIn(view, at, groups.modified) + 16);
}

export function cversionIn(view: DataView, at: number): number {
  return (groupsIn(view, at) & groups.lineage) === 0 ? 0 : view.getInt32(groupIn(view, at, groups.lineage));
}

export function czxidIn(view: DataView, at: number): Zxid {
  return longAt(view, at + pathAt + pathLengthIn(view, at));
}

export function ctimeIn(view: DataView, at: number): number {
  return longAt(view, at + pathAt + pathLengthIn(view, at) + 8);
}

export function mzxidIn(view: DataView, at: number): Zxid {
  if ((groupsIn(view, at) & groups.modified) === 0) return czxidIn(view, at);
  return longAt(view, groupIn(view, at, groups.modified));
}

export function mtimeIn(view: DataView, at: number): number {
  if ((groupsIn(view, at) & groups.modified) === 0) return ctimeIn(view, at);
  return longAt(view, groupIn(view, at, groups.modified) + 8);
}

export function pzxidIn(view: DataView, at: number): Zxid {
  if ((groupsIn(view, at) & groups.lineage) === 0) return czxidIn(view, at);
  return longAt(view, groupIn(view, at, groups.lineage) + 4);
}

export function ownerIn(view: DataView, at: number): bigint {
  if ((groupsIn(view, at) & groups.owned) === 0) return 0n;
  return view.getBigInt64(groupIn(view, at, groups.owned));
}

/** The setters below need their group. */
export function setModifiedIn(view: DataView, at: number, version: number, zxid: Zxid, timeMs: number): void {
  const start = groupIn(view, at, groups.modified);
  setLongNumber(view, start, zxid);
  setLongNumber(view, start + 8, timeMs);
  view.setInt32(start + 16, version);
}

export function setCversionIn(view: DataView, at: number, cversion: number): void {
  view.setInt32(groupIn(view, at, groups.lineage), cversion);
}

export function setPzxidIn(view: DataView, at: number, zxid: Zxid): void {
  setLongNumber(view, groupIn(view, at, groups.lineage) + 4, zxid);
}

export function setAclKeyIn(view: DataView, at: number, aclKey: number): void {
  view.setInt32(groupIn(view, at, groups.guarded), aclKey, true);
}

export function setAversionIn(view: DataView, at: number, aversion: number): void {
  view.setInt32(groupIn(view, at, groups.guarded) + 4, aversion);
}

/** Changes the number of children by `by`, and makes `first` the first. */
export function setChildrenIn(view: DataView, at: number, first: number, by: number): void {
  const start = groupIn(view, at, groups.children);
  view.setInt32(start, first, true);
  view.setInt32(start + 4, view.getInt32(start + 4, true) + by, true);
}

function longAt(view: DataView, at: number): number {
  return view.getInt32(at) * 0x100000000 + view.getUint32(at + 4);
}

function copyLong(from: DataView, start: number, to: DataView, at: number): void {
  to.setInt32(at, from.getInt32(start, true), true);
  to.setInt32(at + 4, from.getInt32(start + 4, true), true);
}
