import * as z from "zod/mini";

/**
 * What a key's value may be. The schema is built when a value is checked and not before: a start then pays for the
 * handful of keys it was given, not for all there are.
 */
export interface ValueType<T> {
  schema(): z.ZodMiniType<T, string>;
  /** What would be right, to follow "must be". */
  readonly expected: string;
}

/** The type of the values a {@link ValueType} lets through. */
export type ValueOf<V> = V extends ValueType<infer T> ? T : never;

/** Bounds and unit of a whole number. */
export interface WholeOptions {
  readonly min?: number;
  readonly max?: number;
  /** Such as "milliseconds"; only told to people. */
  readonly unit?: string;
}

/** Java's Integer.decode, which most `zookeeper.*` properties are read with, also takes hexadecimal and octal. */
const decimalPattern = /^[+-]?[0-9]+$/;
const decodePattern = /^[+-]?(?:0[xX][0-9a-fA-F]+|#[0-9a-fA-F]+|[0-9]+)$/;

/** A whole number in decimal, as Integer.parseInt reads it. */
export function whole(options: WholeOptions = {}): ValueType<number> {
  return wholeNumber(options, decimalPattern, Number);
}

/** A whole number in decimal, hexadecimal (`0x10`, `#10`) or octal (`010`), as Integer.getInteger reads it. */
export function decoded(options: WholeOptions = {}): ValueType<number> {
  return wholeNumber(options, decodePattern, decode);
}

function wholeNumber(
  { min = -0x80000000, max = 0x7fffffff, unit }: WholeOptions,
  pattern: RegExp,
  read: (text: string) => number,
): ValueType<number> {
  const bounds = max === 0x7fffffff
    ? (min === -0x80000000 ? "" : `, at least ${min}`)
    : `, from ${min} to ${max}`;
  return {
    schema: () =>
      z.pipe(
        z.pipe(z.string().check(z.regex(pattern)), z.transform(read)),
        z.number().check(z.gte(min), z.lte(max)),
      ),
    expected: `a whole number${unit === undefined ? "" : ` of ${unit}`}${bounds}`,
  };
}

function decode(text: string): number {
  const [, sign, body] = /^([+-]?)(.*)$/.exec(text) ?? ["", "", text];
  const size = body.startsWith("#")
    ? parseInt(body.slice(1), 16)
    : /^0[xX]/.test(body)
    ? parseInt(body.slice(2), 16)
    : /^0[0-7]+$/.test(body)
    ? parseInt(body, 8)
    : Number(body);
  return sign === "-" ? -size : size;
}

/** `true` or `false`, in any case. */
export const flag: ValueType<boolean> = {
  schema: () =>
    z.pipe(
      z.string().check(z.regex(/^(?:true|false)$/i)),
      z.transform((text) => text.toLowerCase() === "true"),
    ),
  expected: "true or false",
};

/** `yes` or `no`. */
export const yesNo: ValueType<boolean> = {
  schema: () => z.pipe(z.enum(["yes", "no"]), z.transform((text) => text === "yes")),
  expected: "yes or no",
};

/** A TCP port; 0 where any free one will do. */
export function port(min: 0 | 1 = 0): ValueType<number> {
  return wholeNumber({ min, max: 65535 }, decimalPattern, Number);
}

/** Any text, also none. */
export const text: ValueType<string> = { schema: () => z.string(), expected: "text" };

/** Some text, told to people by what it names. */
export function named(what: string): ValueType<string> {
  return { schema: () => z.string().check(z.minLength(1)), expected: what };
}

/** One of some words, in any case; `words` maps each to what it means. */
export function oneOf<T>(words: Readonly<Record<string, T>>): ValueType<T> {
  const names = Object.keys(words);
  return {
    schema: () =>
      z.pipe(
        z.pipe(z.string(), z.transform((value) => value.toLowerCase())),
        z.pipe(z.enum(names), z.transform((name) => words[name])),
      ),
    expected: names.map((name) => name === "" ? "empty" : name).join(" or "),
  };
}

/** A decimal fraction between two bounds. */
export function fraction(min: number, max: number): ValueType<number> {
  return {
    schema: () =>
      z.pipe(
        z.pipe(z.string().check(z.regex(/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/)), z.transform(Number)),
        z.number().check(z.gte(min), z.lte(max)),
      ),
    expected: `a number from ${min} to ${max}`,
  };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time in ms, written as a number of hours or with a unit (`30m`); 0 and below is never. (QuorumPeerConfig, Time) */
export const hours: ValueType<number> = {
  schema: () =>
    z.pipe(
      z.string().check(z.regex(/^[+-]?[0-9]{1,9}(?:ms|[smhd])?$/i)),
      z.transform((value) => {
        const [, count, unit] = /^([+-]?[0-9]+)(.*)$/.exec(value.toLowerCase()) ?? [];
        return Number(count) * unitMs[unit === "" ? "h" : unit];
      }),
    ),
  expected: "a whole number of hours, or one followed by ms, s, m, h or d; 0 for never",
};
