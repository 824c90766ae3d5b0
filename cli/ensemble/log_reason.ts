import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** How much of a log's end is looked at, in bytes. */
const tailBytes = 64 * 1024;

/**
 * The line of a server's log that most likely says why it ended: its last error, else its last line.
 *
 * @param start Where its last run begins in the file, in bytes.
 * @returns Without the time before it; undefined when that run left nothing.
 */
export function lastReason(path: string, start: number): string | undefined {
  const lines = tailOf(path, start).split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.findLast((each) => /^zoon: |^\S+ ERROR /.test(each)) ?? lines.at(-1);
  return line?.replace(/^zoon: /, "").replace(/^\d{4}-\d\d-\d\dT\S+ +[A-Z]+ +/, "");
}

function tailOf(path: string, start: number): string {
  let file;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(file);
    const from = Math.max(start, size - tailBytes);
    const bytes = new Uint8Array(Math.max(0, size - from));
    return new TextDecoder().decode(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from)));
  } finally {
    closeSync(file);
  }
}
