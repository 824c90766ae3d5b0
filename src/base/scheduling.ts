/** How the system's scheduler treats the thread that serves. */
export interface Scheduling {
  /**
   * Whether that thread, when something wakes it, waits for whoever runs to be done, instead of interrupting them. May
   * do nothing where the system knows no such thing.
   */
  setPatient(isPatient: boolean): void;
}
