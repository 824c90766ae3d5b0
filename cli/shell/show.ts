/** Shows bytes and text that came from a server so that a terminal cannot be harmed and nothing is lost. */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * What a terminal would act on: controls but tab, line feed and CR LF, and characters that turn the direction of
 * writing.
 */
const unsafe = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)/;
const unsafeOrBackslash = /[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\\]/gu;

/** @returns The bytes as text, or null when they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** @returns Whether the bytes are UTF-8 that a terminal shows as it is. */
export function isPrintable(bytes: Uint8Array): boolean {
  const text = utf8Text(bytes);
  return text !== null && !unsafe.test(text);
}

/**
 * Data for people: printable UTF-8 as it is; anything else with `\xNN`, `\n`, `\t`, `\r` and `\\`, so that the
 * same characters between double quotes give the same bytes back.
 */
export function showData(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  if (text !== null) return showText(text);
  let shown = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      shown += byteEscape(bytes[at]);
      at++;
    } else {
      shown += escapeText(strict.decode(bytes.subarray(at, at + length)));
      at += length;
    }
  }
  return shown;
}

/** Text for people, by the rule of {@linkcode showData}. */
export function showText(text: string): string {
  return unsafe.test(text) ? escapeText(text) : text;
}

/** Data as base64, one line. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** @returns The bytes, or null when the text is not base64 as Java's basic decoder takes it. */
export function fromBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const unpadded = text.replace(/=+$/, "");
  if (unpadded.length % 4 === 1 || (unpadded.length !== text.length && text.length % 4 !== 0)) return null;
  return new Uint8Array(Buffer.from(unpadded, "base64"));
}

const edge = "+-------------------------------------------------+";
const rule = `+--------${edge}----------------+`;

/**
 * Sixteen bytes a row with their characters beside them; empty data gives an empty text.
 *
 * @see Fact: HexDumpOutputFormatter, by Netty's ByteBufUtil.prettyHexDump
 */
export function hexDump(bytes: Uint8Array): string {
  if (bytes.length === 0) return "";
  const lines = [`         ${edge}`, "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |", rule];
  for (let row = 0; row < bytes.length; row += 16) {
    const part = bytes.subarray(row, row + 16);
    let hex = "";
    let chars = "";
    for (const byte of part) {
      hex += ` ${byte.toString(16).padStart(2, "0")}`;
      chars += byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : ".";
    }
    lines.push(`|${row.toString(16).padStart(8, "0")}|${hex.padEnd(49)}|${chars.padEnd(16)}|`);
  }
  lines.push(rule);
  return lines.join("\n");
}

function escapeText(text: string): string {
  return text.replace(unsafeOrBackslash, (char) => {
    if (char === "\\") return "\\\\";
    if (char === "\n") return "\\n";
    if (char === "\r") return "\\r";
    if (char === "\t") return "\\t";
    return Array.from(encoder.encode(char), byteEscape).join("");
  });
}

function byteEscape(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** @returns Bytes of the UTF-8 sequence that begins here; 0 when none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  return utf8Text(bytes.subarray(at, at + length)) === null ? 0 : length;
}
