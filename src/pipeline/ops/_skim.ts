import type { JuteReader } from "../../jute/reader.ts";

/** Skips a path. @returns Its length, -1 for null. */
export function skimPath(body: JuteReader): number {
  const length = body.fieldLength();
  body.skip(Math.max(length, 0));
  return length;
}
