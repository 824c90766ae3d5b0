/** A source of randomness: the machine's in the binary, a seed in tests. */
export interface Random {
  /** @returns A whole number in [0, 2^32). */
  uint32(): number;
}

/**
 * Seeded randomness (splitmix32) for tests and simulations: the same seed gives the same run.
 *
 * @param seed Any whole number; its low 32 bits are used.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return {
    uint32(): number {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    },
  };
}

/** @returns A whole number in [0, bound). */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor((random.uint32() / 0x100000000) * bound);
}
