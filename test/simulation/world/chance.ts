import { type Random, randomBelow, seededRandom } from "../../../src/base/random.ts";

/** Draws from a seed, for everything that a simulation leaves to chance. */
export class Chance implements Random {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  uint32(): number {
    return this.#random.uint32();
  }

  /** @returns A source of its own, so that one part of a simulation draws whatever the others do. */
  fork(): Chance {
    return new Chance(this.uint32());
  }

  /** @returns True with this probability. */
  happens(probability: number): boolean {
    return probability > 0 && this.#random.uint32() / 0x100000000 < probability;
  }

  /** @returns A whole number from `least` to `most`, both possible. */
  whole(least: number, most: number): number {
    return least + randomBelow(this.#random, most - least + 1);
  }

  /** @returns A number in [least, most). */
  between(least: number, most: number): number {
    return least + (this.#random.uint32() / 0x100000000) * (most - least);
  }

  /** @returns A number that is short as a rule and rarely many times `mean`. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.#random.uint32() / 0x100000000);
  }

  /** @returns One of them. */
  pick<T>(items: readonly T[]): T {
    return items[randomBelow(this.#random, items.length)];
  }

  /** @returns One of the names, each as likely as its weight says. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const names = Object.keys(weights) as T[];
    let left = this.between(0, names.reduce((sum, name) => sum + weights[name], 0));
    for (const name of names) {
      left -= weights[name];
      if (left < 0) return name;
    }
    return names[names.length - 1];
  }

  /** @returns They in a random order. */
  shuffled<T>(items: readonly T[]): T[] {
    const order = [...items];
    for (let at = order.length - 1; at > 0; at--) {
      const other = randomBelow(this.#random, at + 1);
      [order[at], order[other]] = [order[other], order[at]];
    }
    return order;
  }
}
