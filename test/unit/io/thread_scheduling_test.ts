/** The scheduling of this thread, as Linux tells of it. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ThreadScheduling } from "../../../src/io/thread_scheduling.ts";

const policy = () => Number(/^policy\s*:\s*(\d+)/m.exec(readFileSync("/proc/self/sched", "utf8"))?.[1]);
const isTold = process.platform === "linux" && tryPolicy() === 0;

function tryPolicy(): number {
  try {
    return policy();
  } catch {
    return NaN;
  }
}

test.skipIf(!isTold)("is SCHED_BATCH while it is patient", async () => {
  const scheduling = new ThreadScheduling();
  scheduling.setPatient(true);
  while (policy() !== 3) await Bun.sleep(1);
  scheduling.setPatient(false);
  while (policy() !== 0) await Bun.sleep(1);
  // What was wanted last counts, however quickly it changes.
  scheduling.setPatient(true);
  scheduling.setPatient(false);
  await Bun.sleep(5);
  expect(policy()).toBe(0);
});
