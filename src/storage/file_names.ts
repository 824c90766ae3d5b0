import type { Disk } from "../base/disk.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";

/*
 * Names in a version-2 directory (Apache: Util.getZxidFromName, SnapStream.getStreamMode):
 *
 *   log.<hex>                       txn log; hex is the zxid of its first txn
 *   snapshot.<hex>[.gz|.snappy]     snapshot of everything up to that zxid
 *   .<name>.partial                 ours: a file being written; Apache sees neither a log nor a snapshot in it
 *
 * Only the first two dotted parts count, so `log.5.bak` is a log from zxid 5; only the last one picks the
 * compression.
 */

/** The two kinds of dated files. */
export type FileKind = "log" | "snapshot";

/** How a snapshot's bytes are packed. */
export type Compression = "none" | "gz" | "snappy";

/** A log or snapshot and the zxid in its name. */
export interface DatedFile {
  readonly name: string;
  readonly path: string;
  readonly zxid: Zxid;
}

const partialEnding = ".partial";
const largestLong = "7fffffffffffffff";

/** @returns The name of the log whose first txn is `zxid`. */
export function logName(zxid: Zxid): string {
  return `log.${zxidToHex(zxid)}`;
}

/** @returns The name of the snapshot taken at `zxid`. */
export function snapshotName(zxid: Zxid, compression: Compression = "none"): string {
  return `snapshot.${zxidToHex(zxid)}${compression === "none" ? "" : `.${compression}`}`;
}

/** The name of a log that is made ahead of its first txn. */
export const nextLogName = ".log.next";

/** @returns The name a file has until it is complete. */
export function partialName(name: string): string {
  return `.${name}${partialEnding}`;
}

/** @returns True for a file that was never completed. */
export function isPartialName(name: string): boolean {
  return name.startsWith(".") && name.endsWith(partialEnding);
}

/** @returns `directory/name`. */
export function joinPath(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

/** @returns The directory that holds `path`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? "/" : ".";
}

/** @returns The zxid in a name of that kind, or null when the name is no such name or its number none. */
export function zxidOfName(name: string, kind: FileKind): Zxid | null {
  const parts = name.split(".");
  if (parts.length < 2 || parts[0] !== kind) return null;
  const digits = parts[1].replace(/^\+/, "");
  if (!/^[0-9a-fA-F]+$/.test(digits)) return null;
  const significant = digits.replace(/^0+(?=.)/, "").toLowerCase();
  if (significant.length > 16 || (significant.length === 16 && significant > largestLong)) return null;
  return Number.parseInt(significant, 16);
}

/** @returns How the file of that name is packed; an unknown ending means not at all. */
export function compressionOfName(name: string): Compression {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return ending === "gz" || ending === "snappy" ? ending : "none";
}

/**
 * Lists the logs or snapshots of a directory; names without a readable zxid are left out.
 *
 * @returns In the order of their zxids, those of one zxid by name.
 */
export function listDated(disk: Disk, directory: string, kind: FileKind): DatedFile[] {
  const files: DatedFile[] = [];
  for (const name of disk.list(directory)) {
    const zxid = zxidOfName(name, kind);
    if (zxid !== null) files.push({ name, path: joinPath(directory, name), zxid });
  }
  return files.sort((a, b) => a.zxid - b.zxid || (a.name < b.name ? -1 : 1));
}
