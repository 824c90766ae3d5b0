/**
 * Splits a line into words, the way zkCli does where it matters: a quote is special only at the start of a
 * word, so `set /a {"x":1}` needs no escapes. On top of zkCli:
 *
 * - bare word: `\` before a blank, or before a quote that would open the word, takes it literally, and
 *   `\xNN` is a byte; any other backslash stays, so JSON with `\n` and `\"` arrives as typed;
 * - `"…"`: `\" \\ \n \t \r \0 \xNN \uNNNN`; an unknown escape keeps its backslash;
 * - `'…'`: everything is literal.
 *
 * @see Fact: ZooKeeperMain.MyCommandOptions.parseCommand, for the quotes
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One word of a command. */
export class Word {
  /** The word as text; bytes given as `\xNN` are read as UTF-8. */
  readonly text: string;
  /** Whether it was quoted: then it is never taken for a flag. */
  readonly quoted: boolean;
  /** Where it begins in its line, quote included. */
  readonly start: number;
  #bytes: Uint8Array | null;

  constructor(text: string, place: { start?: number; quoted?: boolean; bytes?: Uint8Array } = {}) {
    this.text = text;
    this.start = place.start ?? 0;
    this.quoted = place.quoted ?? false;
    this.#bytes = place.bytes ?? null;
  }

  /** The word as data; exact where `text` could not hold it. */
  get bytes(): Uint8Array {
    return this.#bytes ??= encoder.encode(this.text);
  }
}

/** What {@linkcode splitLine} found. */
export interface SplitLine {
  readonly words: readonly Word[];
  /** The quote that was opened and not closed; null when all is well. */
  readonly openQuote: '"' | "'" | null;
  /** Whether the line ends inside its last word: no blank follows it. */
  readonly inWord: boolean;
}

/** Splits a line; never fails, an open quote runs to the end and is reported. */
export function splitLine(line: string): SplitLine {
  const words: Word[] = [];
  let at = 0;
  let openQuote: SplitLine["openQuote"] = null;
  let inWord = false;
  for (;;) {
    while (at < line.length && isBlank(line[at])) at++;
    if (at === line.length) break;
    const start = at;
    const content = new Content();
    const first = line[at];
    const quote = first === '"' || first === "'" ? first : null;
    if (quote !== null) {
      at = quote === '"' ? readDouble(line, at + 1, content) : readSingle(line, at + 1, content);
      if (at > line.length) {
        openQuote = quote;
        at = line.length;
      }
    }
    if (openQuote === null) at = readBare(line, at, content, quote === null);
    words.push(content.word(start, quote !== null));
    inWord = at === line.length;
  }
  return { words, openQuote, inWord };
}

/** How a word must be typed so that {@linkcode splitLine} gives it back; `quote` is one already opened. */
export function typeWord(text: string, quote: SplitLine["openQuote"] = null): string {
  if (quote === "'") return `'${text}`;
  if (quote === '"') return `"${text.replace(/["\\]/g, "\\$&")}`;
  return text.replace(/[ \t]/g, "\\$&").replace(/^["']/, "\\$&");
}

/** Collects the characters and raw bytes of one word. */
class Content {
  #text = "";
  /** Bytes so far; null while plain text suffices. */
  #bytes: number[] | null = null;

  add(text: string): void {
    if (this.#bytes === null) this.#text += text;
    else this.#bytes.push(...encoder.encode(text));
  }

  addByte(byte: number): void {
    if (byte < 0x80) return this.add(String.fromCharCode(byte));
    this.#bytes ??= [...encoder.encode(this.#text)];
    this.#bytes.push(byte);
  }

  word(start: number, quoted: boolean): Word {
    if (this.#bytes === null) return new Word(this.#text, { start, quoted });
    const bytes = Uint8Array.from(this.#bytes);
    return new Word(decoder.decode(bytes), { start, quoted, bytes });
  }
}

function readBare(line: string, from: number, content: Content, atStart: boolean): number {
  let at = from;
  while (at < line.length && !isBlank(line[at])) {
    if (line[at] === "\\") {
      const next = line[at + 1];
      if (isBlank(next) || (atStart && at === from && (next === '"' || next === "'"))) {
        content.add(next);
        at += 2;
        continue;
      }
      const byte = hexAt(line, at, "x", 2);
      if (byte !== null) {
        content.addByte(byte);
        at += 4;
        continue;
      }
    }
    content.add(line[at]);
    at++;
  }
  return at;
}

/** @returns The index after the closing quote; past the end of the line when there is none. */
function readSingle(line: string, from: number, content: Content): number {
  const end = line.indexOf("'", from);
  content.add(line.slice(from, end < 0 ? undefined : end));
  return end < 0 ? line.length + 1 : end + 1;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
};

/** @returns As {@linkcode readSingle}. */
function readDouble(line: string, from: number, content: Content): number {
  let at = from;
  while (at < line.length) {
    const char = line[at];
    if (char === '"') return at + 1;
    if (char !== "\\") {
      content.add(char);
      at++;
      continue;
    }
    const simple = simpleEscapes[line[at + 1] ?? ""];
    const byte = hexAt(line, at, "x", 2);
    const unit = hexAt(line, at, "u", 4);
    if (simple !== undefined) {
      content.add(simple);
      at += 2;
    } else if (byte !== null) {
      content.addByte(byte);
      at += 4;
    } else if (unit !== null) {
      content.add(String.fromCharCode(unit));
      at += 6;
    } else {
      content.add("\\");
      at++;
    }
  }
  return line.length + 1;
}

function hexAt(line: string, at: number, kind: "x" | "u", digits: number): number | null {
  if (line[at + 1] !== kind) return null;
  const hex = line.slice(at + 2, at + 2 + digits);
  return hex.length === digits && /^[0-9a-fA-F]+$/.test(hex) ? parseInt(hex, 16) : null;
}

function isBlank(char: string | undefined): boolean {
  return char === " " || char === "\t";
}
