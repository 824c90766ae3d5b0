/** One key and its value, from a file or from a flag. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
  /** For messages: `zoo.cfg:12` or `--tick-time`. */
  readonly where: string;
  /** From a flag: it wins where the file says a thing twice. */
  readonly override?: true;
}

/** The entries of a configuration by key; a later one replaces an earlier one. */
export class ConfigEntries {
  readonly #byKey = new Map<string, ConfigEntry>();

  add(entry: ConfigEntry): void {
    this.#byKey.delete(entry.key);
    this.#byKey.set(entry.key, entry);
  }

  get(key: string): ConfigEntry | undefined {
    return this.#byKey.get(key);
  }

  [Symbol.iterator](): IterableIterator<ConfigEntry> {
    return this.#byKey.values();
  }
}
