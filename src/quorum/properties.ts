/** One key of a properties file. */
export interface Property {
  readonly value: string;
  /** Line on which the key begins, from 1. */
  readonly line: number;
}

/** A properties file that cannot be read. */
export class PropertiesError extends Error {
  override name = "PropertiesError";
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/**
 * Reads the content of a Java properties file, the syntax of zoo.cfg: `#` and `!` comments, `=`, `:` or blanks after
 * the key, a backslash at the end of a line to continue it, `\t \n \r \f \uXXXX` escapes. Keys and values are
 * trimmed and of equal keys the last wins, as QuorumPeerConfig does.
 *
 * @param content The characters, which the bytes of a file are as {@link latin1} has them.
 * @throws {PropertiesError} On a `\u` without four hexadecimal digits.
 * @see Fact: java.util.Properties.load
 */
export function parseProperties(content: string): Map<string, Property> {
  const properties = new Map<string, Property>();
  for (const { text, line } of logicalLines(content)) {
    const keyEnd = findKeyEnd(text);
    const key = trim(unescape(text.slice(0, keyEnd), line));
    const value = trim(unescape(text.slice(findValueStart(text, keyEnd)), line));
    properties.delete(key);
    properties.set(key, { value, line });
  }
  return properties;
}

/**
 * Takes keys out of a properties file and leaves everything else as it is, comments and order too.
 *
 * @returns The content without the lines of those keys, continued ones whole. Something may be appended to it: it
 *   does not end within a line.
 */
export function withoutKeys(content: string, isUnwanted: (key: string) => boolean): string {
  const naturalLines = content.match(/[^\r\n]*(?:\r\n|\n|\r|$)/g)!.filter((line) => line !== "");
  for (const { text, line, lineEnd } of logicalLines(content)) {
    if (isUnwanted(trim(unescape(text.slice(0, findKeyEnd(text)), line)))) {
      naturalLines.fill("", line - 1, lineEnd);
    }
  }
  const kept = naturalLines.join("");
  if (kept === "") return "";
  const ended = /[\r\n]$/.test(kept) ? kept : `${kept}\n`;
  // A backslash at the end continues into whatever comes next; an empty line ends that.
  return /\\(?:\r\n|\n|\r)$/.test(ended) ? `${ended}\n` : ended;
}

/** @returns A value as it must be written to be read back: backslashes doubled, and ASCII only. */
export function escapeValue(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

interface LogicalLine {
  text: string;
  /** The natural lines that it is made of: the first from 1, and the last. */
  line: number;
  lineEnd: number;
}

const leadingBlanks = /^[ \t\f]+/;

/** Joins continued lines; drops comments and empty lines. A comment cannot be continued. */
function* logicalLines(text: string): Generator<LogicalLine> {
  const naturalLines = text.split(/\r\n|\n|\r/);
  for (let index = 0; index < naturalLines.length; index++) {
    const line = index + 1;
    let logical = naturalLines[index].replace(leadingBlanks, "");
    if (logical === "" || logical[0] === "#" || logical[0] === "!") continue;
    while (isContinued(logical)) {
      logical = logical.slice(0, -1);
      // Nothing but a backslash continues nothing: the next line may even be a comment.
      if (logical === "" || index + 1 === naturalLines.length) break;
      index += 1;
      logical += naturalLines[index].replace(leadingBlanks, "");
    }
    if (logical !== "") yield { text: logical, line, lineEnd: index + 1 };
  }
}

function isContinued(line: string): boolean {
  let backslashes = 0;
  while (line[line.length - 1 - backslashes] === "\\") backslashes += 1;
  return backslashes % 2 === 1;
}

function isBlank(char: string): boolean {
  return char === " " || char === "\t" || char === "\f";
}

function findKeyEnd(text: string): number {
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === "=" || char === ":" || isBlank(char)) return at;
    at += char === "\\" ? 2 : 1;
  }
  return text.length;
}

function findValueStart(text: string, keyEnd: number): number {
  let at = keyEnd;
  while (at < text.length && isBlank(text[at])) at += 1;
  if (text[at] !== "=" && text[at] !== ":") return at;
  at += 1;
  while (at < text.length && isBlank(text[at])) at += 1;
  return at;
}

const controlEscapes: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescape(text: string, line: number): string {
  if (!text.includes("\\")) return text;
  let plain = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "\\") {
      plain += text[at];
      continue;
    }
    at += 1;
    if (text[at] === "u") {
      const digits = text.slice(at + 1, at + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
        throw new PropertiesError(line, `\\u must be followed by four hexadecimal digits, not "${digits}"`);
      }
      plain += String.fromCharCode(parseInt(digits, 16));
      at += 4;
    } else if (at < text.length) {
      plain += controlEscapes[text[at]] ?? text[at];
    }
  }
  return plain;
}

/** As Java's String.trim: everything up to and including the blank. */
function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && text.charCodeAt(from) <= 0x20) from += 1;
  while (to > from && text.charCodeAt(to - 1) <= 0x20) to -= 1;
  return text.slice(from, to);
}

/**
 * The characters of a dynamic configuration file. Apache writes hosts in other scripts as UTF-8, which it then reads as
 * ISO-8859-1; what they were meant to be is known here (ZOOKEEPER-4787).
 */
export function memberFileText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return latin1(bytes);
  }
}

/** ISO-8859-1 proper, the characters of a properties file; TextDecoder would take it for windows-1252. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
