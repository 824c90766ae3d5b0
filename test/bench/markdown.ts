/** Tables of figures in Markdown, and where they stand in BENCHMARKS.md. */
import type { Spread } from "./statistics.ts";

/** A table; the first column is text, the others are numbers. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => column === 0 ? "---" : "---:")), ...rows.map(line)]
    .join("\n");
}

/** A whole number, its thousands in groups. */
export function countText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Three digits that count, all of those before the point; thousands in groups. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return countText(value);
  if (size >= 100) return String(Math.round(value));
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The median, and in parentheses the least and the most where they differ. */
export function spreadText({ median, min, max }: Spread): string {
  const [middle, least, most] = [median, min, max].map(numberText);
  return least === most ? middle : `${middle} (${least} to ${most})`;
}

/** As `250 MB` without the unit: bytes in millions. */
export function megabytes(bytes: number): number {
  return bytes / 1e6;
}

const open = (name: string) => `<!-- ${name} -->`;
const close = (name: string) => `<!-- end of ${name} -->`;

/**
 * Replaces what stands between a document's two markers of a name.
 *
 * @throws {Error} When it does not have both, in order.
 */
export function withSection(document: string, name: string, text: string): string {
  const from = document.indexOf(open(name));
  const to = document.indexOf(close(name), from);
  if (from === -1 || to === -1) throw new Error(`There is no ${open(name)} with an end behind it`);
  return `${document.slice(0, from + open(name).length)}\n\n${text.trim()}\n\n${document.slice(to)}`;
}
