/** Hash functions, as the outer ring hands them in. */
export interface Hasher {
  /** @returns The digest of `bytes`; `algorithm` by its usual name, such as "SHA1" or "SHA-256". @throws {Error} If it is unknown. */
  digest(algorithm: string, bytes: Uint8Array): Uint8Array;
}
