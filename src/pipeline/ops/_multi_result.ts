import type { JuteWriter } from "../../jute/writer.ts";

/** Writes the 9 bytes before a result of a multi (MultiHeader). */
export function writeMultiHeader(writer: JuteWriter, type: number, error: number): void {
  writer.int(type);
  writer.bool(false);
  writer.int(error);
}

/** Writes a failed part: type -1 and its error, twice. */
export function writeMultiError(writer: JuteWriter, error: number): void {
  writeMultiHeader(writer, -1, error);
  writer.int(error);
}

/** Writes the end of the results. */
export function writeMultiEnd(writer: JuteWriter): void {
  writer.int(-1);
  writer.bool(true);
  writer.int(-1);
}
