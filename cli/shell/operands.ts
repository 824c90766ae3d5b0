import type { Call, FlagTable, Json } from "./command.ts";
import { UsageError } from "./command_error.ts";
import { fromBase64, toBase64, utf8Text } from "./show.ts";

/** @returns A version flag's value; -1, any version, when it is not given. @throws {UsageError} */
export function versionFlag(text: string | undefined): number {
  return text === undefined ? -1 : intValue(text, "-v");
}

/** @returns A Java int. @throws {UsageError} Naming the flag. */
export function intValue(text: string, flag: string): number {
  const value = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= -0x80000000 && value <= 0x7fffffff)) {
    throw new UsageError(`${flag} argument must be an int value`);
  }
  return value;
}

/** @returns The bytes of an operand given in base64; null when it was left out. @throws {UsageError} */
export function base64Operand<F extends FlagTable>(call: Call<F>, index: number): Uint8Array | null {
  if (index >= call.operands.length) return null;
  const bytes = fromBase64(call.text(index));
  if (bytes === null) throw new UsageError(`${JSON.stringify(call.text(index))} is not base64`);
  return bytes;
}

/** Data for `--json`: text where it is UTF-8, else base64; `encoding` says which. Null stays null. */
export function dataJson(data: Uint8Array | null): { data: Json; encoding: Json } {
  if (data === null) return { data: null, encoding: null };
  const text = utf8Text(data);
  return text === null ? { data: toBase64(data), encoding: "base64" } : { data: text, encoding: "utf8" };
}
