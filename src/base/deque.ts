/** A first-in first-out queue over a ring that doubles when full; pushing and shifting allocate nothing else. */
export class Deque<T> {
  #ring: (T | undefined)[];
  #mask: number;
  #head = 0;
  #length = 0;

  /** @param capacity Items held before the first growth; rounded up to a power of two. */
  constructor(capacity = 16) {
    let size = 2;
    while (size < capacity) size *= 2;
    this.#ring = new Array<T | undefined>(size).fill(undefined);
    this.#mask = size - 1;
  }

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length > this.#mask) this.#grow();
    this.#ring[(this.#head + this.#length) & this.#mask] = item;
    this.#length++;
  }

  /** Removes and returns the oldest item, or undefined when empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    return item;
  }

  /** Removes and returns the newest item, or undefined when empty. */
  pop(): T | undefined {
    if (this.#length === 0) return undefined;
    const at = (this.#head + this.#length - 1) & this.#mask;
    const item = this.#ring[at];
    this.#ring[at] = undefined;
    this.#length--;
    return item;
  }

  /** The oldest item, or undefined when empty. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  /** The item `index` places behind the oldest. */
  at(index: number): T | undefined {
    return index < this.#length ? this.#ring[(this.#head + index) & this.#mask] : undefined;
  }

  clear(): void {
    this.#ring.fill(undefined);
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const larger = new Array<T | undefined>(this.#ring.length * 2).fill(undefined);
    for (let index = 0; index < this.#length; index++) {
      larger[index] = this.#ring[(this.#head + index) & this.#mask];
    }
    this.#ring = larger;
    this.#mask = larger.length - 1;
    this.#head = 0;
  }
}
