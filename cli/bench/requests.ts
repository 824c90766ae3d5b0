/**
 * Makes whole request frames. What all requests of a kind have in common is encoded once; making one copies that
 * and writes a few digits into it.
 */
import { type Random, randomBelow } from "../../src/base/random.ts";
import { JuteWriter } from "../../src/jute/writer.ts";
import { encodeAcl, openAcl } from "../../src/protocol/acl.ts";
import { CreateFlag } from "../../src/protocol/create_mode.ts";
import { OpCode } from "../../src/protocol/op_code.ts";
import { createDirectories, createdPath, keyDirectory, keyPath, watchedPath } from "./layout.ts";
import { keyPicker } from "./key_picker.ts";
import type { BenchPlan } from "./plan.ts";

/** A request up to its data, and what stands behind the data. */
interface Template {
  readonly head: Uint8Array;
  /** Where the path ends, in the head. */
  readonly pathEnd: number;
  readonly tail: Uint8Array;
  /**
   * Whole frames, each with its length before it, that differ by their data alone; none where the size of the data is
   * drawn for each request. A power of two.
   */
  readonly frames: readonly Uint8Array[];
}

/** Bytes before the record: length, xid and type. */
const headerBytes = 12;
const anyVersion = -1;
/** Different values start at different places of one stretch of random bytes. */
const valueStarts = 4096;
/** Values of one size take turns: so many, unless together they were longer than this many bytes. */
const turnsMax = 64;
const turnsBytesMax = 256 * 1024;

/** What a connection is told to send. All of them write the whole frame with xid 0. */
export class Requests {
  /** No request is longer. */
  readonly frameBytesMax: number;
  readonly #random: Random;
  readonly #pickKey: () => number;
  readonly #values: Uint8Array;
  readonly #valueBytesMin: number;
  readonly #valueBytesMax: number;
  readonly #get: Template;
  readonly #exists: Template;
  readonly #children: Template;
  readonly #set: Template;
  readonly #create: Template;
  readonly #delete: Template;
  readonly #createEphemeral: Template;
  readonly #deleteEphemeral: Template;
  readonly #sync: Template;
  readonly #getWatched: Template;
  readonly #setWatched: Template;
  readonly #multiHead: Template;
  readonly #multiSet: Template;
  readonly #multiEnd: Uint8Array;
  /** Which of a template's frames is next. */
  #turn = 0;

  constructor(plan: BenchPlan, random: Random) {
    const { root, depth } = plan;
    this.#random = random;
    this.#pickKey = keyPicker(plan.distribution, plan.keyCount, random);
    this.#valueBytesMin = plan.valueBytesMin;
    this.#valueBytesMax = plan.valueBytesMax;
    this.#values = new Uint8Array(plan.valueBytesMax + valueStarts).map(() => random.uint32());

    const key = keyPath(root, depth, 0);
    const first = { connection: 0, number: 0 };
    const created = createdPath(root, "c", first);
    const ephemeral = createdPath(root, "e", first);
    const none = [new Uint8Array(0)];
    const data = this.#turnsOfData();
    this.#get = template(OpCode.getData, key, none, noWatch);
    this.#exists = template(OpCode.exists, key, none, noWatch);
    this.#children = template(OpCode.getChildren2, keyDirectory(root, depth, 0), none, noWatch);
    this.#set = template(OpCode.setData, key, data, version);
    this.#create = template(OpCode.create, created, data, aclAndFlags(CreateFlag.persistent));
    this.#delete = template(OpCode.delete, created, none, version);
    this.#createEphemeral = template(OpCode.create, ephemeral, data, aclAndFlags(CreateFlag.ephemeral));
    this.#deleteEphemeral = template(OpCode.delete, ephemeral, none, version);
    this.#sync = template(OpCode.sync, root, none, () => {});
    this.#getWatched = template(OpCode.getData, watchedPath(root), none, (writer) => writer.bool(true));
    this.#setWatched = template(OpCode.setData, watchedPath(root), data, version);
    this.#multiHead = multiTemplate(OpCode.check, key, headerBytes, version);
    this.#multiSet = multiTemplate(OpCode.setData, key, 0, version);
    this.#multiEnd = encoded((writer) => multiHeader(writer, -1, true));
    const longest = Math.max(key.length, created.length, root.length);
    this.frameBytesMax = 256 + 3 * (4 * longest + plan.valueBytesMax);
  }

  get(out: Uint8Array, at: number): number {
    return this.#ofKey(this.#get, out, at);
  }

  exists(out: Uint8Array, at: number): number {
    return this.#ofKey(this.#exists, out, at);
  }

  /** Lists a directory of keys. */
  children(out: Uint8Array, at: number): number {
    const bytes = this.#whole(this.#children, out, at);
    putDigits(out, at + this.#children.pathEnd, Math.floor(this.#pickKey() / 100), 5);
    return bytes;
  }

  set(out: Uint8Array, at: number): number {
    return this.#ofKey(this.#set, out, at);
  }

  /** @param number See {@linkcode createdPath}. */
  create(out: Uint8Array, at: number, connection: number, number: number): number {
    return this.#ofCreated(this.#create, out, at, connection, number);
  }

  createEphemeral(out: Uint8Array, at: number, connection: number, number: number): number {
    return this.#ofCreated(this.#createEphemeral, out, at, connection, number);
  }

  delete(out: Uint8Array, at: number, connection: number, number: number): number {
    return this.#ofCreated(this.#delete, out, at, connection, number);
  }

  deleteEphemeral(out: Uint8Array, at: number, connection: number, number: number): number {
    return this.#ofCreated(this.#deleteEphemeral, out, at, connection, number);
  }

  /** A transaction that checks one key and sets two. */
  multi(out: Uint8Array, at: number): number {
    let to = at;
    out.set(this.#multiHead.head, to);
    putKey(out, to + this.#multiHead.pathEnd, this.#pickKey());
    to += this.#multiHead.head.length;
    out.set(this.#multiHead.tail, to);
    to += this.#multiHead.tail.length;
    const { head, pathEnd, tail } = this.#multiSet;
    for (let set = 0; set < 2; set++) {
      out.set(head, to);
      putKey(out, to + pathEnd, this.#pickKey());
      to = this.#putData(out, to + head.length);
      out.set(tail, to);
      to += tail.length;
    }
    out.set(this.#multiEnd, to);
    return lengthen(out, at, to + this.#multiEnd.length - at);
  }

  sync(out: Uint8Array, at: number): number {
    return this.#whole(this.#sync, out, at);
  }

  /** Reads what is watched and watches it. */
  watch(out: Uint8Array, at: number): number {
    return this.#whole(this.#getWatched, out, at);
  }

  /** Changes what is watched. */
  change(out: Uint8Array, at: number): number {
    return this.#whole(this.#setWatched, out, at);
  }

  #ofKey(template: Template, out: Uint8Array, at: number): number {
    const bytes = this.#whole(template, out, at);
    putKey(out, at + template.pathEnd, this.#pickKey());
    return bytes;
  }

  #ofCreated(template: Template, out: Uint8Array, at: number, connection: number, number: number): number {
    const bytes = this.#whole(template, out, at);
    putCreated(out, at + template.pathEnd, connection, number);
    return bytes;
  }

  /** A request with the path of its template. One copy where that will do: it is most of what a request costs. */
  #whole({ head, tail, frames }: Template, out: Uint8Array, at: number): number {
    if (frames.length > 0) {
      const frame = frames[this.#turn++ & (frames.length - 1)];
      out.set(frame, at);
      return frame.length;
    }
    out.set(head, at);
    const end = this.#putData(out, at + head.length);
    out.set(tail, end);
    return lengthen(out, at, end + tail.length - at);
  }

  /** Data of the one size, with its length before it; nothing when sizes are drawn. */
  #turnsOfData(): Uint8Array[] {
    if (this.#valueBytesMin !== this.#valueBytesMax) return [];
    let turns = 1;
    while (turns < turnsMax && 2 * turns * this.#valueBytesMax <= turnsBytesMax) turns *= 2;
    return Array.from({ length: turns }, () => {
      const data = new Uint8Array(4 + this.#valueBytesMax);
      this.#putData(data, 0);
      return data;
    });
  }

  #putData(out: Uint8Array, at: number): number {
    const spread = this.#valueBytesMax - this.#valueBytesMin;
    const size = this.#valueBytesMin + (spread === 0 ? 0 : randomBelow(this.#random, spread + 1));
    const from = this.#random.uint32() % valueStarts;
    putInt(out, at, size);
    out.set(this.#values.subarray(from, from + size), at + 4);
    return at + 4 + size;
  }
}

const noWatch = (writer: JuteWriter) => writer.bool(false);
const version = (writer: JuteWriter) => writer.int(anyVersion);

function aclAndFlags(flags: number): (writer: JuteWriter) => void {
  return (writer) => {
    writer.vector(openAcl, encodeAcl);
    writer.int(flags);
  };
}

function encoded(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter();
  write(writer);
  return writer.copy();
}

/** @param data What may stand between path and tail; where there is none, it is drawn for each request. */
function template(
  type: number,
  path: string,
  data: readonly Uint8Array[],
  writeTail: (writer: JuteWriter) => void,
): Template {
  const head = encoded((writer) => {
    writer.int(0);
    writer.int(0);
    writer.int(type);
    writer.string(path);
  });
  const tail = encoded(writeTail);
  const frames = data.map((bytes) => {
    const frame = new Uint8Array([...head, ...bytes, ...tail]);
    lengthen(frame, 0, frame.length);
    return frame;
  });
  return { head, pathEnd: head.length, tail, frames };
}

/** One operation of a transaction; the first has the frame's header before it. */
function multiTemplate(
  type: number,
  path: string,
  before: number,
  tail: (writer: JuteWriter) => void,
): Template {
  const head = encoded((writer) => {
    if (before > 0) {
      writer.int(0);
      writer.int(0);
      writer.int(OpCode.multi);
    }
    multiHeader(writer, type, false);
    writer.string(path);
  });
  return { head, pathEnd: head.length, tail: encoded(tail), frames: [] };
}

/** @see Fact: MultiHeader in zookeeper.jute */
function multiHeader(writer: JuteWriter, type: number, done: boolean): void {
  writer.int(type);
  writer.bool(done);
  writer.int(-1);
}

/** Writes a key into the end of its path. */
function putKey(out: Uint8Array, end: number, key: number): void {
  putDigits(out, end, key % 100, 2);
  putDigits(out, end - 3, (key / 100) | 0, 5);
}

function putCreated(out: Uint8Array, end: number, connection: number, number: number): void {
  putDigits(out, end, number, 9);
  putDigits(out, end - 10, connection, 5);
  putDigits(out, end - 16, (connection + number) % createDirectories, 3);
}

/** Two digits for each number below 100. */
const pairs = new Uint8Array(200).map((_, at) =>
  0x30 + (at % 2 === 0 ? Math.floor(at / 20) : (at >> 1) % 10)
);

/** By twos: divisions are what it costs. */
function putDigits(out: Uint8Array, end: number, value: number, count: number): void {
  let rest = value;
  let to = end;
  for (const first = end - count; to - first >= 2; to -= 2) {
    const hundredth = (rest / 100) | 0;
    const pair = 2 * (rest - 100 * hundredth);
    out[to - 2] = pairs[pair];
    out[to - 1] = pairs[pair + 1];
    rest = hundredth;
  }
  if (to > end - count) out[to - 1] = 0x30 + rest % 10;
}

/** Puts the frame's length before it. @returns The length of all of it. */
function lengthen(out: Uint8Array, at: number, bytes: number): number {
  putInt(out, at, bytes - 4);
  return bytes;
}

/** Big-endian. */
export function putInt(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

/** Big-endian, signed. */
export function intAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
