/**
 * An ensemble whose members are Apache ZooKeeper or Zoon, each a process with an ordinary zoo.cfg, myid and data
 * directory. A member can be stopped, killed, paused, and go on as the other implementation.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ApacheVersion,
  fourLetterWord,
  freePort,
  type RunningServer,
  startApache,
  startZoon,
  zoonBinary,
} from "./apache_server.ts";
import type { Flavor } from "./target.ts";
import { superCfg } from "./tree_dump.ts";
import type { Target } from "../wire/connection.ts";
import { until } from "../wire/until.ts";

/** What `srvr` calls a member that serves. */
export type Mode = "leader" | "follower" | "observer";

/** Environment variable with the path of another Zoon than `dist/zoon`. */
export const binaryVariable = "ZOON_INTEROP_BINARY";

/** Ticks that a busy machine with several JVMs keeps up with. */
export const ensembleCfg: Record<string, string> = {
  tickTime: "500",
  initLimit: "20",
  syncLimit: "6",
  maxSessionTimeout: "3600000",
  preAllocSize: "64",
  extendedTypesEnabled: "true",
  ...superCfg,
};

/** How an Apache leader brings a learner up to date shows in its log only with this. */
const apacheLogging: Record<string, string> = {
  "org.slf4j.simpleLogger.log.org.apache.zookeeper.server.quorum.LearnerHandler": "debug",
};

/** What to make a member of. */
export interface MemberSpec {
  id: number;
  flavor: Flavor;
  observer?: boolean;
}

/** One server of the ensemble, running or not. */
export class Member implements Target {
  readonly host = "127.0.0.1";
  /** Apache 3.8.0 sleeps through a commit now and then until it is asked again (CommitProcessor.run). */
  readonly pingEveryMs = 200;
  #server: RunningServer | undefined;
  #logFrom = 0;
  #directories = 0;
  #dataDir: string;

  constructor(
    private readonly ensemble: MixedEnsemble,
    readonly id: number,
    public flavor: Flavor,
    readonly isObserver: boolean,
    readonly port: number,
    private readonly directory: string,
  ) {
    this.#dataDir = this.#nextDataDir();
  }

  get dataDir(): string {
    return this.#dataDir;
  }

  /** `3 (zoon)`, for messages. */
  get label(): string {
    return `${this.id} (${this.flavor})`;
  }

  get isRunning(): boolean {
    return this.#server !== undefined;
  }

  /** All it printed since its last start. */
  log(): string {
    if (!existsSync(this.#logFile)) return "";
    return readFileSync(this.#logFile).subarray(this.#logFrom).toString("utf8");
  }

  /** Starts the process; does not wait until it serves. */
  async start(): Promise<void> {
    if (this.#server !== undefined) throw new Error(`Member ${this.label} runs already`);
    const { cfg, properties, servers } = this.ensemble;
    const options = {
      dataDir: this.#dataDir,
      clientPort: this.port,
      myid: this.id,
      readyTimeoutMs: 0,
    };
    const roleCfg: Record<string, string> = this.isObserver ? { peerType: "observer" } : {};
    const ownCfg = { ...ensembleCfg, ...cfg, ...servers, ...roleCfg };
    this.#logFrom = statSync(this.#logFile, { throwIfNoEntry: false })?.size ?? 0;
    if (this.flavor === "zoon") {
      const binary = process.env[binaryVariable] ?? zoonBinary;
      this.#server = await startZoon({ ...options, binary, cfg: { ...ownCfg, ...properties } });
    } else {
      const version = this.flavor.slice("apache-".length) as ApacheVersion;
      this.#server = await startApache({
        ...options,
        cfg: ownCfg,
        jvmProps: { ...apacheLogging, ...properties },
        version,
        heapMb: 128,
        quickJvm: true,
      });
    }
    const server = this.#server;
    server.exited.then(() => {
      if (this.#server === server) this.#server = undefined;
    });
  }

  /** SIGTERM and the end. */
  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** SIGKILL and the end. */
  async kill(): Promise<void> {
    await this.#server?.kill({ keepData: true });
    this.#server = undefined;
  }

  /** SIGSTOP: its sockets stay open and nothing answers. Returns once none of its threads runs any more. */
  async pause(): Promise<void> {
    this.#signal("SIGSTOP");
    const tasks = `/proc/${this.#server?.pid}/task`;
    // Elsewhere than on Linux there is no telling.
    if (!existsSync("/proc/self/task")) return await Bun.sleep(100);
    await until(`member ${this.label} to stand still`, () => {
      try {
        const states = readdirSync(tasks).map((task) => readFileSync(join(tasks, task, "stat"), "utf8"));
        return states.every((line) => /^\d+ \(.*\) [TtZX] /s.test(line)) || undefined;
      } catch {
        return undefined; // A thread ended while it was looked at.
      }
    });
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  /** Takes another implementation's place, on the same data directory or on a fresh one. Only while stopped. */
  become(flavor: Flavor, how: { fresh?: boolean } = {}): void {
    if (this.#server !== undefined) throw new Error(`Member ${this.label} still runs`);
    this.flavor = flavor;
    if (how.fresh === true) this.startAfresh();
  }

  /** Goes on with an empty data directory. Only while stopped. */
  startAfresh(): void {
    if (this.#server !== undefined) throw new Error(`Member ${this.label} still runs`);
    this.#dataDir = this.#nextDataDir();
  }

  /** Answer of a four-letter word; "" when there is none. */
  word(word: string): Promise<string> {
    return fourLetterWord(this, word, 2000).catch(() => "");
  }

  /** What it serves as; undefined while it does not. */
  async mode(): Promise<Mode | undefined> {
    const answer = await fourLetterWord(this, "srvr", 300).catch(() => "");
    const found = /^Mode: (\w+)$/m.exec(answer)?.[1];
    return found as Mode | undefined;
  }

  /** A value of `mntr`, as text; undefined when there is no such line. */
  async metric(name: string): Promise<string | undefined> {
    const answer = await this.word("mntr");
    return answer.split("\n").find((line) => line.startsWith(`zk_${name}\t`))?.split("\t")[1];
  }

  /** Waits until it serves, and returns as what. */
  serves(): Promise<Mode> {
    return until(`member ${this.label} to serve`, () => {
      this.#demandAlive();
      return this.mode();
    });
  }

  /** Waits until its log since the last start holds something. */
  async logs(pattern: RegExp): Promise<RegExpExecArray> {
    return await until(
      `member ${this.label} to log ${pattern}`,
      () => pattern.exec(this.log()) ?? undefined,
    );
  }

  /** Whether some text stands in its txn logs. */
  hasLogged(text: string): boolean {
    const versionDir = join(this.#dataDir, "version-2");
    return readdirSync(versionDir).filter((name) => name.startsWith("log."))
      .some((name) => readFileSync(join(versionDir, name)).includes(text));
  }

  get #logFile(): string {
    return join(this.#dataDir, "server.out");
  }

  #demandAlive(): void {
    if (this.#server === undefined) throw new Error(`Member ${this.label} has ended`);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#server !== undefined) process.kill(this.#server.pid, signal);
  }

  #nextDataDir(): string {
    return join(this.directory, `data-${++this.#directories}`);
  }
}

/** Options of {@linkcode MixedEnsemble.create}. */
export interface EnsembleOptions {
  /** Lines of every member's zoo.cfg, over {@linkcode ensembleCfg}. */
  cfg?: Record<string, string>;
  /** Lines of zoo.cfg for Zoon, system properties for Apache. */
  properties?: Record<string, string>;
}

/** Servers that have each other in their zoo.cfg. */
export class MixedEnsemble {
  readonly members: Member[] = [];
  /** `server.N` lines of everyone's zoo.cfg. */
  readonly servers: Record<string, string> = {};
  readonly cfg: Record<string, string>;
  readonly properties: Record<string, string>;
  readonly #directory = mkdtempSync(join(tmpdir(), "zoon-mixed-"));
  readonly #forget = () => rmSync(this.#directory, { recursive: true, force: true });

  private constructor(options: EnsembleOptions) {
    this.cfg = options.cfg ?? {};
    this.properties = options.properties ?? {};
    process.once("exit", this.#forget);
  }

  /** Prepares an ensemble; starts nothing. */
  static async create(specs: MemberSpec[], options: EnsembleOptions = {}): Promise<MixedEnsemble> {
    const ensemble = new MixedEnsemble(options);
    for (const { id, flavor, observer = false } of specs) {
      const [clientPort, quorumPort, electionPort] = [
        await memberPort(),
        await memberPort(),
        await memberPort(),
      ];
      const directory = join(ensemble.#directory, String(id));
      ensemble.members.push(new Member(ensemble, id, flavor, observer, clientPort, directory));
      ensemble.servers[`server.${id}`] = `127.0.0.1:${quorumPort}:${electionPort}` +
        (observer ? ":observer" : "");
    }
    return ensemble;
  }

  /** The member with this id. */
  member(id: number): Member {
    const found = this.members.find((member) => member.id === id);
    if (found === undefined) throw new Error(`There is no member ${id}`);
    return found;
  }

  get running(): Member[] {
    return this.members.filter((member) => member.isRunning);
  }

  /** All members' client addresses, as clients take them. */
  get connectString(): string {
    return this.members.map((member) => `${member.host}:${member.port}`).join(",");
  }

  /** Starts members, all that do not run by default, and waits until they serve under one leader. */
  async start(...ids: number[]): Promise<Member> {
    const chosen = ids.length > 0
      ? ids.map((id) => this.member(id))
      : this.members.filter((one) => !one.isRunning);
    await Promise.all(chosen.map((member) => member.start()));
    const leader = await this.settled();
    const ended = chosen.find((member) => !member.isRunning);
    if (ended !== undefined) throw new Error(`Member ${ended.label} has ended; ${await this.describe()}`);
    return leader;
  }

  /** Waits until everyone that runs serves, one of them leading and none left behind. @returns The leader. */
  async settled(): Promise<Member> {
    return await until("the ensemble to settle", async () => {
      const running = this.running;
      const modes = await Promise.all(running.map((member) => member.mode()));
      if (modes.some((mode) => mode === undefined)) return undefined;
      const leaders = running.filter((_, i) => modes[i] === "leader");
      return leaders.length === 1 ? leaders[0] : undefined;
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}; ${await this.describe()}`);
    });
  }

  /** The members with their modes, and the end of each log: what a failed test prints. */
  async describe(logTail = 3000): Promise<string> {
    const parts = await Promise.all(this.members.map(async (member) => {
      const mode = member.isRunning ? await member.mode() ?? "not serving" : "not running";
      return `── member ${member.label}: ${mode}\n${member.log().slice(-logTail)}`;
    }));
    return parts.join("\n");
  }

  /** Kills everyone and removes their directories. */
  async destroy(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    process.off("exit", this.#forget);
    this.#forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}

/** A port that stays a member's while it is down; nobody else's tests take theirs from here. */
function memberPort(): Promise<number> {
  return freePort(8_000);
}
