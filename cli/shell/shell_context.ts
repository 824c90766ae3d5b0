import type { AddWatchMode, WatchListener, ZooKeeper } from "../../mod.ts";
import type { ShellCommand } from "./command.ts";
import type { Progress } from "./progress.ts";

/** What a command may use of the shell that runs it. */
export interface Shell {
  readonly commands: readonly ShellCommand[];
  /** Prints watch events; the same for all watches, so that a watch set twice fires once, as in Apache's shell. */
  readonly watcher: WatchListener;
  /** Aborted by Ctrl-C, or when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Whether watch events are printed. */
  printWatches: boolean;
  /** Mode of the next addWatch without `-m`. */
  addWatchMode: AddWatchMode;
  /** Lines run so far, the current one last; secrets are masked. */
  readonly history: readonly string[];

  /** The session. @throws {CommandError} It is closed, or no server could be reached. */
  client(): Promise<ZooKeeper>;
  /** Ends the session and opens another; null means the same servers. @throws {CommandError} */
  connect(servers: string | null): Promise<void>;
  close(): Promise<void>;
  /** Adds an id to the session and to those that follow it when it expires. @throws {AuthFailedError} */
  addAuth(scheme: string, auth: Uint8Array): Promise<void>;
  /** Runs a line of the history again and shows its answer. @throws What the line throws. */
  redo(index: number): Promise<void>;
  /** Ends the shell after this command. */
  quit(): void;

  /** Writes results to stdout; resolves once they may be forgotten, so that a slow reader slows the command. */
  print(text: string): Promise<void>;
  /** Writes a line to stderr. */
  warn(line: string): void;
  /** A line on stderr that shows how far large work has come; nothing unless stderr is a terminal. */
  progress(): Progress;
}
