import type { Paint } from "../_style.ts";
import { eventLines, type Hints } from "./event_text.ts";
import type { Display, LauncherEvent } from "./launcher_event.ts";
import { nodeTable } from "./node_table.ts";
import type { NodeView } from "./node_view.ts";

/** The terminal a table lives on. */
export interface Terminal {
  write(text: string): void;
  readonly columns: number;
  readonly rows: number;
}

/**
 * A table of the nodes that is renewed in place, with what happens in lines that scroll away above it. On a terminal
 * with too few rows there are only the lines.
 */
export class LiveDisplay implements Display {
  readonly #terminal: Terminal;
  readonly #paint: Paint;
  readonly #hints: Hints;
  readonly #wallMs: () => number;
  #nodes: readonly NodeView[] = [];
  /** What is on the screen below the last event, and the widths of its lines. */
  #drawn: readonly string[] = [];
  #drawnWidths: readonly number[] = [];

  constructor(
    terminal: Terminal,
    { paint, hints, wallMs }: { paint: Paint; hints: Hints; wallMs: () => number },
  ) {
    this.#terminal = terminal;
    this.#paint = paint;
    this.#hints = hints;
    this.#wallMs = wallMs;
  }

  tell(event: LauncherEvent): void {
    const lines = eventLines(event, {
      wallMs: this.#wallMs(),
      hints: this.#hints,
      paint: this.#paint,
      width: this.#terminal.columns,
    });
    // The table brings its own empty line.
    this.#redraw(lines.at(-1) === "" ? lines.slice(0, -1) : lines);
  }

  show(nodes: readonly NodeView[]): void {
    this.#nodes = nodes;
    const lines = this.#tableLines();
    const same = lines.length === this.#drawn.length && lines.every((line, at) => line === this.#drawn[at]);
    if (!same) this.#redraw([]);
  }

  /** The terminal has another size: a table that no longer fits is drawn anew. */
  resized(): void {
    this.#redraw([]);
  }

  /** Replaces the table by some lines and the table as it is now. */
  #redraw(above: readonly string[]): void {
    const { columns } = this.#terminal;
    // A terminal that has become narrower has broken the lines.
    const rows = this.#drawnWidths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    const table = this.#tableLines();
    const up = rows === 0 ? "" : `\x1b[${rows}A`;
    const text = [...above, ...table].map((line) => `${line}\x1b[K\n`).join("");
    this.#terminal.write(`${up}\r${text}\x1b[J`);
    this.#drawn = table;
    this.#drawnWidths = table.map((line) => Bun.stringWidth(line));
  }

  #tableLines(): readonly string[] {
    if (this.#nodes.length === 0) return [];
    const { columns, rows } = this.#terminal;
    // The last column stays free: a cursor that waits behind it would be in the way.
    const lines = ["", ...nodeTable(this.#nodes, { width: columns - 1, paint: this.#paint })];
    return lines.length < rows ? lines : [];
  }
}
