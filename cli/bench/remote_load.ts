import { selfCommand } from "../_self.ts";
import type { Cue } from "./cue.ts";
import type { Load } from "./load.ts";
import type { BenchPlan, Share } from "./plan.ts";
import type { Tick, WorkerEnd } from "./tick.ts";
import { within } from "./within.ts";

/** What a worker says, one JSON object per line on its stdout. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "tick"; readonly tick: Tick }
  | { readonly kind: "end"; readonly end: WorkerEnd }
  | { readonly kind: "cue"; readonly cue: Cue }
  | { readonly kind: "closed" }
  | { readonly kind: "problem"; readonly message: string };

/**
 * What a worker is told, one line each on its stdin, after one with its {@link WorkerTask}; what another one has to say
 * to it, as JSON.
 */
export type WorkerOrder = "go" | "stop" | "close" | Cue;

/** What a worker is to do. */
export interface WorkerTask {
  readonly plan: BenchPlan;
  readonly share: Share;
}

/** A worker that does not end by itself after all was said is ended. */
const patienceMs = 8_000;

/** One worker's part of a plan, in a process of its own. */
export class RemoteLoad implements Load {
  /** Told what this part has to say to the others. */
  onCue: (cue: Cue) => void = () => {};
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #ready = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<WorkerEnd>();
  readonly #closed = Promise.withResolvers<void>();
  #onTick: (tick: Tick) => void = () => {};

  /** @param command What starts a worker; of this very program unless told. */
  constructor(
    plan: BenchPlan,
    share: Share,
    command: readonly string[] = [...selfCommand(), "bench", "worker"],
  ) {
    this.#child = Bun.spawn([...command], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    // Whoever waits hears of a failure; nobody may be waiting.
    for (const { promise } of [this.#ready, this.#end]) (promise as Promise<unknown>).catch(() => {});
    this.#say({ plan, share });
    void this.#listen();
  }

  connect(): Promise<void> {
    return this.#ready.promise;
  }

  run(onTick: (tick: Tick) => void): Promise<WorkerEnd> {
    this.#onTick = onTick;
    this.#say("go");
    return this.#end.promise;
  }

  hear(cue: Cue): void {
    this.#say(cue);
  }

  stop(): void {
    this.#say("stop");
  }

  async close(): Promise<void> {
    this.#say("close");
    await within(this.#closed.promise, patienceMs);
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  #say(order: WorkerTask | WorkerOrder): void {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin.write(`${typeof order === "string" ? order : JSON.stringify(order)}\n`);
    this.#child.stdin.flush();
  }

  async #listen(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#onMessage(JSON.parse(line) as WorkerMessage);
    }
    this.#fail("a worker ended before its time");
    this.#closed.resolve();
  }

  #onMessage(message: WorkerMessage): void {
    switch (message.kind) {
      case "ready":
        return this.#ready.resolve();
      case "tick":
        return this.#onTick(message.tick);
      case "end":
        return this.#end.resolve(message.end);
      case "cue":
        return this.onCue(message.cue);
      case "closed":
        return this.#closed.resolve();
      case "problem":
        return this.#fail(message.message);
    }
  }

  #fail(message: string): void {
    this.#ready.reject(new Error(message));
    this.#end.reject(new Error(message));
  }
}
