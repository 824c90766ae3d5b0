/** What can be done to a running ensemble. Each fault undoes itself; who runs it heals whatever is left. */
import { type Random, randomBelow } from "../../src/base/random.ts";
import { both, type ChaosNetwork, clients, type Link, link } from "./chaos_network.ts";
import type { Cluster } from "./cluster.ts";
import type { Disturbance } from "./history.ts";
import type { SmallDisk } from "./small_disk.ts";

/** What faults work with. */
export interface FaultWorld {
  readonly cluster: Cluster;
  readonly network: ChaosNetwork;
  readonly random: Random;
  /** Disks that can be filled, by server. */
  readonly smallDisks: ReadonlyMap<number, SmallDisk>;
  /** After so much silence, in ms, servers give each other up: tickTime × syncLimit. */
  readonly syncMs: number;
  /** Waits, or less when the round ends. */
  sleep(ms: number): Promise<void>;
  /** Whether the round has ended. */
  readonly over: boolean;
  /** Notes a time in which an old leader may not know that it is one. */
  disturb(name: string): Disturbance;
  /** What is being done, for people. */
  say(text: string): void;
}

/** See the head of this file. */
export interface Fault {
  readonly name: string;
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** What it takes; nothing by default. */
  readonly needs?: "delays" | "small disks";
  run(world: FaultWorld): Promise<void>;
}

/** A number between two, ends included. */
function between(world: FaultWorld, low: number, high: number): number {
  return low + randomBelow(world.random, Math.max(1, Math.round(high - low + 1)));
}

function pick<T>(world: FaultWorld, items: readonly T[]): T {
  return items[randomBelow(world.random, items.length)];
}

/** The leader, or any server while there is none. */
async function leaderOf(world: FaultWorld): Promise<number> {
  return await world.cluster.leader() ?? pick(world, world.cluster.ids);
}

async function followerOf(world: FaultWorld): Promise<number> {
  const leader = await world.cluster.leader();
  return pick(world, world.cluster.ids.filter((id) => id !== leader));
}

/** Blocks links for a time. */
async function cut(world: FaultWorld, name: string, links: readonly Link[], ms: number): Promise<void> {
  const disturbance = world.disturb(name);
  await world.network.setBlocked(new Set(links));
  world.say(`${links.join(" ")} for ${ms} ms`);
  await world.sleep(ms);
  await world.network.setBlocked(new Set());
  disturbance.endedMs = performance.now();
}

async function killFor(world: FaultWorld, ids: readonly number[], ms: number): Promise<void> {
  world.say(`server ${ids.join(", ")} for ${ms} ms`);
  await Promise.all(ids.map((id) => world.cluster.kill(id)));
  await world.sleep(ms);
  for (const id of ids) world.cluster.start(id);
}

async function stopFor(world: FaultWorld, id: number, ms: number): Promise<void> {
  world.say(`server ${id} for ${ms} ms`);
  await world.cluster.stop(id);
  await world.sleep(ms);
  world.cluster.start(id);
}

async function pauseFor(world: FaultWorld, id: number, ms: number): Promise<void> {
  const disturbance = world.disturb(`pause ${id}`);
  world.say(`server ${id} for ${ms} ms`);
  world.cluster.pause(id);
  await world.sleep(ms);
  world.cluster.resume(id);
  disturbance.endedMs = performance.now();
}

/** Links between a server and all other servers. */
function peerLinks(world: FaultWorld, id: number): Link[] {
  return world.cluster.ids.filter((other) => other !== id).flatMap((other) => both(id, other));
}

/** How long a cut lasts: some are over before anybody notices, some long after all have. */
function cutMs(world: FaultWorld): number {
  return randomBelow(world.random, 3) === 0
    ? between(world, 50, world.syncMs)
    : between(world, world.syncMs, world.syncMs * 3);
}

/** All faults there are. */
export const faults: readonly Fault[] = [
  {
    name: "kill leader",
    weight: 6,
    async run(world) {
      await killFor(world, [await leaderOf(world)], between(world, 0, 3000));
    },
  },
  {
    name: "kill follower",
    weight: 3,
    async run(world) {
      await killFor(world, [await followerOf(world)], between(world, 0, 3000));
    },
  },
  {
    name: "kill majority",
    weight: 2,
    async run(world) {
      const leader = await leaderOf(world);
      const others = world.cluster.voters.filter((id) => id !== leader);
      const victims = [leader, ...others.slice(0, world.cluster.quorum - 1)];
      await killFor(world, victims, between(world, 0, 1500));
    },
  },
  {
    name: "kill all",
    weight: 2,
    async run(world) {
      await killFor(world, world.cluster.ids, between(world, 0, 500));
    },
  },
  {
    name: "kill leader twice",
    weight: 3,
    async run(world) {
      const first = await leaderOf(world);
      await killFor(world, [first], between(world, 300, 1500));
      const second = await leaderOf(world);
      await killFor(world, [second], between(world, 0, 1500));
    },
  },
  {
    name: "kill leader while a follower catches up",
    weight: 4,
    async run(world) {
      const follower = await followerOf(world);
      await killFor(world, [follower], between(world, 500, 3000));
      await world.sleep(between(world, 0, 400));
      await killFor(world, [await leaderOf(world)], between(world, 0, 2000));
    },
  },
  {
    name: "stop leader",
    weight: 2,
    async run(world) {
      await stopFor(world, await leaderOf(world), between(world, 0, 2000));
    },
  },
  {
    name: "stop follower",
    weight: 1,
    async run(world) {
      await stopFor(world, await followerOf(world), between(world, 0, 2000));
    },
  },
  {
    name: "rolling restart",
    weight: 1,
    async run(world) {
      for (const id of world.cluster.ids) {
        if (world.over) return;
        await stopFor(world, id, between(world, 0, 300));
        await world.cluster.settled(10_000);
      }
    },
  },
  {
    name: "pause leader",
    weight: 4,
    async run(world) {
      await pauseFor(world, await leaderOf(world), cutMs(world));
    },
  },
  {
    name: "pause follower",
    weight: 2,
    async run(world) {
      await pauseFor(world, await followerOf(world), cutMs(world));
    },
  },
  {
    name: "pause leader, kill the next",
    weight: 2,
    async run(world) {
      const old = await leaderOf(world);
      const disturbance = world.disturb("pause");
      world.say(`server ${old} until there is another`);
      world.cluster.pause(old);
      for (let waited = 0; waited < world.syncMs * 3 && !world.over; waited += 50) {
        if (await world.cluster.leader() !== undefined) break;
        await world.sleep(50);
      }
      await world.sleep(between(world, 0, 300));
      const next = await world.cluster.leader();
      world.cluster.resume(old);
      disturbance.endedMs = performance.now();
      if (next !== undefined) await killFor(world, [next], between(world, 0, 1500));
    },
  },
  {
    name: "isolate leader from servers",
    weight: 4,
    async run(world) {
      await cut(world, "isolation", peerLinks(world, await leaderOf(world)), cutMs(world));
    },
  },
  {
    name: "isolate leader from all",
    weight: 3,
    async run(world) {
      const leader = await leaderOf(world);
      await cut(world, "isolation", [...peerLinks(world, leader), ...both(leader, clients)], cutMs(world));
    },
  },
  {
    name: "isolate follower",
    weight: 2,
    async run(world) {
      await cut(world, "isolation", peerLinks(world, await followerOf(world)), cutMs(world));
    },
  },
  {
    name: "cut one pair",
    weight: 3,
    async run(world) {
      const leader = await leaderOf(world);
      const other = pick(world, world.cluster.ids.filter((id) => id !== leader));
      await cut(world, "cut", both(leader, other), cutMs(world));
    },
  },
  {
    name: "leader cannot be heard",
    weight: 3,
    async run(world) {
      const leader = await leaderOf(world);
      const others = world.cluster.ids.filter((id) => id !== leader);
      await cut(world, "one way", others.map((other) => link(leader, other)), cutMs(world));
    },
  },
  {
    name: "leader hears nobody",
    weight: 3,
    async run(world) {
      const leader = await leaderOf(world);
      const others = world.cluster.ids.filter((id) => id !== leader);
      await cut(world, "one way", others.map((other) => link(other, leader)), cutMs(world));
    },
  },
  {
    name: "one way between two",
    weight: 2,
    async run(world) {
      const from = pick(world, world.cluster.ids);
      const to = pick(world, world.cluster.ids.filter((id) => id !== from));
      await cut(world, "one way", [link(from, to)], cutMs(world));
    },
  },
  {
    name: "split",
    weight: 2,
    async run(world) {
      const shuffled = world.cluster.ids.toSorted(() => randomBelow(world.random, 3) - 1);
      const side = new Set(shuffled.slice(0, between(world, 1, shuffled.length - 1)));
      const links = shuffled.flatMap((a) =>
        shuffled.filter((b) => side.has(a) !== side.has(b)).map((b) => link(a, b))
      );
      await cut(world, "split", links, cutMs(world));
    },
  },
  {
    name: "all apart",
    weight: 1,
    async run(world) {
      const { ids } = world.cluster;
      const links = ids.flatMap((a) => ids.filter((b) => b !== a).map((b) => link(a, b)));
      await cut(world, "split", links, cutMs(world));
    },
  },
  {
    name: "cut off clients",
    weight: 2,
    async run(world) {
      const server = pick(world, world.cluster.ids);
      await cut(world, "clients cut", both(server, clients), cutMs(world));
    },
  },
  {
    name: "isolate leader, kill a follower",
    weight: 2,
    async run(world) {
      const leader = await leaderOf(world);
      const disturbance = world.disturb("isolation");
      await world.network.setBlocked(new Set(peerLinks(world, leader)));
      await world.sleep(between(world, 0, world.syncMs * 2));
      await killFor(world, [await followerOf(world)], between(world, 0, 1000));
      await world.sleep(between(world, 0, world.syncMs));
      await world.network.setBlocked(new Set());
      disturbance.endedMs = performance.now();
    },
  },
  {
    name: "slow links",
    weight: 2,
    needs: "delays",
    async run(world) {
      const { ids } = world.cluster;
      const links = ids.flatMap((a) => ids.filter((b) => b !== a).map((b) => link(a, b)))
        .filter(() => randomBelow(world.random, 2) === 0);
      const delayMs = between(world, 5, 100);
      world.say(`${links.join(" ")} by ${delayMs} ms`);
      world.network.setDelay(new Set(links), delayMs);
      await world.sleep(between(world, 500, 4000));
      world.network.setDelay(new Set(), 0);
    },
  },
  {
    name: "break connections",
    weight: 2,
    needs: "delays",
    async run(world) {
      const { ids } = world.cluster;
      for (let count = between(world, 1, 3); count > 0 && !world.over; count--) {
        const a = pick(world, [clients, ...ids]);
        const b = pick(world, ids.filter((id) => id !== a));
        world.say(`between ${a} and ${b}`);
        world.network.reset(a, b);
        await world.sleep(between(world, 0, 500));
      }
    },
  },
  {
    name: "full disk",
    weight: 3,
    needs: "small disks",
    async run(world) {
      const [id, disk] = pick(world, [...world.smallDisks]);
      const ms = between(world, 100, 4000);
      world.say(`server ${id}, ${await world.cluster.mode(id)}, for ${ms} ms`);
      disk.fill();
      await world.sleep(ms);
      disk.free();
    },
  },
  {
    name: "new disk",
    weight: 2,
    async run(world) {
      // A server that forgets what it acknowledged may only come back to a quorum that has it all.
      const id = pick(world, world.cluster.ids);
      if ((await world.cluster.settled(10_000)).length > 0) return;
      world.say(`server ${id}`);
      await world.cluster.kill(id);
      const wiped = await othersServe(world, id);
      if (wiped) world.cluster.wipe(id);
      world.cluster.start(id);
      if (wiped) await world.cluster.settled(30_000);
    },
  },
];

async function othersServe(world: FaultWorld, missing: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const modes = await world.cluster.modes();
    modes.delete(missing);
    const serving = [...modes.values()];
    if (serving.includes("leader") && !serving.some((mode) => mode === "silent" || mode === "idle")) {
      return true;
    }
    await Bun.sleep(50);
  }
  return false;
}

/** Draws faults: first each kind once, then about as often as their weights say, in an order of the seed's. */
export class FaultDeck {
  readonly #random: Random;
  readonly #all: readonly Fault[];
  #deck: Fault[];

  /**
   * @param has Whether a run has what a fault needs.
   * @param chosen Which kinds may be drawn.
   * @throws {Error} None may.
   */
  constructor(
    random: Random,
    has: (need: NonNullable<Fault["needs"]>) => boolean,
    chosen: (fault: Fault) => boolean,
  ) {
    this.#random = random;
    this.#all = faults.filter((fault) => (fault.needs === undefined || has(fault.needs)) && chosen(fault));
    if (this.#all.length === 0) throw new Error("No fault is left to draw");
    this.#deck = this.#shuffled([...this.#all]);
  }

  /** The next one. */
  draw(): Fault {
    if (this.#deck.length === 0) {
      this.#deck = this.#shuffled(
        this.#all.flatMap((fault) => Array.from({ length: fault.weight }, () => fault)),
      );
    }
    return this.#deck.pop()!;
  }

  #shuffled(deck: Fault[]): Fault[] {
    for (let at = deck.length - 1; at > 0; at--) {
      const other = randomBelow(this.#random, at + 1);
      [deck[at], deck[other]] = [deck[other], deck[at]];
    }
    return deck;
  }
}
