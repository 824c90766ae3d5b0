import { type Paint, plain, type Style } from "./_style.ts";

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly right?: true;
  /** Left out where the table would be too wide; the highest goes first. */
  readonly expendable?: number;
}

/** One cell: text of one line, perhaps in a style. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** How wide a table may be and how it is coloured. */
export interface TableOptions {
  /** Columns of the terminal; none outside of one. */
  readonly width?: number;
  readonly paint?: Paint;
}

const gap = "  ";
const ellipsis = "…";

/**
 * Lays cells out in columns. Where that is wider than allowed, expendable columns are left out, and then lines are
 * cut.
 *
 * @returns One line per row and one for the titles, without blanks at their ends.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { width = Infinity, paint = plain }: TableOptions = {},
): string[] {
  const cells = [columns.map(({ title }): Cell => ({ text: title, style: "dim" })), ...rows];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column]))));
  const shown = fittingColumns(columns, widths, width);
  return cells.map((row) => {
    let line = "";
    let room = width;
    shown.forEach((column, place) => {
      const before = place === 0 ? "" : gap;
      const text = cut(textOf(row[column]), room - before.length);
      const blanks = " ".repeat(Math.max(0, Math.min(widths[column], room) - Bun.stringWidth(text)));
      const styled = styledText(row[column], text, paint);
      const last = place === shown.length - 1;
      line += before + (columns[column].right ? blanks + styled : last ? styled : styled + blanks);
      room -= before.length + widths[column];
    });
    return line.trimEnd();
  });
}

/** Cuts a line that is too long for its place, with a mark at the end. */
export function cut(text: string, width: number): string {
  if (width <= 0) return "";
  if (Bun.stringWidth(text) <= width) return text;
  let kept = "";
  for (const char of text) {
    if (Bun.stringWidth(kept + char) > width - 1) break;
    kept += char;
  }
  return kept + ellipsis;
}

function fittingColumns(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  let shown = columns.map((_, column) => column);
  const total = () => shown.reduce((sum, column) => sum + widths[column], (shown.length - 1) * gap.length);
  while (total() > width) {
    const rank = (column: number) => columns[column].expendable ?? 0;
    const first = shown.reduce((worst, column) => rank(column) > rank(worst) ? column : worst, shown[0]);
    if (rank(first) === 0) break;
    shown = shown.filter((column) => column !== first);
  }
  return shown;
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

function widthOf(cell: Cell): number {
  return Bun.stringWidth(textOf(cell));
}

function styledText(cell: Cell, text: string, paint: Paint): string {
  return typeof cell === "string" || text === "" ? text : paint(cell.style, text);
}
