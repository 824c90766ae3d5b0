import type { Scheduling } from "../base/scheduling.ts";

/** Requests a second that make a crowd, and those below which it is none any more. */
const crowdPerSecond = 10_000;
const goneBelowPerSecond = 5_000;
/** Requests to each txn at least, for a crowd to form and to stay one: writes hop between servers, and each hop waits. */
const requestsPerTxn = 20;
const requestsPerTxnToStay = 10;

/** Totals since the server's start; they may begin anew. */
export interface ServedSoFar {
  /** Requests received. */
  readonly requests: number;
  /** Txns applied, or anything that rises with them. */
  readonly txns: number;
}

/**
 * Sees when a server does little else but answer many clients' reads, and has its thread be patient then.
 *
 * On a machine with fewer cores than busy processes each request that comes wakes the server up, which interrupts
 * whoever sends the next ones. A patient server finds more of them at once, and nobody is switched to and fro for each:
 * a quarter more of reads one at a time. Whoever is alone, or writes, would wait for nothing.
 */
export class ReadCrowd {
  readonly #scheduling: Scheduling;
  #before: ServedSoFar = { requests: 0, txns: 0 };
  #isCrowd = false;

  constructor(scheduling: Scheduling) {
    this.#scheduling = scheduling;
  }

  /** To be called ten times a second or so. @param ms Milliseconds since the last call. */
  look(served: ServedSoFar, ms: number): void {
    const requests = Math.max(0, served.requests - this.#before.requests);
    // Another epoch's zxids are far away: that counts as many.
    const txns = Math.abs(served.txns - this.#before.txns);
    this.#before = served;
    const perSecond = requests / ms * 1000;
    const isCrowd = this.#isCrowd
      ? perSecond >= goneBelowPerSecond && requests >= txns * requestsPerTxnToStay
      : perSecond >= crowdPerSecond && requests >= txns * requestsPerTxn;
    if (isCrowd === this.#isCrowd) return;
    this.#isCrowd = isCrowd;
    this.#scheduling.setPatient(isCrowd);
  }
}
