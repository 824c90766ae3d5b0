/** Waiting with an end, and trying again: an ensemble that finds itself still may drop a connection once more. */
import { ConnectionLossError, SessionExpiredError } from "../../mod.ts";

/**
 * Rejects when `promise` takes longer than `ms`.
 *
 * @param what Waited for, for the message.
 */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms} ms in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs something again and again as long as connections break under it, for `ms` at most. What it does must bear to
 * be done twice.
 */
export async function insist<T>(ms: number, what: string, run: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + ms;
  for (;;) {
    try {
      return await within(Math.max(1, endMs - performance.now()), what, run());
    } catch (error) {
      if (!(error instanceof ConnectionLossError) && !(error instanceof SessionExpiredError)) throw error;
      if (performance.now() > endMs) {
        throw new Error(`tried for ${ms} ms in vain: ${what}; last: ${error.message}`);
      }
      await Bun.sleep(100);
    }
  }
}
