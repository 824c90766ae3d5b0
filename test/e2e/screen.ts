/** What a terminal would show: as much of a screen as line editing needs, so that tests read what a person sees. */
export class Screen {
  readonly #columns: number;
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;
  /** An escape sequence that has not ended yet. */
  #pending = "";

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** All lines since the start, without blanks at their ends and without empty lines at the end. */
  get lines(): string[] {
    const lines = this.#rows.map((row) => Array.from(row, (cell) => cell ?? " ").join("").trimEnd());
    while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
    return lines;
  }

  /** The line with the cursor. */
  get current(): string {
    return Array.from(this.#rows[this.#row] ?? [], (cell) => cell ?? " ").join("");
  }

  /** Takes what a program wrote. */
  write(text: string): void {
    let rest = this.#pending + text;
    this.#pending = "";
    while (rest !== "") {
      // deno-lint-ignore no-control-regex
      const escape = /^\x1b(?:\[([?\d;]*)([A-Za-z])|[=>78])/.exec(rest);
      if (escape !== null) {
        if (escape[2] !== undefined) this.#control(escape[2], escape[1]);
        rest = rest.slice(escape[0].length);
      } else if (rest[0] === "\x1b" && rest.length < 16) {
        this.#pending = rest;
        return;
      } else {
        const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
        this.#put(char);
        rest = rest.slice(char.length);
      }
    }
  }

  #put(char: string): void {
    if (char === "\r") this.#column = 0;
    else if (char === "\n") this.#moveTo(this.#row + 1, this.#column);
    else if (char === "\b") this.#column = Math.max(0, this.#column - 1);
    else if (char >= " ") {
      if (this.#column === this.#columns) this.#moveTo(this.#row + 1, 0);
      this.#rows[this.#row][this.#column++] = char;
    }
  }

  #control(command: string, argument: string): void {
    const count = Number.parseInt(argument, 10);
    const steps = Number.isNaN(count) ? 1 : count;
    const row = this.#rows[this.#row];
    if (command === "A") this.#moveTo(Math.max(0, this.#row - steps), this.#column);
    else if (command === "B") this.#moveTo(this.#row + steps, this.#column);
    else if (command === "C") this.#column = Math.min(this.#columns - 1, this.#column + steps);
    else if (command === "D") this.#column = Math.max(0, this.#column - steps);
    else if (command === "G") this.#column = steps - 1;
    else if (command === "K" && Number.isNaN(count)) row.length = Math.min(row.length, this.#column);
    else if (command === "K") row.fill(" ");
    else if (command === "J" && (Number.isNaN(count) || count === 0)) {
      row.length = Math.min(row.length, this.#column);
      this.#rows.length = this.#row + 1;
    }
  }

  #moveTo(row: number, column: number): void {
    while (this.#rows.length <= row) this.#rows.push([]);
    this.#row = row;
    this.#column = column;
  }
}
