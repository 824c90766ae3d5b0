/** Something that will happen at a moment of virtual time. */
export interface SimEvent {
  /** Forgets it; harmless when it has happened. */
  cancel(): void;
}

class Entry implements SimEvent {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | null;

  constructor(atMs: number, order: number, run: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = null;
  }
}

/**
 * Virtual time, in milliseconds from the start of a simulation: nothing happens in it but the events put here,
 * earliest first, and of one moment in the order in which they were put.
 */
export class Scheduler {
  #nowMs = 0;
  #order = 0;
  #steps = 0;
  /** A binary heap. */
  readonly #heap: Entry[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have happened. */
  get steps(): number {
    return this.#steps;
  }

  /** Calls `run` at that time, or at once when it has passed; never from within this call. */
  at(atMs: number, run: () => void): SimEvent {
    const entry = new Entry(Math.max(atMs, this.#nowMs), this.#order++, run);
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
    return entry;
  }

  /** Calls `run` after so many milliseconds. */
  after(delayMs: number, run: () => void): SimEvent {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Lets everything happen up to and with `untilMs`, unless `isOver` says to stop; asked after each event. */
  run(untilMs: number, isOver: () => boolean = () => false): void {
    while (this.#heap.length > 0 && this.#heap[0].atMs <= untilMs) {
      const entry = this.#pop();
      if (entry.run === null) continue;
      this.#nowMs = entry.atMs;
      this.#steps++;
      entry.run();
      if (isOver()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #pop(): Entry {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop()!;
    const length = heap.length;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
