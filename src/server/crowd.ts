import type { CoreWaits, Patience, Scheduling } from "../base/scheduling.ts";

/** Requests or txns a second that make a crowd, and those below which it is none any more. */
const crowdPerSecond = 10_000;
const goneBelowPerSecond = 5_000;
/** So many txns a second share their syncs; fewer of them are somebody's who waits for each, and half as many surely are. */
const sharedTxnsPerSecond = 1_000;
const loneBelowTxnsPerSecond = 500;
/** How long patience is tried before what it costs is looked at, each time. */
const trialMs = 500;
/**
 * Mean time that a thread which syncs waits for a core, in ms, from which on patience costs more than it gives.
 *
 * Measured with three servers that share two cores with their clients: 0.03 to 0.22 ms; beside a program that never sleeps
 * 0.08 to 0.6, where patience still pays; beside two of them 0.4 to 1.8, where closed-loop sets are a sixth of what they were.
 */
const waitMaxMs = 0.6;
/** Fewer times than this say nothing. */
const turnsMin = 20;
/** After patience cost too much, so long until the next trial: twice as long each time, up to the most. */
const restMsFirst = 10_000;
const restMsMax = 320_000;

/** Totals since the server's start; they may begin anew. */
export interface ServedSoFar {
  /** Requests received. */
  readonly requests: number;
  /** Txns taken for the log. */
  readonly txns: number;
}

interface Trial {
  ms: number;
  readonly began: CoreWaits;
}

/**
 * Sees when many ask at once, and has the server be patient then, unless that costs more than it gives.
 *
 * On a machine with fewer cores than busy processes each request, ack and finished sync that comes wakes a server up, which
 * interrupts whoever sends the next ones. A patient server finds more of them at once, and nobody is switched to and fro
 * for each. But beside a program that never sleeps each step of a write would wait until that one is interrupted, some
 * milliseconds: so what syncs wait is looked at. Whoever is alone would wait for nothing.
 */
export class Crowd {
  readonly #scheduling: Scheduling;
  readonly #isMember: boolean;
  #before: ServedSoFar = { requests: 0, txns: 0 };
  #isCrowd = false;
  #patience: Patience = "none";
  /** While all are patient: since it was last looked at what that costs. */
  #trial: Trial | null = null;
  #restMs = 0;
  #nextRestMs = restMsFirst;

  /** @param isMember Of an ensemble; a server that is alone gains nothing where many write. */
  constructor(scheduling: Scheduling, isMember: boolean) {
    this.#scheduling = scheduling;
    this.#isMember = isMember;
  }

  /** To be called ten times a second or so. @param ms Milliseconds since the last call. */
  look(served: ServedSoFar, ms: number): void {
    const txnsPerSecond = (served.txns - this.#before.txns) / ms * 1000;
    const perSecond = Math.max((served.requests - this.#before.requests) / ms * 1000, txnsPerSecond);
    this.#before = served;
    this.#isCrowd = perSecond >= (this.#isCrowd ? goneBelowPerSecond : crowdPerSecond);
    this.#restMs = Math.max(0, this.#restMs - ms);
    if (this.#trial !== null) this.#judge(this.#trial, ms);
    const patience = this.#chosen(txnsPerSecond);
    if (patience === this.#patience) return;
    this.#set(patience);
    if (patience === "all") this.#begin();
  }

  #chosen(txnsPerSecond: number): Patience {
    if (!this.#isCrowd) return "none";
    // Whoever waits for a sync of his own beside many who read should not wait for a core as well.
    const sharedFrom = this.#patience === "all" ? loneBelowTxnsPerSecond : sharedTxnsPerSecond;
    if (txnsPerSecond < sharedFrom) return "serving";
    return this.#isMember && this.#restMs === 0 ? "all" : "none";
  }

  #begin(): void {
    const began = this.#scheduling.syncWaits();
    if (began === null) this.#rest();
    else this.#trial = { ms: 0, began };
  }

  /** Patience itself may have ended the crowd, so what it cost is looked at then, too. */
  #judge(trial: Trial, ms: number): void {
    trial.ms += ms;
    if (this.#isCrowd && trial.ms < trialMs) return;
    const now = this.#scheduling.syncWaits();
    if (now === null || costsTooMuch(trial.began, now)) this.#rest();
    else {
      this.#trial = { ms: 0, began: now };
      this.#nextRestMs = restMsFirst;
    }
  }

  /** Also where nobody can see what patience costs. */
  #rest(): void {
    this.#set("none");
    this.#restMs = this.#nextRestMs;
    this.#nextRestMs = Math.min(2 * this.#nextRestMs, restMsMax);
  }

  #set(patience: Patience): void {
    this.#trial = null;
    this.#patience = patience;
    this.#scheduling.setPatience(patience);
  }
}

function costsTooMuch(began: CoreWaits, now: CoreWaits): boolean {
  const turns = now.turns - began.turns;
  return turns >= turnsMin && now.waitedMs - began.waitedMs > waitMaxMs * turns;
}
