/** Waiting for what tests wait for. */

/** How long a wait may take before the test fails, in ms. Long, for a wait ends with its condition. */
export const untilPatienceMs = 60_000;

/** Polls until `look` returns something other than undefined. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  patienceMs = untilPatienceMs,
): Promise<T> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs) throw new Error(`Waited ${patienceMs} ms for ${what}`);
    await Bun.sleep(20);
  }
}
