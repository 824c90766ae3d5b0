/** Reads the values of flags. */
import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Sizes in bytes. */
export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

/** Bytes of data in one request: servers refuse a mebibyte (`jute.maxbuffer`), path and header included. */
export const sizeMax = 1_000_000;
const durationMaxMs = 24 * 3600 * 1000;
const units: Readonly<Record<string, number>> = { "": 1000, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** @returns What reads a whole number of a range. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) {
      throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** `500ms`, `10s`, `2m`, `1h`, or seconds. @returns Milliseconds. */
export function durationMs(text: string): number {
  const [, digits, unit] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|)$/.exec(text) ?? [];
  const value = digits === undefined ? -1 : Math.round(Number(digits) * units[unit]);
  if (value < 0 || value > durationMaxMs) {
    throw new InvalidArgumentError("It is a time such as 500ms, 10s or 2m, a day at most.");
  }
  return value;
}

/** `100`, `4k`, or `0-4k`, in bytes; k stands for 1024. */
export function range(text: string): SizeRange {
  const [min, max = min] = text.split("-", 2).map(sizeOf);
  if (min < 0 || max < min || max > sizeMax || text.split("-").length > 2) {
    throw new InvalidArgumentError(`It is a size such as 100, 4k or 0-4k, ${sizeMax} bytes at most.`);
  }
  return { min, max };
}

function sizeOf(text: string): number {
  const [, digits, kilo] = /^([0-9]{1,7})(k?)$/.exec(text) ?? [];
  return digits === undefined ? -1 : Number(digits) * (kilo === "" ? 1 : 1024);
}
