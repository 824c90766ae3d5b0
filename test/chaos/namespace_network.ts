/**
 * A network namespace per server, joined by a bridge, on Linux where that is permitted. What this process mounts is its
 * own, too.
 *
 * Everything lives in namespaces without names, held open by processes of ours: when they end, all is gone. The
 * process that uses this must run in a namespace of its own too ({@linkcode enterNamespace}).
 *
 * A blocked direction is a neighbour entry that leads nowhere: packets are lost without a word, TCP resends.
 * Each server has a second interface on another bridge, over which it answers for its state whatever is cut.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { Target } from "../wire/connection.ts";
import { type ChaosNetwork, clients, type Link, type Place } from "./chaos_network.ts";

const ports = { client: 2181, quorum: 2888, election: 3888 };
/** An address no interface has. */
const nowhere = "02:00:00:00:de:ad";
const insideVariable = "ZOON_CHAOS_NAMESPACE";

/** Whether this process has been started by {@linkcode enterNamespace}. */
export function isInNamespace(): boolean {
  return process.env[insideVariable] === "1";
}

/** The words of `unshare` that give a network namespace here, or null where there are none to be had. */
export function namespaceCommand(): string[] | null {
  if (process.platform !== "linux") return null;
  const ways = process.getuid?.() === 0 ? [["--net", "--mount"]] : [["--net", "--mount", "--map-root-user"]];
  for (const way of ways) {
    // What is needed later is tried: a bridge, a namespace below this one, a virtual cable into it.
    const trial = [
      "set -e",
      "ip link add name b0 type bridge",
      "unshare --net sleep 5 & holder=$!",
      "sleep 0.2",
      "ip link add name c0 type veth peer name eth0 netns $holder",
      "nsenter --target $holder --net ip link set eth0 up",
      "kill $holder",
    ].join("\n");
    const done = spawnSync("unshare", [...way, "sh", "-c", trial], { stdio: "ignore", timeout: 10_000 });
    if (done.status === 0) return ["unshare", ...way];
  }
  return null;
}

/** Runs this very program again in a network namespace of its own and ends with its exit code. */
export function enterNamespace(unshare: readonly string[]): void {
  const child = spawn(unshare[0], [...unshare.slice(1), process.execPath, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, [insideVariable]: "1" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
}

/** See the head of this file. */
export class NamespaceNetwork implements ChaosNetwork {
  readonly kind = "namespaces";
  readonly canDelay = false;
  readonly #size: number;
  readonly #holders = new Map<Place, ChildProcess>();
  readonly #macs = new Map<Place, string>();
  #blocked: ReadonlySet<Link> = new Set();

  private constructor(size: number) {
    this.#size = size;
  }

  /**
   * Makes the namespaces of servers 1 to `size`.
   *
   * @throws {Error} When a command is refused, or this process is not in a namespace of its own.
   */
  static async open(size: number): Promise<NamespaceNetwork> {
    if (!isInNamespace()) throw new Error("The process must have a network namespace of its own first");
    const network = new NamespaceNetwork(size);
    process.on("exit", () => network.#kill());
    run([
      "link set lo up",
      "link add name br-data type bridge",
      "link add name br-state type bridge",
      `addr add ${dataHost(clients)}/24 dev br-data`,
      `addr add ${stateHost(clients)}/24 dev br-state`,
      "link set br-data up",
      "link set br-state up",
    ]);
    for (let id = 1; id <= size; id++) await network.#add(id);
    // A bridge takes its address from its members.
    network.#macs.set(clients, macOf("br-data"));
    // Without entries of ours the kernel would ask for addresses by broadcast, which no block stops.
    await network.setBlocked(new Set());
    return network;
  }

  configOf(_id: Place): Record<string, string> {
    const lines: Record<string, string> = { clientPort: String(ports.client) };
    for (let id = 1; id <= this.#size; id++) {
      lines[`server.${id}`] = `${dataHost(id)}:${ports.quorum}:${ports.election}`;
    }
    return lines;
  }

  clientAddress(id: Place): string {
    return `${dataHost(id)}:${ports.client}`;
  }

  statusTarget(id: Place): Target {
    return { host: stateHost(id), port: ports.client };
  }

  wrap(id: Place, command: readonly string[]): string[] {
    return ["nsenter", "--target", String(this.#holders.get(id)!.pid), "--net", ...command];
  }

  async setBlocked(links: ReadonlySet<Link>): Promise<void> {
    const first = this.#blocked.size === 0 && links.size === 0;
    const work: Promise<void>[] = [];
    for (let from = 0; from <= this.#size; from++) {
      const commands: string[] = [];
      for (let to = 0; to <= this.#size; to++) {
        const way: Link = `${from}>${to}`;
        if (from === to || (!first && this.#blocked.has(way) === links.has(way))) continue;
        const mac = links.has(way) ? nowhere : this.#macs.get(to)!;
        const device = from === clients ? "br-data" : "eth0";
        commands.push(`neigh replace ${dataHost(to)} lladdr ${mac} dev ${device} nud permanent`);
      }
      if (commands.length > 0) work.push(this.#runIn(from, commands));
    }
    this.#blocked = new Set(links);
    await Promise.all(work);
  }

  setDelay(): void {}

  reset(): void {}

  close(): Promise<void> {
    this.#kill();
    return Promise.resolve();
  }

  async #add(id: Place): Promise<void> {
    // Ends with this process, whatever becomes of it: its input ends then.
    const holder = spawn("unshare", ["--net", "cat"], { stdio: ["pipe", "ignore", "ignore"] });
    this.#holders.set(id, holder);
    const own = spawnSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }).stdout;
    for (;;) {
      const theirs = spawnSync("readlink", [`/proc/${holder.pid}/ns/net`], { encoding: "utf8" }).stdout;
      if (theirs !== "" && theirs !== own) break;
      await Bun.sleep(5);
    }
    run([
      `link add name d${id} type veth peer name eth0 netns ${holder.pid}`,
      `link add name s${id} type veth peer name eth1 netns ${holder.pid}`,
      `link set d${id} master br-data`,
      `link set s${id} master br-state`,
      `link set d${id} up`,
      `link set s${id} up`,
    ]);
    await this.#runIn(id, [
      "link set lo up",
      `addr add ${dataHost(id)}/24 dev eth0`,
      `addr add ${stateHost(id)}/24 dev eth1`,
      "link set eth0 up",
      "link set eth1 up",
    ]);
    const shown = spawnSync("nsenter", [
      "--target",
      String(holder.pid),
      "--net",
      "ip",
      "link",
      "show",
      "eth0",
    ], {
      encoding: "utf8",
    });
    this.#macs.set(id, macIn(shown.stdout));
  }

  #runIn(place: Place, commands: readonly string[]): Promise<void> {
    const words = ["ip", "-batch", "-"];
    const [command, ...args] = place === clients ? words : this.wrap(place, words);
    const child = spawn(command, args, { stdio: ["pipe", "ignore", "pipe"] });
    let trouble = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => trouble += text);
    child.stdin.end(commands.map((line) => `${line}\n`).join(""));
    return new Promise((done, fail) => {
      child.once("error", fail);
      child.once("close", (code) => code === 0 ? done() : fail(new Error(`ip: ${trouble.trim()}`)));
    });
  }

  #kill(): void {
    for (const holder of this.#holders.values()) holder.kill("SIGKILL");
  }
}

function dataHost(place: Place): string {
  return `10.77.1.${place === clients ? 250 : place}`;
}

function stateHost(place: Place): string {
  return `10.77.2.${place === clients ? 250 : place}`;
}

function run(commands: readonly string[]): void {
  const input = commands.map((line) => `${line}\n`).join("");
  const done = spawnSync("ip", ["-batch", "-"], { input, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`ip: ${done.error?.message ?? done.stderr.trim()}`);
}

function macOf(device: string): string {
  return macIn(spawnSync("ip", ["link", "show", device], { encoding: "utf8" }).stdout);
}

function macIn(shown: string): string {
  const mac = /link\/ether ([0-9a-f:]{17})/.exec(shown)?.[1];
  if (mac === undefined) throw new Error(`ip shows no address: ${shown}`);
  return mac;
}
