/** Workers of servers that are members of an ensemble: leaders and followers, who come and go. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Network } from "../../../../src/base/network.ts";
import { ErrorCode } from "../../../../src/protocol/error_code.ts";
import { OpCode } from "../../../../src/protocol/op_code.ts";
import { type RunningServer, type ServerWorld, startServer } from "../../../../src/server/server.ts";
import { WorkerServer } from "../../../../src/server/workers/worker_server.ts";
import { MemoryDisk } from "../../../world/memory_disk.ts";
import { load } from "../../config/_load.ts";
import { Offices } from "../_offices.ts";
import type { MemorySocket } from "../_memory_network.ts";
import { createBody, GroupClient } from "./_group.ts";

const ids = [1, 2, 3];

/** Three servers with a worker each. */
class Members {
  readonly offices = new Offices();
  readonly servers = new Map<number, RunningServer>();
  /** The workers' ends of their links. */
  readonly links = new Map<number, MemorySocket>();

  async start(): Promise<void> {
    for (const id of ids) {
      this.servers.set(id, await startServer(this.#configOf(id), this.#worldOf(id)));
      this.#startWorker(id);
    }
    await this.offices.pass(5000);
  }

  get leader(): number {
    return ids.find((id) => this.servers.get(id)?.mode === "leader")!;
  }

  get follower(): number {
    return ids.find((id) => this.servers.get(id)?.mode === "follower")!;
  }

  settle(): Promise<void> {
    return this.offices.settle();
  }

  /** A connection to a server's main process, or to its worker. */
  async connect(id: number, process: "main" | "worker"): Promise<GroupClient> {
    const client = new GroupClient(this);
    let failure: Error | null = null;
    const port = clientPortOf(id) + (process === "worker" ? 10 : 0);
    this.offices.network.dial("", port, 1000, (socket) => client.attach(socket)).catch((error) =>
      failure = error
    );
    await this.settle();
    if (failure !== null) throw failure;
    return client;
  }

  async session(id: number, process: "main" | "worker"): Promise<GroupClient> {
    const client = await this.connect(id, process);
    await client.open();
    return client;
  }

  #startWorker(id: number): void {
    const { network } = this.offices;
    const ports: Network = {
      listen: (host, port, accept) => network.listen(host, port + 10, accept),
      dial: async (_host, _port, timeoutMs, open) => {
        const socket = await network.dial("", doorPortOf(id), timeoutMs, open);
        this.links.set(id, socket as MemorySocket);
        return socket;
      },
    };
    const config = { ...this.#configOf(id), ensemble: undefined };
    const world = { ...this.#worldOf(id), network: ports, workers: undefined };
    new WorkerServer({ index: 1, config, world }).start();
  }

  #configOf(id: number) {
    const members = ids.map((one) => `server.${one}=h${one}:${2880 + one}:${3880 + one}`);
    const cfg = [
      "dataDir=/data",
      "preAllocSize=64",
      "tickTime=1000",
      "initLimit=10",
      "syncLimit=5",
      ...members,
    ];
    return load({ cfg: [...cfg, `clientPort=${clientPortOf(id)}`].join("\n"), serverId: id }).config;
  }

  #worldOf(id: number): ServerWorld {
    const { network } = this.offices;
    return {
      ...this.offices.world(new MemoryDisk(id), id),
      workers: { listen: (accept) => network.listen("", doorPortOf(id), accept), onSilent() {} },
    };
  }
}

const clientPortOf = (id: number) => 2180 + id;
const doorPortOf = (id: number) => id;

describe("workers of members", () => {
  let members: Members;
  beforeEach(async () => {
    members = new Members();
    await members.start();
  });

  test("write, read and sync, on leader and follower", async () => {
    const leaders = await members.session(members.leader, "worker");
    const followers = await members.session(members.follower, "worker");
    expect((await leaders.create("/a")).error).toBe(0);
    expect((await followers.create("/b")).error).toBe(0);
    for (const client of [leaders, followers]) {
      expect((await client.ask(OpCode.sync, (out) => out.string("/"))).error).toBe(0);
      expect(await client.get("/a")).toBe("new");
      expect(await client.get("/b")).toBe("new");
    }
  });

  test("hand sessions over to other processes and other servers, and back", async () => {
    const { leader, follower } = members;
    let client = await members.session(follower, "worker");
    await client.create("/e", 1);
    const stations = [
      [follower, "main"],
      [leader, "worker"],
      [follower, "worker"],
      [leader, "main"],
      [leader, "worker"],
      [follower, "main"],
      [follower, "worker"],
    ] as const;
    for (const [id, process] of stations) {
      const next = await members.connect(id, process);
      expect((await next.open({ as: client }))?.sessionId).toBe(client.session!.sessionId);
      expect((await next.set("/e", `at ${process} of ${id}`)).error).toBe(0);
      client = next;
    }
    expect((await client.ask(OpCode.closeSession)).error).toBe(0);
    await members.settle();
    expect(await (await members.session(leader, "main")).get("/e")).toBe(ErrorCode.noNode);
  });

  test("write nothing for a session that has gone to the main process of their follower", async () => {
    const { follower } = members;
    const before = await members.session(follower, "worker");
    await before.create("/a");
    const link = members.links.get(follower)!;
    link.stalled = true;
    before.request(OpCode.create, createBody("/late"));
    await members.settle();
    const after = await members.connect(follower, "main");
    await after.open({ as: before });
    expect((await after.set("/a", "2")).error).toBe(0);
    link.drain();
    await members.settle();
    expect(before.closed).toBe(true);
    expect(await after.get("/late")).toBe(ErrorCode.noNode);
  });

  test("keep sessions alive, and lose those that are silent", async () => {
    const { follower, leader } = members;
    const heard = await members.session(follower, "worker");
    const silent = await members.session(follower, "worker");
    await heard.create("/heard", 1);
    await silent.create("/silent", 1);
    for (let round = 0; round < 8; round++) {
      await members.offices.pass(2000);
      await heard.ping();
    }
    const witness = await members.session(leader, "worker");
    expect(await witness.get("/heard")).toBe("new");
    expect(await witness.get("/silent")).toBe(ErrorCode.noNode);
    expect(silent.closed).toBe(true);
  });

  test("drop their clients with the office of their server, and serve again in the next one", async () => {
    const { leader, follower } = members;
    const client = await members.session(follower, "worker");
    await client.create("/before", 1);
    const old = members.servers.get(leader)!;
    members.servers.delete(leader);
    await old.stop();
    await members.settle();
    expect(client.closed).toBe(true);
    await members.offices.pass(5000);
    const again = await members.connect(follower, "worker");
    expect((await again.open({ as: client }))?.sessionId).toBe(client.session!.sessionId);
    expect(await again.get("/before")).toBe("new");
    expect((await again.create("/after")).error).toBe(0);
  });

  test("show the membership where their server shows it", async () => {
    for (const id of [members.leader, members.follower]) {
      const text = await (await members.session(id, "worker")).get("/zookeeper/config");
      expect(text).toBe(await (await members.session(id, "main")).get("/zookeeper/config"));
      expect(text).toContain("server.3=h3:2883:3883:participant");
    }
  });
});
