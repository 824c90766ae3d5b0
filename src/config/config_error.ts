/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** File and line (`zoo.cfg:12`), file alone, or flag (`--tick-time`). */
  readonly where: string;
  /** Undefined when it is about no single key. */
  readonly key?: string;
  /** As written; undefined when it is about a missing key. */
  readonly value?: string;
  /** The rule, and what would be right. */
  readonly rule: string;
}

/** A configuration that cannot be started with: error kind 2 of the design. Names all that is wrong at once. */
export class ConfigError extends Error {
  override name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(problemText).join("\n"));
    this.problems = problems;
  }
}

function problemText({ where, key, value, rule }: ConfigProblem): string {
  if (key === undefined) return `${where}: ${rule}`;
  return value === undefined ? `${where}: ${key} ${rule}` : `${where}: ${key}=${value} ${rule}`;
}
