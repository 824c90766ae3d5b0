import type { JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import type { SessionId } from "./session_id.ts";
import type { Zxid } from "./zxid.ts";

/*
 * What the processes of one server tell each other beyond the quorum protocol, in its packets and between these
 * processes only. Data, by type:
 *
 *   SERVE     host string, port 4                          main to worker: clients are served, and where
 *   CONFIG    text string, version 8, mtime 8              main to worker: what /zookeeper/config holds without a txn
 *   TAKEN     session 8                                    main to worker: its client has gone to another process
 *   REFUSED   session 8, cxid 4, error 4                   main to worker: no txn comes of a request
 *   ASK       number 4, bytes                              either: a question
 *   ANSWER    number 4, last 1, bytes                      either: a piece of the answer to a question
 *
 * Main asks a worker for its share of a four-letter word, a worker asks main for the whole of one.
 */

/** What a packet between processes of one server is; no quorum packet has these numbers. */
export const WorkerPacketType = {
  serve: 1001,
  config: 1002,
  taken: 1003,
  refused: 1004,
  ask: 1005,
  answer: 1006,
} as const;

/** One of {@link WorkerPacketType}. */
export type WorkerPacketType = (typeof WorkerPacketType)[keyof typeof WorkerPacketType];

const names: ReadonlyMap<number, string> = new Map([
  [WorkerPacketType.serve, "SERVE"],
  [WorkerPacketType.config, "CONFIG"],
  [WorkerPacketType.taken, "TAKEN"],
  [WorkerPacketType.refused, "REFUSED"],
  [WorkerPacketType.ask, "ASK"],
  [WorkerPacketType.answer, "ANSWER"],
]);

/** @returns The packet's name, or undefined for one of the quorum protocol. */
export function workerPacketName(type: number): string | undefined {
  return names.get(type);
}

/** What /zookeeper/config holds: each server puts it there by itself, so a worker must be told. */
export interface ConfigZnode {
  readonly text: string;
  readonly version: Zxid;
  /** Wall time in ms. */
  readonly timeMs: number;
}

export function encodeConfigZnode(out: JuteWriter, { text, version, timeMs }: ConfigZnode): void {
  out.string(text);
  out.longNumber(version);
  out.longNumber(Math.floor(timeMs));
}

/** @throws {JuteError} */
export function decodeConfigZnode(reader: JuteReader): ConfigZnode {
  return { text: reader.string() ?? "", version: reader.longNumber(), timeMs: reader.longNumber() };
}

/** A request of a worker's client that becomes no txn. */
export interface RefusedRequest {
  readonly sessionId: SessionId;
  /** 0 for the request that would begin the session. */
  readonly cxid: number;
  readonly error: number;
}

export function encodeRefused(out: JuteWriter, { sessionId, cxid, error }: RefusedRequest): void {
  out.long(sessionId);
  out.int(cxid);
  out.int(error);
}

/** @throws {JuteError} */
export function decodeRefused(reader: JuteReader): RefusedRequest {
  return { sessionId: reader.long(), cxid: reader.int(), error: reader.int() };
}
