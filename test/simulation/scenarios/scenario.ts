/** A history by name that once broke an ensemble, or could. */
export interface Scenario {
  /** In lower case, as `--scenario` takes it; of a known bug its id. */
  readonly name: string;
  /** What happens, in one sentence. */
  readonly summary: string;
  /**
   * Plays it.
   *
   * @param trace Takes each line of the trace.
   * @throws {ScenarioFailure} If anything comes out otherwise than it must.
   */
  run(trace?: (line: string) => void): void;
}

/** A scenario came out otherwise than it must. */
export class ScenarioFailure extends Error {
  override name = "ScenarioFailure";
}
