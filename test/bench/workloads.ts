/**
 * What the load generator asks for. Every request is encoded before the run; making one copies its bytes.
 *
 * Znodes have 100 bytes of data. Gets and sets go over 1000 keys, /bench/k0000 to /bench/k0999, in random
 * order; creates never repeat a path within a run.
 */
import { type Random, randomBelow, seededRandom } from "../../src/base/random.ts";
import { opcode } from "../wire/codes.ts";
import { bodies, openAcl, requestFrame } from "../wire/frames.ts";

/** Makes requests and knows their replies. */
export interface Workload {
  /** No request is longer. */
  readonly frameBytesMax: number;
  /** Length of each reply's payload: 16 bytes of header and the record. */
  readonly replyBytes: number;
  /** Requests it has; Infinity when it never ends. */
  readonly count: number;
  /** An error code that is as good as success; 0 for none. */
  readonly tolerated: number;
  /** Writes the next request at `out[at]`, with any xid; returns its length. */
  next(out: Uint8Array, at: number): number;
}

const parent = "/bench";
const keyCount = 1000;
const directoryCount = 1000;
const dataBytes = 100;
const statBytes = 68;
const headerBytes = 16;
const nodeExists = -110;

function dataOf(random: Random): Uint8Array {
  return new Uint8Array(dataBytes).map(() => randomBelow(random, 256));
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

const keys = Array.from({ length: keyCount }, (_, index) => `${parent}/k${digits(index, 4)}`);

function repeated(frames: Uint8Array[], replyBytes: number, random: Random): Workload {
  return {
    frameBytesMax: Math.max(...frames.map((frame) => frame.length)),
    replyBytes,
    count: Infinity,
    tolerated: 0,
    next(out, at) {
      const frame = frames[randomBelow(random, keyCount)];
      out.set(frame, at);
      return frame.length;
    },
  };
}

/** getData without a watch. */
export function gets(seed: number): Workload {
  const frames = keys.map((key) => requestFrame(0, opcode.getData, bodies.getData(key, false)));
  return repeated(frames, headerBytes + 4 + dataBytes + statBytes, seededRandom(seed));
}

/** setData of any version. */
export function sets(seed: number): Workload {
  const random = seededRandom(seed);
  const frames = keys.map((key) => requestFrame(0, opcode.setData, bodies.setData(key, dataOf(random), -1)));
  return repeated(frames, headerBytes + statBytes, random);
}

/** Creates the given paths one after another; those that exist are left alone. */
export function preparation(paths: string[], seed: number): Workload {
  const random = seededRandom(seed);
  const frames = paths.map((path) =>
    requestFrame(0, opcode.create, bodies.create(path, dataOf(random), openAcl, 0))
  );
  let index = 0;
  return {
    frameBytesMax: Math.max(...frames.map((frame) => frame.length)),
    replyBytes: headerBytes + 4 + paths[0].length,
    count: paths.length,
    tolerated: nodeExists,
    next(out, at) {
      const frame = frames[index++];
      out.set(frame, at);
      return frame.length;
    },
  };
}

/** A workload under the name it has on the command line, and what must be there before it. */
export interface NamedWorkload {
  /** Each is done before the next, and all before the workload. */
  readonly before: Workload[];
  readonly workload: Workload;
}

/**
 * Creates `count` znodes, by thousands in directories of their own, so that no list of children grows longer
 * than a server can send.
 */
function creates(count: number, seed: number): NamedWorkload {
  // Another run on the same server must meet none of this one's znodes.
  const top = `${parent}/${seed.toString(16).padStart(8, "0")}`;
  const directories = Array.from({ length: directoryCount }, (_, index) => `${top}/d${digits(index, 3)}`);
  const width = 7;
  const path = `${directories[0]}/${"0".repeat(width)}`;
  const body = bodies.create(path, dataOf(seededRandom(seed)), openAcl, 0);
  const frame = requestFrame(0, opcode.create, body);
  const pathEnd = 12 + 4 + path.length;
  let made = 0;
  const workload: Workload = {
    frameBytesMax: frame.length,
    replyBytes: headerBytes + 4 + path.length,
    count,
    tolerated: 0,
    next(out, at) {
      let rest = made++;
      const directory = rest % directoryCount;
      out.set(frame, at);
      let digit = at + pathEnd;
      for (let index = 0; index < width; index++, rest = (rest / 10) | 0) out[--digit] = 0x30 + rest % 10;
      rest = directory;
      for (digit--; rest > 0; rest = (rest / 10) | 0) out[--digit] = 0x30 + rest % 10;
      return frame.length;
    },
  };
  return { before: [preparation([top], seed), preparation(directories, seed)], workload };
}

/** Names of the workloads. */
export const workloadNames = ["get", "set", "create"] as const;
export type WorkloadName = typeof workloadNames[number];

/** @param createCount Znodes that "create" may make. */
export function workloadOf(name: WorkloadName, seed: number, createCount: number): NamedWorkload {
  const top = preparation([parent], seed);
  if (name === "create") {
    const { before, workload } = creates(createCount, seed);
    return { before: [top, ...before], workload };
  }
  return {
    before: [top, preparation(keys, seed)],
    workload: name === "get" ? gets(seed) : sets(seed),
  };
}
