import type { Random } from "../base/random.ts";

/** The runtime's own randomness; for spreading load, not for secrets. */
export const nodeRandom: Random = {
  uint32(): number {
    return Math.floor(Math.random() * 0x100000000);
  },
};
