import type { Scheduling } from "../base/scheduling.ts";

/** Linux's policies for threads without priorities of their own (sched(7)). */
const policies = { other: 0, batch: 3 } as const;

type SetPolicy = (policy: number) => boolean;

/**
 * The scheduling of this very thread: SCHED_BATCH is Linux's for one that does not interrupt others when it wakes up. Its
 * share of the time is the same. Elsewhere, or where the system forbids it, nothing happens.
 */
export class ThreadScheduling implements Scheduling {
  #setPolicy: Promise<SetPolicy | null> | null = null;
  #wanted: number = policies.other;

  setPatient(isPatient: boolean): void {
    this.#wanted = isPatient ? policies.batch : policies.other;
    // Loaded when it is wanted for the first time, for a start's sake.
    this.#setPolicy ??= loadSetPolicy();
    void this.#setPolicy.then((setPolicy) => {
      if (setPolicy !== null && !setPolicy(this.#wanted)) this.#setPolicy = Promise.resolve(null);
    });
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
    return (policy) => symbols.sched_setscheduler(0, policy, ptr(parameters)) === 0;
  } catch {
    // Another C library, or a runtime without a way to call it.
    return null;
  }
}
