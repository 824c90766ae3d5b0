import { createHash } from "node:crypto";
import type { Hasher } from "../base/hash.ts";

/** The runtime's hash functions; names are taken with or without their dash, as Java does. */
export const systemHasher: Hasher = {
  digest(algorithm, bytes) {
    return new Uint8Array(createHash(algorithm.toLowerCase().replace("-", "")).update(bytes).digest());
  },
};
