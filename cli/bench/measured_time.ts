/** The part of a run that counts, and the CPU time that this process takes in it. */
export class MeasuredTime {
  #beganMs = 0;
  #cpuAtBegin = process.cpuUsage();

  /** It counts from now on. @returns Now, of `performance.now()`. */
  begin(): number {
    this.#beganMs = performance.now();
    this.#cpuAtBegin = process.cpuUsage();
    return this.#beganMs;
  }

  get hasBegun(): boolean {
    return this.#beganMs > 0;
  }

  /** Of `performance.now()`; 0 while it has not begun. */
  get beganMs(): number {
    return this.#beganMs;
  }

  /** Its length up to now, or to another time of `performance.now()`; 0 while it has not begun. */
  elapsedMs(nowMs = performance.now()): number {
    return this.hasBegun ? nowMs - this.#beganMs : 0;
  }

  /** CPU time per time, over all threads. */
  get cpuShare(): number {
    const elapsedMs = this.elapsedMs();
    const { user, system } = process.cpuUsage(this.#cpuAtBegin);
    return elapsedMs > 0 ? (user + system) / 1000 / elapsedMs : 0;
  }
}
