import { type Random, randomBelow } from "../../src/base/random.ts";
import type { Distribution } from "./plan.ts";

/** How much more often the first keys are chosen: the usual exponent of such loads. */
const zipfExponent = 0.99;

/** @returns What chooses a key, 0 to `count` - 1, each time it is called. */
export function keyPicker(distribution: Distribution, count: number, random: Random): () => number {
  return distribution === "zipf" && count > 2 ? zipfPicker(count, random) : () => randomBelow(random, count);
}

/**
 * Key k with a probability in proportion to 1 / (k + 1)^0.99, in constant time and memory.
 *
 * @see Fact: Gray et al., Quickly Generating Billion-Record Synthetic Databases (SIGMOD 1994), section 3
 */
function zipfPicker(count: number, random: Random): () => number {
  const firstTwo = 1 + 0.5 ** zipfExponent;
  let all = 0;
  for (let rank = 1; rank <= count; rank++) all += rank ** -zipfExponent;
  const alpha = 1 / (1 - zipfExponent);
  const eta = (1 - (2 / count) ** (1 - zipfExponent)) / (1 - firstTwo / all);
  return () => {
    const part = random.uint32() / 0x100000000;
    const share = part * all;
    if (share < 1) return 0;
    if (share < firstTwo) return 1;
    return Math.min(count - 1, Math.floor(count * (eta * part - eta + 1) ** alpha));
  };
}
