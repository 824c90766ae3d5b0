const intMin = -0x8000000000000000n;
const intMax = 0x7fffffffffffffffn;

/**
 * The text of quota znodes, limits and usage alike: `count=N,bytes=M`, and where there are more keys
 * `count=N,bytes=M=;byteHardLimit=B;countHardLimit=C`. The stray `=` keeps parsers before 3.5 from looking at
 * what follows (StatsTrack).
 *
 * A key that is absent or empty stands for -1, none. What cannot be read is skipped: the text comes from
 * clients, and a quota that no one can read limits nothing.
 */
export class StatsTrack {
  readonly #values = new Map<string, bigint>();

  constructor(text = "") {
    for (const pair of text.split(/[,;]+/)) {
      const [key, value] = pair.split("=");
      if (key === "" || value === undefined) continue;
      const number = value === "" ? -1n : parseLong(value);
      if (number !== null) this.#values.set(key, number);
    }
  }

  /** Znodes: used, or the soft limit. */
  get count(): bigint {
    return this.#get("count");
  }

  set count(value: bigint) {
    this.#values.set("count", value);
  }

  /** Bytes of data: used, or the soft limit. */
  get bytes(): bigint {
    return this.#get("bytes");
  }

  set bytes(value: bigint) {
    this.#values.set("bytes", value);
  }

  get countHardLimit(): bigint {
    return this.#get("countHardLimit");
  }

  set countHardLimit(value: bigint) {
    this.#values.set("countHardLimit", value);
  }

  get byteHardLimit(): bigint {
    return this.#get("byteHardLimit");
  }

  set byteHardLimit(value: bigint) {
    this.#values.set("byteHardLimit", value);
  }

  toString(): string {
    const others = [...this.#values.keys()].filter((key) => key !== "count" && key !== "bytes").sort();
    let text = `count=${this.count},bytes=${this.bytes}`;
    if (others.length > 0) text += "=";
    for (const key of others) text += `;${key}=${this.#values.get(key)}`;
    return text;
  }

  #get(key: string): bigint {
    return this.#values.get(key) ?? -1n;
  }
}

function parseLong(text: string): bigint | null {
  if (!/^[+-]?[0-9]{1,19}$/.test(text)) return null;
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return value < intMin || value > intMax ? null : value;
}
