/** Names under /zookeeper/quota (Quotas). */
export const quotaRoot = "/zookeeper/quota";
export const limitsName = "zookeeper_limits";
export const statsName = "zookeeper_stats";

/** A number of a quota record. */
export type QuotaKey = "count" | "bytes" | "countHardLimit" | "byteHardLimit";

/**
 * The text kept in a quota's znodes: numbers by name, -1 for none. Numbers of 64 bits, exact.
 *
 * @see Fact: StatsTrack, whose odd form `count=4,bytes=5=;byteHardLimit=10` old readers need
 */
export class QuotaRecord {
  readonly #values = new Map<string, bigint>();

  /** Reads a record; pairs that make no sense are passed over. */
  static parse(text: string): QuotaRecord {
    const record = new QuotaRecord();
    for (const pair of text.split(/[,;]+/)) {
      const [key, value] = pair.split("=");
      if (key !== "" && /^-?\d+$/.test(value ?? "")) record.#values.set(key, BigInt(value));
    }
    return record;
  }

  /** @returns The number, -1 when it is not there. */
  get(key: QuotaKey): bigint {
    return this.#values.get(key) ?? -1n;
  }

  set(key: QuotaKey, value: bigint): void {
    this.#values.set(key, value);
  }

  /** The text to store: count and bytes first, the others sorted after an odd `=`. */
  toString(): string {
    const others = [...this.#values.keys()].filter((key) => key !== "count" && key !== "bytes").sort();
    const tail = others.map((key) => `;${key}=${this.#values.get(key)}`).join("");
    return `count=${this.get("count")},bytes=${this.get("bytes")}${tail === "" ? "" : `=${tail}`}`;
  }

  /** For `--json`; numbers beyond 2^53 lose digits, which no quota has. */
  toJson(): Record<string, number> {
    return Object.fromEntries([...this.#values].map(([key, value]) => [key, Number(value)]));
  }
}
