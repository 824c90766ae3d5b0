import type { Random } from "../base/random.ts";

/** The machine's randomness, drawn in batches. */
export function systemRandom(): Random {
  const drawn = new Uint32Array(64);
  let left = 0;
  return {
    uint32(): number {
      if (left === 0) {
        crypto.getRandomValues(drawn);
        left = drawn.length;
      }
      return drawn[--left];
    },
  };
}
