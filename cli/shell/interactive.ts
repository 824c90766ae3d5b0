import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import { isatty } from "node:tty";
import { complete } from "./completion.ts";
import { commandTable } from "./command_table.ts";
import { failureOf } from "./error_text.ts";
import { HistoryFile, historyLinesMax, historyPath } from "./history_file.ts";
import type { Output, Streams } from "./output.ts";
import type { ShellOptions } from "./shell_options.ts";
import { ShellRunner } from "./shell_runner.ts";
import { ShellSession } from "./shell_session.ts";

/** How long Tab waits for the server, in ms. */
const completionTimeoutMs = 2_000;

/** How long the first prompt waits so that it can say CONNECTED, in ms. */
const firstPromptMs = 500;

/** A shell for a person: prompt, editing, history, completion, and news above the line being typed. */
export async function runInteractive(options: ShellOptions, streams: Streams): Promise<number> {
  const terminal = new Terminal(options, streams);
  return await terminal.run();
}

class Terminal {
  readonly #out: Output;
  readonly #err: Output;
  readonly #session: ShellSession;
  readonly #runner: ShellRunner;
  readonly #history = new HistoryFile(historyPath(process.env));
  readonly #readline: Interface;
  /** Lines typed while a command runs. */
  readonly #waiting: string[] = [];
  #busy = true;
  #ended = false;
  readonly #end = Promise.withResolvers<void>();

  constructor(options: ShellOptions, streams: Streams) {
    const { out, err } = streams;
    this.#out = out;
    this.#err = err;
    this.#session = new ShellSession(options, {
      interactive: true,
      onNotice: (text) => this.#printAbove(`${text}\n`),
      onState: () => this.#refreshPrompt(),
    });
    this.#runner = new ShellRunner(commandTable, this.#session, {
      print: (text) => this.#out.write(text),
      warn: (text) => void err.write(`${text}\n`),
      printEvent: (text) => this.#printAbove(text),
      progressLine: isatty(2) ? (text) => void err.write(text) : null,
      now: () => performance.now(),
    }, { json: options.json });
    this.#readline = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      history: this.#history.load().reverse(),
      historySize: historyLinesMax,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: Error | null, result: [string[], string]) => void) => {
        complete(line, commandTable, (path) => this.#listChildren(path)).then(
          ({ hits, replaced }) => done(null, [[...hits], replaced]),
          () => done(null, [[], line]),
        );
      },
    });
  }

  async run(): Promise<number> {
    this.#readline.on("line", (line) => this.#onLine(line));
    this.#readline.on("SIGINT", () => this.#onInterrupt());
    this.#readline.on("close", () => this.#onEnd());
    try {
      await this.#session.start(firstPromptMs);
    } catch (error) {
      const { message, exitCode } = failureOf(error);
      this.#readline.close();
      await this.#err.write(`${message}\n`);
      return exitCode;
    }
    this.#busy = false;
    this.#prompt(false);
    await this.#end.promise;
    await this.#session.close();
    return 0;
  }

  #onLine(line: string): void {
    this.#waiting.push(line);
    if (!this.#busy) void this.#runWaiting();
  }

  async #runWaiting(): Promise<void> {
    this.#busy = true;
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      if (!this.#runner.isSecret(line)) this.#history.append(line);
      await this.#runner.runLine(line);
      if (this.#runner.quitting || this.#out.broken) {
        this.#readline.close();
        return;
      }
    }
    this.#busy = false;
    this.#prompt(false);
  }

  /** Ctrl-C: ends the running command, or clears the line. */
  #onInterrupt(): void {
    if (this.#busy) {
      this.#waiting.length = 0;
      this.#runner.interrupt();
      return;
    }
    void this.#out.write("^C\n");
    // Deletes from the cursor to the start, and the cursor goes to the end first.
    this.#readline.write(null, { ctrl: true, name: "e" });
    this.#readline.write(null, { ctrl: true, name: "u" });
    this.#prompt(false);
  }

  /** Ctrl-D, `quit`, or the terminal is gone. */
  #onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#runner.quitting && this.#session.started) void this.#out.write("\n");
    this.#runner.interrupt();
    this.#end.resolve();
  }

  #prompt(keepLine: boolean): void {
    if (this.#ended) return;
    const { servers, stateName } = this.#session;
    this.#readline.setPrompt(`[zk: ${servers}(${stateName}) ${this.#runner.lineNumber}] `);
    this.#readline.prompt(keepLine);
  }

  #refreshPrompt(): void {
    if (!this.#busy && !this.#ended) this.#printAbove("");
  }

  /** Writes above the line being typed and draws that again below. */
  #printAbove(text: string): void {
    if (this.#busy || this.#ended) {
      void this.#out.write(text);
      return;
    }
    const { rows } = this.#readline.getCursorPos();
    moveCursor(process.stdout, 0, -rows);
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
    void this.#out.write(text);
    this.#prompt(true);
  }

  /** Names for Tab; a server that is slow or away offers none. */
  async #listChildren(path: string): Promise<readonly string[]> {
    const client = this.#session.ready;
    if (client === null) return [];
    const late = Promise.withResolvers<readonly string[]>();
    const timer = setTimeout(() => late.resolve([]), completionTimeoutMs);
    try {
      return await Promise.race([client.getChildren(path).then(({ children }) => children), late.promise]);
    } catch {
      return [];
    } finally {
      clearTimeout(timer);
    }
  }
}
