import { writeOut } from "../_output.ts";
import type { Cue } from "./cue.ts";
import { loadOf } from "./load.ts";
import type { WorkerMessage, WorkerTask } from "./remote_load.ts";

/** Does a worker's part as the process that started it says on stdin; ends when that is gone. */
export async function runWorker(): Promise<void> {
  // Ctrl-C reaches all processes of a terminal; the one that reports decides what becomes of it.
  process.on("SIGINT", () => {});
  const lines = stdinLines();
  const first = await lines.next();
  if (first.done) return;
  const { plan, share } = JSON.parse(first.value) as WorkerTask;
  const load = loadOf(plan, share, (cue) => say({ kind: "cue", cue }));
  load.connect().then(() => say({ kind: "ready" }), tellProblem);
  for await (const order of lines) {
    if (order === "go") {
      load.run((tick) => say({ kind: "tick", tick })).then((end) => say({ kind: "end", end }), tellProblem);
    } else if (order === "stop") load.stop();
    else if (order === "close") break;
    else load.hear?.(JSON.parse(order) as Cue);
  }
  load.stop();
  await load.close();
  say({ kind: "closed" });
  process.exit(0);
}

function say(message: WorkerMessage): void {
  writeOut(`${JSON.stringify(message)}\n`);
}

function tellProblem(error: unknown): void {
  say({ kind: "problem", message: error instanceof Error ? error.message : String(error) });
}

async function* stdinLines(): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of Bun.stdin.stream()) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
