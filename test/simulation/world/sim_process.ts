import { drainMicrotasks } from "bun:jsc";
import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Chance } from "./chance.ts";
import type { Scheduler } from "./scheduler.ts";

/** Unwinds the program of a process that is no more: power failed, or it was killed, in the middle of a call. */
export class ProcessEnded extends Error {
  override name = "ProcessEnded";
}

/** The machine that processes run on, as its clocks tell. */
export interface MachineTime {
  /** Wall time at the beginning of the simulation, plus the steps it has made since; ms since 1970. */
  wallBaseMs: number;
  /** How fast its monotonic clock runs beside virtual time. */
  readonly rate: number;
}

/** What a {@link SimProcess} is made from. */
export interface SimProcessParts {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly time: MachineTime;
  /** Longest time between an input and the end of its turn, in ms: how much one turn gathers. */
  readonly turnMsMax: number;
  /** Something was thrown that nobody caught: its own bug. The process is ended already. */
  onBug(error: unknown): void;
}

/** Late by more than any rounding of times, in ms: a timer never fires early. */
const roundingMs = 1e-6;

type Input = "io" | "timer";

/**
 * A running program: one thread that takes one input after another. It can be paused, when its inputs wait; be
 * busy with a blocking call, when what it does next comes later; and be ended at any moment, when nothing of it
 * happens any more.
 */
export class SimProcess implements Clock {
  readonly #parts: SimProcessParts;
  readonly #beganMs: number;
  #isAlive = true;
  #isPaused = false;
  #busyUntilMs = 0;
  #isReleasePending = false;
  #held: { readonly input: Input; readonly run: () => void }[] = [];

  constructor(parts: SimProcessParts) {
    this.#parts = parts;
    this.#beganMs = parts.scheduler.nowMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Virtual time as far as this process has come: later than the scheduler's after a blocking call. */
  get nowMs(): number {
    return Math.max(this.#parts.scheduler.nowMs, this.#busyUntilMs);
  }

  wallMs(): number {
    return Math.floor(this.#parts.time.wallBaseMs + this.nowMs);
  }

  monotonicMs(): number {
    return (this.nowMs - this.#beganMs) * this.#parts.time.rate;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const { scheduler, time } = this.#parts;
    let isPending = true;
    const event = scheduler.at(
      this.nowMs + Math.max(delayMs, 0) / time.rate + roundingMs,
      () =>
        this.take("timer", () => {
          if (!isPending) return;
          isPending = false;
          fire();
        }),
    );
    return {
      cancel: () => {
        isPending = false;
        event.cancel();
      },
    };
  }

  endOfTurn(run: () => void): void {
    const { scheduler, chance, turnMsMax } = this.#parts;
    const gatherMs = turnMsMax > 0 ? chance.between(0, turnMsMax) : 0;
    scheduler.at(this.nowMs + gatherMs, () => this.take("io", run));
  }

  /** Hands the process an input: now if it is free, else as soon as it is; never if it is ended. */
  take(input: Input, run: () => void): void {
    if (!this.#isAlive) return;
    if (this.#held.length === 0 && !this.#isPaused && this.#busyUntilMs <= this.#parts.scheduler.nowMs) {
      this.#run(run);
      return;
    }
    this.#held.push({ input, run });
    this.#releaseLater();
  }

  /** A blocking call has taken so long. */
  block(ms: number): void {
    if (ms > 0) this.#busyUntilMs = this.nowMs + ms;
  }

  /** The process stands still. */
  pause(): void {
    this.#isPaused = true;
  }

  /** The process goes on. Timers that came due meanwhile fire before or after the input that waits. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#parts.chance.happens(0.5)) {
      const timers = this.#held.filter((entry) => entry.input === "timer");
      const others = this.#held.filter((entry) => entry.input !== "timer");
      this.#held = [...timers, ...others];
    }
    this.#releaseLater();
  }

  /** From now on nothing of it happens any more. */
  end(): void {
    this.#isAlive = false;
    this.#held = [];
  }

  /** Throws when it is ended: to be called where a program could go on after its end. */
  checkAlive(): void {
    if (!this.#isAlive) throw new ProcessEnded("the process has ended");
  }

  #run(run: () => void): void {
    try {
      run();
      drainMicrotasks();
    } catch (error) {
      if (!(error instanceof ProcessEnded)) this.onThrown(error);
    }
  }

  /** Something was thrown that no caller of it caught. */
  onThrown(error: unknown): void {
    if (!this.#isAlive) return;
    this.end();
    this.#parts.onBug(error);
  }

  #releaseLater(): void {
    if (this.#isPaused || this.#isReleasePending) return;
    this.#isReleasePending = true;
    this.#parts.scheduler.at(this.nowMs, () => this.#release());
  }

  #release(): void {
    this.#isReleasePending = false;
    while (this.#held.length > 0) {
      if (!this.#isAlive || this.#isPaused) return;
      if (this.#busyUntilMs > this.#parts.scheduler.nowMs) return this.#releaseLater();
      this.#run(this.#held.shift()!.run);
    }
  }
}
