import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Lines kept; when the file has grown to twice as many it is cut to the newest. */
export const historyLinesMax = 1000;

/** Longest line kept, in characters: data of a megabyte is not worth remembering. */
const lineCharsMax = 4096;

/**
 * Where the history is kept: `ZOON_HISTORY` if set (empty for nowhere), else `zoon/history` in the XDG state
 * directory if that is set, else `~/.zoon_history`.
 */
export function historyPath(env: Readonly<Record<string, string | undefined>>): string | null {
  if (env.ZOON_HISTORY !== undefined) return env.ZOON_HISTORY === "" ? null : env.ZOON_HISTORY;
  const state = env.XDG_STATE_HOME;
  if (state !== undefined && state !== "") return join(state, "zoon", "history");
  return join(env.HOME ?? homedir(), ".zoon_history");
}

/**
 * Lines typed in earlier sessions. Several shells may share the file: each appends its own lines. Trouble with
 * the file is not worth an interruption, so it is only not kept then.
 */
export class HistoryFile {
  readonly #path: string | null;

  /** @param path Null keeps nothing. */
  constructor(path: string | null) {
    this.#path = path;
  }

  /** @returns The lines, oldest first. */
  load(): string[] {
    if (this.#path === null) return [];
    try {
      const lines = readFileSync(this.#path, "utf8").split("\n").filter((line) => line !== "");
      const newest = lines.slice(-historyLinesMax);
      if (lines.length > 2 * historyLinesMax) {
        writeFileSync(this.#path, `${newest.join("\n")}\n`, { mode: 0o600 });
      }
      return newest;
    } catch {
      return [];
    }
  }

  /** Adds a line. The caller keeps secrets away. */
  append(line: string): void {
    if (this.#path === null || line.trim() === "" || line.length > lineCharsMax || line.includes("\n")) {
      return;
    }
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
      // A file made by other means may be open to others.
      chmodSync(this.#path, 0o600);
    } catch {
      // A read-only home directory, for instance.
    }
  }
}
