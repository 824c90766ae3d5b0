import { readdirSync, readFileSync } from "node:fs";
import type { CoreWaits, Patience, Scheduling } from "../base/scheduling.ts";

/** Linux's policies for threads without priorities of their own (sched(7)). */
const policies = { other: 0, batch: 3 } as const;

/** Where Linux tells of this process's threads. */
const tasks = "/proc/self/task";
/** What the names of the runtime's threads begin with on which files are synced. */
const poolName = "Bun Pool";
/** So many of them are looked at: their number grows with that of the cores, what there is to see does not. */
const poolThreadsRead = 4;

/** @param thread Its id; 0 is the one that calls. */
type SetPolicy = (thread: number, policy: number) => boolean;

/**
 * The scheduling of this very thread, which serves, and of those that sync files: SCHED_BATCH is Linux's for one that does
 * not interrupt others when it wakes up. Its share of the time is the same. Elsewhere, or where the system forbids it,
 * nothing happens.
 */
export class ThreadScheduling implements Scheduling {
  #setPolicy: Promise<SetPolicy | null> | null = null;
  #wanted: Patience = "none";
  /** Threads that sync, as they were when it last changed: one that begins meanwhile is as its maker. */
  #pool: readonly number[] = [];

  setPatience(patience: Patience): void {
    this.#wanted = patience;
    this.#pool = poolThreads();
    // Loaded when it is wanted for the first time, for a start's sake.
    this.#setPolicy ??= loadSetPolicy();
    void this.#setPolicy.then((setPolicy) => {
      if (setPolicy === null) return;
      const serving = this.#wanted === "none" ? policies.other : policies.batch;
      const syncing = this.#wanted === "all" ? policies.batch : policies.other;
      if (!setPolicy(0, serving)) this.#setPolicy = Promise.resolve(null);
      // One that is gone meanwhile needs none.
      else for (const thread of this.#pool) setPolicy(thread, syncing);
    });
  }

  syncWaits(): CoreWaits | null {
    let waitedNs = 0;
    let turns = 0;
    try {
      for (const thread of this.#pool.slice(0, poolThreadsRead)) {
        // Ns that it ran, ns that it waited for a core, times that it was given one.
        const totals = readFileSync(`${tasks}/${thread}/schedstat`, "latin1").split(" ");
        waitedNs += Number(totals[1]);
        turns += Number(totals[2]);
      }
    } catch {
      // A kernel that counts no such thing, or a thread that is gone.
      return null;
    }
    return { waitedMs: waitedNs / 1e6, turns };
  }
}

function poolThreads(): number[] {
  try {
    return readdirSync(tasks)
      .filter((thread) => readFileSync(`${tasks}/${thread}/comm`, "latin1").startsWith(poolName))
      .map(Number);
  } catch {
    // Another system, or a thread that is gone meanwhile.
    return [];
  }
}

async function loadSetPolicy(): Promise<SetPolicy | null> {
  if (process.platform !== "linux") return null;
  try {
    const { dlopen, ptr } = await import("bun:ffi");
    const { symbols } = dlopen("libc.so.6", {
      sched_getscheduler: { args: ["i32"], returns: "i32" },
      sched_setscheduler: { args: ["i32", "i32", "ptr"], returns: "i32" },
    });
    // Whoever started this server with another policy had a reason.
    if (symbols.sched_getscheduler(0) !== policies.other) return null;
    // struct sched_param: a priority, which is 0 for both.
    const parameters = new Int32Array(1);
    return (thread, policy) => symbols.sched_setscheduler(thread, policy, ptr(parameters)) === 0;
  } catch {
    // Another C library, or a runtime without a way to call it.
    return null;
  }
}
