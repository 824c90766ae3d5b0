import type { ServerAddress } from "../../src/client/connection_string.ts";
import type { MixPart } from "./operations.ts";

/** How keys are chosen. */
export type Distribution = "uniform" | "zipf";

/** One load on one cluster, as JSON from process to process. */
export interface BenchPlan {
  readonly servers: readonly ServerAddress[];
  /** Path on the servers of what the run made for itself; everything it touches lies below. */
  readonly root: string;
  readonly mix: readonly MixPart[];
  readonly valueBytesMin: number;
  readonly valueBytesMax: number;
  readonly keyCount: number;
  readonly distribution: Distribution;
  /** Levels between the root's directory of keys and the keys; at least 1. */
  readonly depth: number;
  /** Over all workers. */
  readonly connections: number;
  /** Requests unanswered at once on each connection, at most. */
  readonly inFlight: number;
  readonly warmUpMs: number;
  /** Of the measured time, when `ops` does not end it. */
  readonly durationMs: number;
  /** Requests over all workers; null for as many as the time allows. */
  readonly ops: number | null;
  /** Requests per second over all workers; null for a closed loop. */
  readonly rate: number | null;
  readonly sessionTimeoutMs: number;
  readonly seed: number;
  /** Processes. */
  readonly workers: number;
}

/** What one worker does of a plan. */
export interface Share {
  /** 0 for the first. */
  readonly index: number;
  /** Numbers of its connections, among those of all workers. */
  readonly connections: readonly number[];
  readonly ops: number | null;
  readonly rate: number | null;
}

/** Divides a plan among its workers as evenly as it goes. */
export function sharesOf({ workers, connections, ops, rate }: BenchPlan): Share[] {
  return Array.from({ length: workers }, (_, index) => {
    const own: number[] = [];
    for (let number = index; number < connections; number += workers) own.push(number);
    return {
      index,
      connections: own,
      ops: ops === null ? null : Math.floor((ops + workers - 1 - index) / workers),
      rate: rate === null ? null : rate * own.length / connections,
    };
  });
}
