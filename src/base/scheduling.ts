/**
 * Whose threads, when something wakes them, wait for whoever runs to be done, instead of interrupting them: nobody's, that of
 * the one that serves, or also those of the ones that sync.
 */
export type Patience = "none" | "serving" | "all";

/** How the system's scheduler treats the threads of this process that a request has to pass. */
export interface Scheduling {
  /** From "none", which it begins with. May do nothing where the system knows no such thing. */
  setPatience(patience: Patience): void;
  /** @returns How long the threads that sync waited for a core until now; null where the system does not tell. */
  syncWaits(): CoreWaits | null;
}

/** Totals of some threads; they begin anew with a thread that is gone. */
export interface CoreWaits {
  /** Ms in which one of them was ready to run and had no core. */
  readonly waitedMs: number;
  /** How many times one of them was given a core. */
  readonly turns: number;
}
