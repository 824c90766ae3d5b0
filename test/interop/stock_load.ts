/**
 * A load from a stock client that runs while servers come and go, and the judgement of what it was promised.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureApache } from "./apache_install.ts";
import { ensureKazoo, javaProgram, type Program } from "./client_programs.ts";
import type { TreeDump } from "./tree_dump.ts";

/** A line of the journal; `python/ensemble_load.py` says what each kind holds. */
export interface JournalLine {
  kind: "session" | "state" | "created" | "set" | "deleted" | "unknown" | "violation";
  client: string;
  /** Milliseconds since 1970. */
  t: number;
  session?: string;
  state?: string;
  path?: string;
  data?: string;
  version?: number;
  zxid?: number;
  op?: string;
  what?: string;
}

/** Figures of a load that has ended. */
export interface LoadFigures {
  sessions: number;
  acknowledged: number;
  /** Requests whose connection ended before an answer came. */
  unknown: number;
  /** Times that a client lost its connection. */
  reconnects: number;
  /** Longest time without an acknowledged write, of any client, in ms. */
  longestGapMs: number;
}

/** Whose client the load is: Debian's kazoo, or Apache's own of either release. */
export type StockClient = "kazoo" | "java-3.8" | "java-3.9.5";

/** Names of all {@linkcode StockClient}s, for flags. */
export const stockClients: readonly StockClient[] = ["kazoo", "java-3.8", "java-3.9.5"];

function programOf(client: StockClient): Program {
  if (client === "kazoo") {
    return { command: ensureKazoo(), args: [join(import.meta.dir, "python", "ensemble_load.py")] };
  }
  const { classpath } = ensureApache(client === "java-3.8" ? "3.8" : "3.9.5");
  const { command, args } = javaProgram("EnsembleLoad", classpath);
  const quiet = ["-Xmx128m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];
  return { command, args: [...quiet, ...args] };
}

/** How long the load may do nothing at all before it has stalled, in ms. How slow it is does not matter. */
const patienceMs = 90_000;

/** A running load. */
export class StockLoad {
  readonly #child: ChildProcess;
  readonly #directory = mkdtempSync(join(tmpdir(), "zoon-load-"));
  #stdout = "";
  #stderr = "";
  #wake: (() => void)[] = [];
  #ended = false;
  /** How much of the journal has been counted, in bytes, and what it held. */
  #countedBytes = 0;
  #acknowledged = 0;

  private constructor(connectString: string, client: StockClient) {
    const { command, args } = programOf(client);
    this.#child = spawn(command, [...args, connectString, this.#journal], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#look();
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => this.#stderr += text);
    this.#child.once("close", () => {
      this.#ended = true;
      this.#look();
    });
    process.once("exit", this.#forget);
  }

  /** Starts a load and waits until all its clients have written. */
  static async start(connectString: string, client: StockClient = "kazoo"): Promise<StockLoad> {
    const load = new StockLoad(connectString, client);
    await load.#heard("ready");
    return load;
  }

  /** Waits until nothing is under way and keeps it so until {@linkcode resume}. */
  pause(): Promise<void> {
    return this.#command("pause", "quiet");
  }

  resume(): void {
    this.#child.stdin!.write("resume\n");
  }

  /** Waits until `count` more writes have been acknowledged, however long it takes while some are. */
  async progress(count: number): Promise<void> {
    let last = this.#count();
    const goal = last + count;
    let deadline = Date.now() + patienceMs;
    while (this.#count() < goal) {
      if (this.#acknowledged > last) {
        last = this.#acknowledged;
        deadline = Date.now() + patienceMs;
      }
      if (this.#ended) throw new Error(`The load has ended:\n${this.tail()}`);
      if (Date.now() > deadline) {
        throw new Error(`The load has acknowledged nothing for ${patienceMs} ms:\n${this.tail()}`);
      }
      await Bun.sleep(50);
    }
  }

  /** The journal so far. */
  lines(): JournalLine[] {
    return readFileSync(this.#journal, "utf8").split("\n").slice(0, -1)
      .map((line) => JSON.parse(line) as JournalLine);
  }

  /** The end of the journal and of what the program said, for messages. */
  tail(): string {
    return `${readFileSync(this.#journal, "utf8").slice(-2000)}${this.#stderr.slice(-2000)}`;
  }

  /** Lets every client look at what it was left with, closes the sessions and returns the whole journal. */
  async finish(): Promise<JournalLine[]> {
    await this.#command("finish", "done");
    const lines = this.lines();
    this.stop();
    return lines;
  }

  /** Ends it at once. */
  stop(): void {
    process.off("exit", this.#forget);
    this.#forget();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  get #journal(): string {
    return join(this.#directory, "journal");
  }

  readonly #forget = () => {
    this.#child.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  };

  /** Counts what the journal has gained. @returns All acknowledged writes. */
  #count(): number {
    for (const line of this.#gained()) {
      if (isAcknowledged(JSON.parse(line) as JournalLine)) this.#acknowledged++;
    }
    return this.#acknowledged;
  }

  /** The whole lines of the journal behind the last ones. */
  #gained(): string[] {
    const chunk = Buffer.alloc(1 << 20);
    const file = openSync(this.#journal, "r");
    try {
      const text = chunk.subarray(0, readSync(file, chunk, 0, chunk.length, this.#countedBytes));
      const whole = text.subarray(0, text.lastIndexOf("\n") + 1);
      this.#countedBytes += whole.length;
      return whole.toString("utf8").split("\n").slice(0, -1);
    } finally {
      closeSync(file);
    }
  }

  #command(word: string, answer: string): Promise<void> {
    this.#stdout = "";
    this.#child.stdin!.write(`${word}\n`);
    return this.#heard(answer);
  }

  #look(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #heard(word: string): Promise<void> {
    let seenBytes = this.#countedBytes;
    let deadline = Date.now() + patienceMs;
    while (!this.#stdout.split("\n").includes(word)) {
      if (existsSync(this.#journal)) this.#count();
      if (this.#countedBytes > seenBytes) {
        seenBytes = this.#countedBytes;
        deadline = Date.now() + patienceMs;
      }
      if (this.#ended || Date.now() > deadline) {
        throw new Error(
          `The load ${this.#ended ? "ended" : "is silent"} where "${word}" was due:\n${this.tail()}`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake.push(resolve);
      await Promise.race([promise, Bun.sleep(500)]);
    }
  }
}

function isAcknowledged(line: JournalLine): boolean {
  return line.kind === "created" || line.kind === "set" || line.kind === "deleted";
}

/** Counts and times of a journal. */
export function figuresOf(journal: JournalLine[]): LoadFigures {
  const times = journal.filter(isAcknowledged).map((line) => line.t).sort((a, b) => a - b);
  return {
    sessions: journal.filter((line) => line.kind === "session").length,
    acknowledged: times.length,
    unknown: journal.filter((line) => line.kind === "unknown").length,
    reconnects: journal.filter((line) => line.kind === "state" && line.state === "SUSPENDED").length,
    longestGapMs: times.reduce((longest, t, i) => i === 0 ? 0 : Math.max(longest, t - times[i - 1]), 0),
  };
}

/**
 * Holds a tree against what a load was promised, once nothing of it is under way.
 *
 * @returns What is wrong, in words; nothing when every promise was kept.
 */
export function brokenPromises(journal: JournalLine[], tree: TreeDump): string[] {
  const broken = journal.filter((line) => line.kind === "violation")
    .map((line) => `${line.client}: ${line.what}`);
  const textAt = (path: string) => Buffer.from(tree[path]?.data ?? "", "hex").toString("utf8");

  const deleted = new Set<string>(), perhapsDeleted = new Set<string>();
  const perhapsCreated = new Set<string>(), created = new Map<string, string>();
  const counters = new Map<string, number>();
  for (const line of journal) {
    if (line.kind === "deleted") deleted.add(line.path!);
    else if (line.kind === "unknown" && line.op === "delete") perhapsDeleted.add(line.path!);
    else if (line.kind === "unknown" && line.op === "create") perhapsCreated.add(line.data!);
    else if (line.kind === "set") counters.set(line.path!, line.version!);
    else if (line.kind === "created") {
      if (created.has(line.path!)) broken.push(`${line.path} was acknowledged twice`);
      created.set(line.path!, line.data!);
    }
  }
  for (const line of journal.filter((one) => one.kind === "created")) {
    const path = line.path!;
    if (deleted.has(path)) {
      if (path in tree) broken.push(`${path} was deleted and is there`);
    } else if (!(path in tree)) {
      if (!perhapsDeleted.has(path)) broken.push(`${path} was acknowledged and is not there`);
    } else {
      if (textAt(path) !== line.data) broken.push(`${path} holds ${textAt(path)}, not ${line.data}`);
      if (tree[path].stat.czxid !== String(line.zxid)) {
        broken.push(`${path} was acknowledged with czxid ${line.zxid} and has ${tree[path].stat.czxid}`);
      }
    }
  }
  for (const [path, version] of counters) {
    if (Number(tree[path]?.stat.version ?? -1) < version) {
      broken.push(`${path} was acknowledged in version ${version} and is in ${tree[path]?.stat.version}`);
    }
  }
  const twice = new Map<string, string>();
  for (const path of Object.keys(tree).filter((one) => /^\/load\/w\d+\/(item|burst\/b)-/.test(one))) {
    const data = textAt(path);
    if (!created.has(path) && !perhapsCreated.has(data)) broken.push(`${path} was made by nobody`);
    const other = twice.get(data);
    if (other !== undefined) broken.push(`${data} stands in ${other} and in ${path}`);
    twice.set(data, path);
  }
  return broken;
}
