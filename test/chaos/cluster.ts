/** Servers of one ensemble as processes of their own, Zoon's or Apache's, with ordinary zoo.cfg files. */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureApache } from "../interop/apache_install.ts";
import { fourLetterWord, zooCfg } from "../interop/apache_server.ts";
import type { ClusterNetwork } from "./chaos_network.ts";

/** Whose servers run. */
export type Flavor = "zoon" | "apache";

/** What a server is found to be; `silent` when it does not answer, `idle` when it serves nobody. */
export type Mode = "leader" | "follower" | "observer" | "standalone" | "idle" | "silent";

/** What a cluster needs to know. */
export interface ClusterOptions {
  readonly flavor: Flavor;
  /** Servers, observers included. */
  readonly size: number;
  /** How many of them observe; the last ones do. None by default. */
  readonly observers?: number;
  /** Where data, configurations and logs go. */
  readonly dir: string;
  /** Zoon's executable. */
  readonly binary: string;
  readonly network: ClusterNetwork;
  /** More flags of `zoon server`. */
  readonly flags?: readonly string[];
  /** Lines of zoo.cfg. */
  readonly cfg: Record<string, string>;
  /** `-Xmx` of Apache's servers in MiB; 256 unless told. */
  readonly heapMb?: number;
  /** Called when a server ends that nobody ended. */
  readonly onDeath: (id: number, how: string) => void;
}

interface Node {
  readonly id: number;
  readonly dir: string;
  readonly logFile: string;
  process: ChildProcess | null;
  ended: Promise<void>;
  paused: boolean;
  /** The end is wanted. */
  ending: boolean;
}

/** See the head of this file. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #classpath: string;
  readonly #nodes = new Map<number, Node>();

  /** Writes directories and configurations, and starts nothing. */
  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#classpath = options.flavor === "apache" ? ensureApache("3.8").classpath : "";
    process.on("exit", () => this.#killAll());
    for (let id = 1; id <= options.size; id++) {
      const dir = join(options.dir, String(id));
      this.#nodes.set(id, {
        id,
        dir,
        logFile: join(options.dir, `server-${id}.log`),
        process: null,
        ended: Promise.resolve(),
        paused: false,
        ending: false,
      });
    }
    for (const { id, dir } of this.#nodes.values()) {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, "zoo.cfg"), zooCfg(this.#cfgOf(id)));
      this.#writeMyid(id);
    }
  }

  /** Ids of all servers. */
  get ids(): number[] {
    return [...this.#nodes.keys()];
  }

  /** Ids of those that vote. */
  get voters(): number[] {
    return this.ids.filter((id) => !this.#observes(id));
  }

  /** How many voters make a quorum. */
  get quorum(): number {
    return Math.floor(this.voters.length / 2) + 1;
  }

  isUp(id: number): boolean {
    return this.#node(id).process !== null;
  }

  isPaused(id: number): boolean {
    return this.#node(id).paused;
  }

  pid(id: number): number | undefined {
    return this.#node(id).process?.pid;
  }

  /** All a server has printed so far. */
  log(id: number): string {
    return readFileSync(this.#node(id).logFile, "utf8");
  }

  /** Starts a server that is down; does not wait until it serves. */
  start(id: number): void {
    const node = this.#node(id);
    if (node.process !== null) return;
    this.#note(node, "started");
    const log = openSync(node.logFile, "a");
    const [command, ...args] = this.#options.network.wrap(id, this.#command(node));
    const child = spawn(command, args, { cwd: node.dir, stdio: ["ignore", log, log] });
    closeSync(log);
    node.process = child;
    node.paused = false;
    node.ending = false;
    node.ended = new Promise((done) => {
      const end = (how: string) => {
        if (node.process !== child) return;
        node.process = null;
        this.#note(node, how);
        if (!node.ending) this.#options.onDeath(id, how);
        done();
      };
      child.once("error", (error) => end(error.message));
      child.once(
        "exit",
        (code, signal) => end(signal === null ? `ended with code ${code}` : `ended by ${signal}`),
      );
    });
  }

  /** kill -9, at once. */
  async kill(id: number): Promise<void> {
    await this.#end(id, "SIGKILL");
  }

  /** SIGTERM; one that does not end within `patienceMs` is killed, and that is told. */
  async stop(id: number, patienceMs = 15_000): Promise<void> {
    const node = this.#node(id);
    const late = setTimeout(() => {
      this.#options.onDeath(id, `does not end within ${patienceMs} ms of SIGTERM`);
      node.process?.kill("SIGKILL");
    }, patienceMs);
    await this.#end(id, "SIGTERM");
    clearTimeout(late);
  }

  /** SIGSTOP. */
  pause(id: number): void {
    const node = this.#node(id);
    if (node.process?.kill("SIGSTOP") === true) node.paused = true;
  }

  /** SIGCONT. */
  resume(id: number): void {
    const node = this.#node(id);
    node.process?.kill("SIGCONT");
    node.paused = false;
  }

  /** Gives a server that is down an empty disk. */
  wipe(id: number): void {
    const node = this.#node(id);
    this.#note(node, "wiped");
    rmSync(join(node.dir, "data"), { recursive: true, force: true });
    this.#writeMyid(id);
  }

  /** Asks a server what it is. */
  async mode(id: number, timeoutMs = 500): Promise<Mode> {
    const { process: child, paused } = this.#node(id);
    if (child === null || paused) return "silent";
    const answer = await fourLetterWord(this.#options.network.statusTarget(id), "srvr", timeoutMs)
      .catch(() => null);
    if (answer === null || answer === "") return "silent";
    return (/^Mode: (\w+)$/m.exec(answer)?.[1] ?? "idle") as Mode;
  }

  /** All servers' modes, by id. */
  async modes(): Promise<Map<number, Mode>> {
    return new Map(await Promise.all(this.ids.map(async (id) => [id, await this.mode(id)] as const)));
  }

  /** A server that says it leads. */
  async leader(): Promise<number | undefined> {
    for (const [id, mode] of await this.modes()) if (mode === "leader") return id;
    return undefined;
  }

  /** Waits until all servers that run serve. @returns Those that do not within `timeoutMs`. */
  async settled(timeoutMs: number): Promise<number[]> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const modes = await this.modes();
      const missing = this.ids.filter((id) => modes.get(id) === "silent" || modes.get(id) === "idle");
      if (missing.length === 0 && [...modes.values()].includes("leader")) return [];
      if (performance.now() > endMs) return missing.length === 0 ? this.ids : missing;
      await Bun.sleep(50);
    }
  }

  /** Ends everything that runs. */
  async close(): Promise<void> {
    await Promise.all(this.ids.map((id) => this.kill(id)));
  }

  async #end(id: number, signal: NodeJS.Signals): Promise<void> {
    const node = this.#node(id);
    if (node.process === null) return;
    node.ending = true;
    node.process.kill(signal);
    // A stopped process takes no other signal.
    if (node.paused && signal !== "SIGKILL") node.process.kill("SIGCONT");
    await node.ended;
    node.paused = false;
  }

  #killAll(): void {
    for (const { process: child } of this.#nodes.values()) child?.kill("SIGKILL");
  }

  #node(id: number): Node {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`There is no server ${id}`);
    return node;
  }

  #note(node: Node, what: string): void {
    appendFileSync(node.logFile, `---- ${new Date().toISOString()} ${what}\n`);
  }

  #writeMyid(id: number): void {
    const data = join(this.#node(id).dir, "data");
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, "myid"), `${id}\n`);
  }

  #observes(id: number): boolean {
    return id > this.#nodes.size - (this.#options.observers ?? 0);
  }

  #cfgOf(id: number): Record<string, string> {
    const addresses = this.#options.network.configOf(id);
    for (const key of Object.keys(addresses)) {
      if (key.startsWith("server.") && this.#observes(Number(key.slice(7)))) addresses[key] += ":observer";
    }
    if (this.#observes(id)) addresses.peerType = "observer";
    return {
      dataDir: join(this.#node(id).dir, "data"),
      maxClientCnxns: "0",
      "4lw.commands.whitelist": "*",
      "admin.enableServer": "false",
      ...this.#options.cfg,
      ...addresses,
    };
  }

  #command(node: Node): string[] {
    const cfg = join(node.dir, "zoo.cfg");
    if (this.#options.flavor === "zoon") {
      return [this.#options.binary, "server", cfg, ...(this.#options.flags ?? [])];
    }
    return [
      "java",
      `-Xmx${this.#options.heapMb ?? 256}m`,
      "-XX:+UseSerialGC",
      "-Djava.net.preferIPv4Stack=true",
      "-Duser.timezone=UTC",
      "-Dorg.slf4j.simpleLogger.showDateTime=true",
      "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
      "-cp",
      this.#classpath,
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      cfg,
    ];
  }
}
