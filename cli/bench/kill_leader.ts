/** Kills the leader of a local ensemble while a load runs, and starts it again. */
import { CliError, ExitCode } from "../_errors.ts";
import { askLauncher } from "../ensemble/control_client.ts";
import { controlPath } from "../ensemble/ensemble_directory.ts";
import { leaderOf } from "../ensemble/node_view.ts";
import { grouped } from "../shell/progress.ts";
import type { Outcome } from "./outcome.ts";

/** What clients saw of it. */
export interface Failover {
  readonly node: number;
  /** From the start of the measured time to the kill. */
  readonly killedAtMs: number;
  /** The longest time in which nobody's request was done. */
  readonly silenceMs: number;
  /** The same for writes; null where there were none. */
  readonly writeSilenceMs: number | null;
  /** The longest time without a done request of single connections. */
  readonly connectionsMs: { readonly median: number; readonly max: number };
}

/** One kill that is to come, or has been. */
export class LeaderKill {
  readonly #path: string;
  readonly #dataDir: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #kill: Promise<void> = Promise.resolve();
  #node: number | undefined;
  #killedAtMs = 0;
  #problem: string | null = null;

  private constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#path = controlPath(dataDir);
  }

  /** @throws {CliError} When no ensemble with a leader and a majority besides it runs in that directory. */
  static async plan(dataDir: string): Promise<LeaderKill> {
    const kill = new LeaderKill(dataDir);
    if (await kill.#leader() === undefined) {
      throw new CliError(
        ExitCode.failed,
        `--kill-leader needs a running "zoon ensemble" with a leader in ${dataDir}; --data-dir says where it is`,
      );
    }
    return kill;
  }

  /** @param measured When the measured time begins, and what has passed of it at the kill, in ms from now. */
  schedule({ warmUpMs, killAtMs }: { warmUpMs: number; killAtMs: number }): void {
    const beginMs = performance.now() + warmUpMs;
    this.#timer = setTimeout(() => {
      this.#kill = this.#now(beginMs).catch((error) => {
        this.#problem = (error as Error).message;
      });
    }, warmUpMs + killAtMs);
  }

  /**
   * Starts the node again. @throws {CliError} When it was not killed, or cannot be started.
   *
   * @returns Undefined when the run ended before the kill.
   */
  async end(outcome: Outcome | undefined): Promise<Failover | undefined> {
    clearTimeout(this.#timer);
    await this.#kill;
    if (this.#problem !== null) {
      throw new CliError(ExitCode.failed, `the leader could not be killed: ${this.#problem}`);
    }
    if (this.#node === undefined) return undefined;
    const reply = await askLauncher(this.#path, { command: "start", nodes: [String(this.#node)] });
    if (reply?.kind !== "results" || !reply.results.every(({ done }) => done)) {
      throw new CliError(
        ExitCode.failed,
        `node ${this.#node} in ${this.#dataDir} is down and does not start`,
      );
    }
    if (outcome === undefined) return undefined;
    const connections = outcome.silencesMs;
    return {
      node: this.#node,
      killedAtMs: Math.round(this.#killedAtMs),
      silenceMs: Math.round(outcome.longestSilenceMs),
      writeSilenceMs: outcome.longestWriteSilenceMs === null
        ? null
        : Math.round(outcome.longestWriteSilenceMs),
      connectionsMs: {
        median: Math.round(connections[connections.length >> 1] ?? 0),
        max: Math.round(connections.at(-1) ?? 0),
      },
    };
  }

  async #now(beginMs: number): Promise<void> {
    const node = await this.#leader();
    if (node === undefined) throw new Error("nobody leads");
    const reply = await askLauncher(this.#path, { command: "kill", nodes: [String(node)] });
    if (reply?.kind !== "results" || !reply.results.every(({ done }) => done)) {
      throw new Error(reply?.kind === "results" ? reply.results[0].message : "the launcher refused");
    }
    this.#node = node;
    this.#killedAtMs = performance.now() - beginMs;
  }

  async #leader(): Promise<number | undefined> {
    const reply = await askLauncher(this.#path, { command: "status" });
    return reply?.kind === "status" && reply.nodes.length > 1 ? leaderOf(reply.nodes) : undefined;
  }
}

/** What the report says of it. */
export function failoverLines(failover: Failover): string[] {
  const { node, killedAtMs, silenceMs, writeSilenceMs, connectionsMs } = failover;
  const writes = writeSilenceMs === null ? "" : `, and no write for ${grouped(writeSilenceMs)} ms`;
  return [
    `Node ${node} led and was killed after ${(killedAtMs / 1000).toFixed(1)} s; it is started again.`,
    `No request was done for ${grouped(silenceMs)} ms${writes}; single connections waited ` +
    `${grouped(connectionsMs.median)} ms (median), ${grouped(connectionsMs.max)} ms at most.`,
  ];
}
