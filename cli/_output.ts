import { writeSync } from "node:fs";
import { ExitCode } from "./_errors.ts";

/**
 * Writes all of a text to a file descriptor before it returns: nothing is cut when the process then ends. The
 * runtime's own streams cost some 15 ms to load, which is a good part of the time a short command takes.
 *
 * @returns False when whoever read it has had enough, as `head` does.
 */
export function writeAll(descriptor: number, text: string): boolean {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") return false;
      // A pipe that another process made non-blocking is full.
      if (code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
  return true;
}

/** Writes to stdout; ends the process when nobody reads it any more. */
export function writeOut(text: string): void {
  if (!writeAll(1, text)) process.exit(ExitCode.failed);
}

/** Writes to stderr, if anybody reads it. */
export function writeErr(text: string): void {
  writeAll(2, text);
}
