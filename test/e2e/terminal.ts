/** Runs a program on a pseudo-terminal of its own: keys going in, a screen coming out. */
import { Screen } from "./screen.ts";

/** A program on a terminal. */
export class TerminalRun {
  readonly screen: Screen;
  readonly #terminal: Bun.Terminal;
  readonly #process: Bun.Subprocess;
  readonly #decoder = new TextDecoder();
  #onChange = () => {};

  /** @param command The program and its words. */
  constructor(command: readonly string[], { columns, rows = 50, env = {}, cwd }: {
    readonly columns: number;
    readonly rows?: number;
    readonly env?: Record<string, string>;
    readonly cwd?: string;
  }) {
    this.screen = new Screen(columns);
    this.#terminal = new Bun.Terminal({
      cols: columns,
      rows,
      data: (_terminal, data) => {
        this.screen.write(this.#decoder.decode(data, { stream: true }));
        this.#onChange();
      },
    });
    this.#process = Bun.spawn([...command], {
      terminal: this.#terminal,
      cwd,
      env: { ...process.env, TERM: "xterm", ...env },
    });
  }

  type(keys: string): void {
    this.#terminal.write(keys);
  }

  /** Sends the program a signal: this terminal is nobody's controlling one, so that keys raise none. */
  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Waits until the screen is as described; fails with what it shows instead. */
  async until(what: string, condition: (screen: Screen) => boolean): Promise<void> {
    const changed = Promise.withResolvers<void>();
    this.#onChange = () => {
      if (condition(this.screen)) changed.resolve();
    };
    this.#onChange();
    const timer = setTimeout(
      () => changed.reject(new Error(`no ${what}; the screen:\n${this.screen.lines.join("\n")}`)),
      45_000,
    );
    await changed.promise.finally(() => clearTimeout(timer));
  }

  /** Waits for a line. */
  line(pattern: string | RegExp): Promise<void> {
    return this.until(
      `line ${pattern}`,
      ({ lines }) =>
        lines.some((line) => typeof pattern === "string" ? line === pattern : pattern.test(line)),
    );
  }

  get exited(): Promise<number> {
    return this.#process.exited;
  }

  async end(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
    this.#terminal.close();
  }
}
