/**
 * Servers whose ensemble changes while it runs: each a process with a zoo.cfg that it rewrites itself, Apache
 * ZooKeeper or Zoon.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NodeData, type ZooKeeper } from "../../mod.ts";
import {
  type ApacheVersion,
  fourLetterWord,
  freePort,
  type RunningServer,
  startApache,
  startZoon,
  zoonBinary,
} from "./apache_server.ts";
import { binaryVariable } from "./mixed_ensemble.ts";
import { until } from "../wire/until.ts";
import type { Flavor } from "./target.ts";
import { superCfg } from "./tree_dump.ts";

/** Longer than initLimit, for which an Apache that was handed the office may wait in vain while its clients hang on it. */
const sessionTimeoutMs = 30_000;

/** Lines of every server's zoo.cfg. */
const commonCfg: Record<string, string> = {
  tickTime: "500",
  initLimit: "20",
  syncLimit: "6",
  maxSessionTimeout: String(sessionTimeoutMs),
  reconfigEnabled: "true",
  "admin.enableServer": "false",
  "4lw.commands.whitelist": "*",
  preAllocSize: "64",
  ...superCfg,
};

/** The super user, who may change the ensemble. */
const superUser = { scheme: "digest", auth: "super:test" };

/** One server, running or not. */
export class ReconfigServer {
  readonly host = "127.0.0.1";
  readonly zooCfg: string;
  #process: RunningServer | undefined;

  constructor(
    readonly id: number,
    readonly flavor: Flavor,
    readonly dataDir: string,
    public ports: { client: number; quorum: number; election: number },
  ) {
    this.zooCfg = join(dataDir, "zoo.cfg");
  }

  /** What follows `server.N=`. */
  line(role: "participant" | "observer" = "participant"): string {
    const { client, quorum, election } = this.ports;
    return `${this.host}:${quorum}:${election}:${role};${this.host}:${client}`;
  }

  get address(): string {
    return `${this.host}:${this.ports.client}`;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Writes the zoo.cfg of a server that has not run yet. */
  configure(cfg: Record<string, string>): void {
    mkdirSync(this.dataDir, { recursive: true });
    const lines = Object.entries({ dataDir: this.dataDir, ...commonCfg, ...cfg });
    writeFileSync(this.zooCfg, lines.map(([key, value]) => `${key}=${value}\n`).join(""));
  }

  /** Starts with whatever its zoo.cfg holds by now, and waits until it serves unless told not to. */
  async start({ serves = true } = {}): Promise<void> {
    const options = {
      dataDir: this.dataDir,
      clientPort: this.ports.client,
      myid: this.id,
      keepCfg: true,
      readyTimeoutMs: 0,
    };
    const process_ = this.flavor === "zoon"
      ? await startZoon({ ...options, binary: process.env[binaryVariable] ?? zoonBinary })
      : await startApache({
        ...options,
        version: this.flavor.slice("apache-".length) as ApacheVersion,
        heapMb: 128,
        quickJvm: true,
      });
    this.#process = process_;
    process_.exited.then(() => {
      if (this.#process === process_) this.#process = undefined;
    });
    if (serves) await this.serves();
  }

  async kill(): Promise<void> {
    await this.#process?.kill({ keepData: true });
    this.#process = undefined;
  }

  /** What it serves as; undefined while it does not. */
  async mode(): Promise<string | undefined> {
    const answer = await fourLetterWord({ host: this.host, port: this.ports.client }, "srvr", 300).catch(() =>
      ""
    );
    return /^Mode: (\w+)$/m.exec(answer)?.[1];
  }

  serves(mode?: string): Promise<string> {
    return until(`server ${this.id} to serve as ${mode ?? "anything"}`, async () => {
      const now = await this.mode();
      if (!this.isRunning) throw new Error(`server ${this.id} has ended`);
      return mode === undefined || now === mode ? now : undefined;
    });
  }

  /** Waits until it does not serve any more. */
  ceases(): Promise<true> {
    return until(
      `server ${this.id} to serve no more`,
      async () => await this.mode() === undefined ? true : undefined,
    );
  }

  /** Text in /zookeeper/config as this very server has it. */
  async config(): Promise<string> {
    const client = await connect(this.address);
    try {
      return textOf(await client.getConfig());
    } finally {
      await client.close();
    }
  }

  /** Waits until this server knows the configuration. */
  knows(config: string): Promise<true> {
    return until(`server ${this.id} to know ${config}`, async () => {
      if (await this.mode() === undefined) return undefined;
      return sorted(await this.config()) === sorted(config) ? true : undefined;
    });
  }

  /** Names and contents of the configuration files beside zoo.cfg, itself included. */
  files(): Record<string, string> {
    const names = readdirSync(this.dataDir).filter((name) =>
      name.startsWith("zoo.cfg") && !name.endsWith(".tmp")
    );
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(this.dataDir, name), "utf8")]));
  }

  log(): string {
    const path = join(this.dataDir, "server.out");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }
}

/** Servers and clients of one changing ensemble. */
export class ReconfigEnsemble {
  readonly servers: ReconfigServer[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), "zoon-reconfig-"));
  readonly #clients: ZooKeeper[] = [];
  readonly #forget = () => rmSync(this.#directory, { recursive: true, force: true });

  constructor() {
    process.once("exit", this.#forget);
  }

  /** Starts an ensemble whose zoo.cfg files list all its members. */
  static async start(
    flavors: readonly Flavor[],
    cfg: Record<string, string> = {},
  ): Promise<ReconfigEnsemble> {
    const ensemble = new ReconfigEnsemble();
    for (const [index, flavor] of flavors.entries()) await ensemble.add(index + 1, flavor);
    const lines = ensemble.lines(ensemble.servers);
    for (const server of ensemble.servers) server.configure({ ...cfg, ...lines });
    await Promise.all(ensemble.servers.map((server) => server.start({ serves: false })));
    await ensemble.settled().catch(async (error) => {
      console.error(ensemble.describe());
      await ensemble.destroy();
      throw error;
    });
    return ensemble;
  }

  /** A server that is not a member yet, neither configured nor started. */
  async add(id: number, flavor: Flavor): Promise<ReconfigServer> {
    const server = new ReconfigServer(id, flavor, join(this.#directory, String(id)), await freshPorts());
    this.servers.push(server);
    return server;
  }

  server(id: number): ReconfigServer {
    const found = this.servers.find((server) => server.id === id);
    if (found === undefined) throw new Error(`There is no server ${id}`);
    return found;
  }

  lines(servers: readonly ReconfigServer[]): Record<string, string> {
    return Object.fromEntries(servers.map((server) => [`server.${server.id}`, server.line()]));
  }

  /** Starts a server that lists the ensemble and itself, to join it. */
  async startJoining(server: ReconfigServer, role: "participant" | "observer"): Promise<void> {
    const members = this.servers.filter((one) => one !== server && one.isRunning);
    server.configure({ ...this.lines(members), [`server.${server.id}`]: server.line(role) });
    await server.start();
  }

  /** Waits until all that run serve under one leader. @returns It. */
  settled(servers: readonly ReconfigServer[] = this.servers.filter(({ isRunning }) => isRunning)) {
    return until("the ensemble to settle", async () => {
      const ended = servers.find(({ isRunning }) => !isRunning);
      if (ended !== undefined) throw new Error(`server ${ended.id} has ended`);
      const modes = await Promise.all(servers.map((server) => server.mode()));
      if (modes.includes(undefined)) return undefined;
      const leaders = servers.filter((_, index) => modes[index] === "leader");
      return leaders.length === 1 ? leaders[0] : undefined;
    });
  }

  /** A client of the super user's, of all servers or of some. */
  async client(...servers: ReconfigServer[]): Promise<ZooKeeper> {
    const chosen = servers.length > 0 ? servers : this.servers;
    const hosts = chosen.map(({ address }) => address).join(",");
    const client = await connect(hosts, { auth: [superUser], sessionTimeoutMs });
    this.#clients.push(client);
    return client;
  }

  describe(): string {
    return this.servers.map((server) =>
      `── server ${server.id} (${server.flavor})\n${server.log().slice(-3000)}`
    )
      .join("\n");
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close().catch(() => {})));
    await Promise.all(this.servers.map((server) => server.kill()));
    process.off("exit", this.#forget);
    this.#forget();
  }
}

export function textOf({ data }: NodeData): string {
  return new TextDecoder().decode(data ?? new Uint8Array());
}

/** Lines in one order, as servers are free to choose theirs. */
export function sorted(config: string): string {
  return config.split("\n").sort().join("\n");
}

/** @returns The version at the end of a configuration, in hexadecimal. */
export function versionOf(config: string): string {
  return /^version=([0-9a-f]+)$/m.exec(config)?.[1] ?? "none";
}

/** Free ports for a server. */
export async function freshPorts(): Promise<{ client: number; quorum: number; election: number }> {
  return { client: await freePort(), quorum: await freePort(), election: await freePort() };
}
