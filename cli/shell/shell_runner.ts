import type { AddWatchMode, WatchEvent, WatchListener, ZooKeeper } from "../../mod.ts";
import type { ShellCommand } from "./command.ts";
import { CommandError, interrupted, UsageError } from "./command_error.ts";
import { failureOf } from "./error_text.ts";
import { findCommand, unknownCommand } from "./find_command.ts";
import { commandHelp } from "./help_text.ts";
import { parseCall } from "./parse_call.ts";
import { Progress } from "./progress.ts";
import type { Shell } from "./shell_context.ts";
import { watchJson, watchText } from "./watch_text.ts";
import { splitLine, type Word } from "./words.ts";

/** Where a shell's words go, and how. */
export interface ShellHost {
  /** Results. Takes its place in the output at once; resolves when written. */
  print(text: string): Promise<void>;
  /** Everything else: errors, warnings. Whole lines. */
  warn(text: string): void;
  /** Watch events, which come at any time. */
  printEvent(text: string): void;
  /** Rewrites a line on stderr; null when that is no terminal. */
  readonly progressLine: ((text: string) => void) | null;
  /** Milliseconds that never go back. */
  now(): number;
}

/** The session a shell works on; {@linkcode ShellSession} is the real one. */
export interface RunnerSession {
  /** Whether only `connect` could open another. */
  readonly closed: boolean;
  client(): Promise<ZooKeeper>;
  connect(servers: string | null): Promise<void>;
  close(): Promise<void>;
  addAuth(scheme: string, auth: Uint8Array): Promise<void>;
}

/** Runs commands one after the other and shows what they answer. */
export class ShellRunner implements Shell {
  readonly commands: readonly ShellCommand[];
  readonly watcher: WatchListener;
  printWatches = true;
  addWatchMode: AddWatchMode = "persistentRecursive";
  readonly #session: RunnerSession;
  readonly #host: ShellHost;
  readonly #json: boolean;
  /** Lines as typed, for redo. */
  readonly #lines: string[] = [];
  readonly #shownLines: string[] = [];
  #abort = new AbortController();
  #quitting = false;
  /** Whether the running command answers in JSON. */
  #jsonNow = false;
  #progress: Progress | null = null;

  constructor(
    commands: readonly ShellCommand[],
    session: RunnerSession,
    host: ShellHost,
    options: { readonly json: boolean },
  ) {
    this.commands = commands;
    this.#session = session;
    this.#host = host;
    this.#json = options.json;
    this.watcher = (event) => this.#onEvent(event);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get history(): readonly string[] {
    return this.#shownLines;
  }

  /** Whether `quit` was run. */
  get quitting(): boolean {
    return this.#quitting;
  }

  /** Number of the next line, as the prompt shows it. */
  get lineNumber(): number {
    return this.#lines.length;
  }

  /** Ends the running command as soon as it can. */
  interrupt(): void {
    this.#abort.abort();
  }

  /**
   * Runs a line as typed. Blank lines and those that begin with `#` do nothing.
   *
   * @returns 0 done, 1 refused or failed, 2 wrong usage.
   */
  async runLine(line: string): Promise<number> {
    const { words, openQuote } = splitLine(line);
    if (words.length === 0 || (words[0].text.startsWith("#") && !words[0].quoted)) return 0;
    this.#lines.push(line);
    this.#shownLines.push(this.withoutSecret(line));
    return await this.#guard(async () => {
      if (openQuote !== null) throw new UsageError(`The ${openQuote} is never closed`);
      await this.#run(words);
    });
  }

  /** Runs a command given as separate words. @returns As {@linkcode runLine}. */
  async runWords(words: readonly Word[]): Promise<number> {
    return await this.#guard(() => this.#run(words));
  }

  /** Whether the line holds a secret that must not be kept. */
  isSecret(line: string): boolean {
    const [name] = splitLine(line).words;
    return name !== undefined && findCommand(this.commands, name.text)?.secret === true;
  }

  /** The line, with all but the command's name and first operand hidden if it holds a secret. */
  withoutSecret(line: string): string {
    if (!this.isSecret(line)) return line;
    const words = splitLine(line).words.map((word) => word.text);
    return words.length > 2 ? `${words[0]} ${words[1]} ***` : line;
  }

  client(): Promise<ZooKeeper> {
    return this.#session.client();
  }

  connect(servers: string | null): Promise<void> {
    return this.#session.connect(servers);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  addAuth(scheme: string, auth: Uint8Array): Promise<void> {
    return this.#session.addAuth(scheme, auth);
  }

  async redo(index: number): Promise<void> {
    // The last line is the redo itself.
    const line = this.#lines[index];
    if (line === undefined || index >= this.#lines.length - 1) {
      throw new UsageError("Command index out of range");
    }
    const { words } = splitLine(line);
    if (findCommand(this.commands, words[0].text)?.name === "redo") throw new UsageError("No redoing redos");
    this.#lines[this.#lines.length - 1] = line;
    this.#shownLines[this.#shownLines.length - 1] = this.withoutSecret(line);
    await this.#run(words);
  }

  quit(): void {
    this.#quitting = true;
  }

  print(text: string): Promise<void> {
    return this.#host.print(text);
  }

  warn(line: string): void {
    this.#host.warn(line);
  }

  progress(): Progress {
    this.#progress = new Progress(this.#host.progressLine, () => this.#host.now());
    return this.#progress;
  }

  async #run(words: readonly Word[]): Promise<void> {
    const command = findCommand(this.commands, words[0].text);
    if (command === null) throw new UsageError(unknownCommand(this.commands, words[0].text));
    const { call, json, help } = parseCall(command, words.slice(1), this.#json);
    this.#jsonNow = json;
    if (help) return await this.#host.print(`${commandHelp(command)}\n`);
    if (command.needsSession && this.#session.closed) {
      throw new CommandError("Not connected", { code: "NOTCONNECTED" });
    }
    const { signal } = this;
    const answer = await command.run(call, this);
    if (answer === null || signal.aborted) return;
    if (json) await this.#host.print(`${JSON.stringify(answer.json)}\n`);
    else if (answer.text !== null) await this.#host.print(`${answer.text}\n`);
  }

  /** Runs and shows whatever goes wrong. */
  async #guard(run: () => Promise<void>): Promise<number> {
    this.#abort = new AbortController();
    this.#jsonNow = this.#json;
    try {
      await untilAborted(run(), this.#abort.signal);
      return 0;
    } catch (error) {
      const { message, exitCode, json } = failureOf(error);
      this.#progress?.end();
      this.#host.warn(message);
      if (this.#jsonNow) await this.#host.print(`${JSON.stringify(json)}\n`);
      return exitCode;
    }
  }

  #onEvent(event: WatchEvent): void {
    // What happens to the connection is told by the prompt and its notices.
    if (!this.printWatches || event.type === "None") return;
    this.#host.printEvent(this.#json ? `${JSON.stringify(watchJson(event))}\n` : watchText(event));
  }
}

/** @throws {CommandError} The signal came first; what goes on behind it is no longer waited for. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(interrupted());
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
