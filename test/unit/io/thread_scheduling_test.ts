/** The scheduling of this thread, as Linux tells of it. */
import { expect, test } from "bun:test";
import { closeSync, fdatasync, openSync, readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { ThreadScheduling } from "../../../src/io/thread_scheduling.ts";

const policyOf = (task: string) =>
  Number(/^policy\s*:\s*(\d+)/m.exec(readFileSync(`${task}/sched`, "utf8"))?.[1]);
const policy = () => policyOf("/proc/self");
/** Threads of the runtime on which files are synced. */
const pool = () =>
  readdirSync("/proc/self/task").map((thread) => `/proc/self/task/${thread}`)
    .filter((task) => readFileSync(`${task}/comm`, "latin1").startsWith("Bun Pool"));
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
  scheduling.setPatience("serving");
  while (policy() !== 3) await Bun.sleep(1);
  scheduling.setPatience("none");
  while (policy() !== 0) await Bun.sleep(1);
  // What was wanted last counts, however quickly it changes.
  scheduling.setPatience("serving");
  scheduling.setPatience("none");
  await Bun.sleep(5);
  expect(policy()).toBe(0);
});

test.skipIf(!isTold)("what syncs files is patient only where all is, and its waits are told", async () => {
  const sync = promisify(fdatasync);
  const file = openSync(import.meta.path, "r");
  await sync(file);
  expect(pool().length).toBeGreaterThan(0);
  const policies = () => [policy(), ...new Set(pool().map(policyOf))].join();
  const scheduling = new ThreadScheduling();
  scheduling.setPatience("serving");
  while (policies() !== "3,0") await Bun.sleep(1);
  const before = scheduling.syncWaits()!;
  scheduling.setPatience("all");
  while (policies() !== "3,3") await Bun.sleep(1);
  for (let round = 0; round < 50; round++) await sync(file);
  const after = scheduling.syncWaits()!;
  expect(after.turns).toBeGreaterThan(before.turns);
  expect(after.waitedMs).toBeGreaterThanOrEqual(before.waitedMs);
  scheduling.setPatience("none");
  while (policies() !== "0,0") await Bun.sleep(1);
  closeSync(file);
});
