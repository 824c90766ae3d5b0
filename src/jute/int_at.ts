/** @returns The big-endian int32 at `bytes[at]`: for a look at one field, where a reader or a view would be made for it alone. */
export function int32At(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** @returns The big-endian int64 at `bytes[at]`. */
export function int64At(bytes: Uint8Array, at: number): bigint {
  return int64Of(int32At(bytes, at), int32At(bytes, at + 4));
}

/** @returns The signed 64-bit value of two halves, the high one first. */
export function int64Of(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
