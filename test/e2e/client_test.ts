/**
 * The client of mod.ts against a real server: the one named by `ZOON_TEST_SERVER=host:port`, else our own binary,
 * else an installed Apache 3.8. A proxy between them cuts connections.
 */
import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { dirname, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  BadVersionError,
  connect,
  ConnectionLossError,
  MultiError,
  NoAuthError,
  NodeExistsError,
  NoNodeError,
  NotEmptyError,
  NoWatcherError,
  openClient,
  SessionExpiredError,
  UnimplementedError,
  type WatchEvent,
  type ZooKeeper,
} from "../../mod.ts";
import { startOwnServer, type TestServer, testServer } from "./shell_harness.ts";

let server: TestServer;
let zk: ZooKeeper;
/** Unique to this run, so that a named server may be used again. */
const base = `/client-test-${process.pid}-${Date.now()}`;
let names = 0;

beforeAll(async () => {
  server = await testServer();
  zk = await connect(server.address);
  await zk.create(base);
}, 120_000);

afterAll(async () => {
  await removeAll(zk, base);
  await zk.close();
  await server.stop();
}, 60_000);

async function removeAll(client: ZooKeeper, path: string): Promise<void> {
  const { children } = await client.getChildren(path);
  await Promise.all(children.map((child) => removeAll(client, `${path}/${child}`)));
  await client.delete(path);
}

/** A path nobody has used. */
function fresh(): string {
  return `${base}/${++names}`;
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => new Error("it was expected to fail"), (error) => error);
}

/** A listener and the promise of its first event. */
function firstEvent(): { listen: (event: WatchEvent) => void; event: Promise<WatchEvent> } {
  const { promise, resolve } = Promise.withResolvers<WatchEvent>();
  return { listen: resolve, event: promise };
}

function text(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data);
}

/** Resolves once the client is in one of these states. */
function reached(client: ZooKeeper, ...states: string[]): Promise<void> {
  if (states.includes(client.state)) return Promise.resolve();
  return new Promise((resolve) => {
    const off = client.onState(({ state }) => {
      if (!states.includes(state)) return;
      off();
      resolve();
    });
  });
}

/** Stands between a client and the server. */
class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Whether new connections are passed on; else they are dropped at once. */
  open = true;
  accepted = 0;

  constructor(target: string) {
    const [host, port] = target.split(":");
    this.#server = createServer((client) => {
      if (!this.open) return client.destroy();
      this.accepted++;
      const upstream = connectSocket({ host, port: Number(port) });
      for (const [from, to] of [[client, upstream], [upstream, client]]) {
        this.#sockets.add(from);
        from.on("data", (bytes) => to.write(bytes));
        from.on("error", () => {});
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return `127.0.0.1:${address.port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

describe("operations", () => {
  test("a znode is created, read, changed and deleted", async () => {
    const path = fresh();
    const created = await zk.create(path, "one");
    expect(created.path).toBe(path);
    expect(created.stat).toMatchObject({ version: 0, dataLength: 3, ephemeralOwner: 0n });
    const stat = await zk.setData(path, "two", 0);
    expect(stat.version).toBe(1);
    const read = await zk.getData(path);
    expect([text(read.data), read.stat]).toEqual(["two", stat]);
    expect(await zk.exists(path)).toEqual(stat);
    await zk.delete(path, 1);
    expect(await zk.exists(path)).toBeNull();
  });

  test("null data, empty data and bytes come back as they were", async () => {
    for (const bytes of [null, [], [0, 255, 128]]) {
      const path = fresh();
      const data = bytes && new Uint8Array(bytes);
      await zk.create(path, data);
      expect((await zk.getData(path)).data).toEqual(data);
    }
  });

  test("each refusal has its class", async () => {
    const path = fresh();
    await zk.create(path);
    await zk.create(`${path}/child`);
    expect(await failure(zk.create(path))).toBeInstanceOf(NodeExistsError);
    expect(await failure(zk.create(`${path}/none/x`))).toBeInstanceOf(NoNodeError);
    expect(await failure(zk.getData(`${path}/none`))).toBeInstanceOf(NoNodeError);
    expect(await failure(zk.delete(path))).toBeInstanceOf(NotEmptyError);
    expect(await failure(zk.setData(path, null, 7))).toBeInstanceOf(BadVersionError);
    expect(await failure(zk.reconfig({ leaving: "1" }))).toMatchObject({ op: "reconfig" });
  });

  test("sequential, ephemeral, container and TTL znodes", async () => {
    const path = fresh();
    await zk.create(path);
    const one = await zk.create(`${path}/q-`, null, { sequential: true });
    const two = await zk.create(`${path}/q-`, null, { sequential: true });
    expect([one.path, two.path]).toEqual([`${path}/q-0000000000`, `${path}/q-0000000001`]);
    const ephemeral = await zk.create(`${path}/e`, null, { mode: "ephemeral" });
    expect(ephemeral.stat.ephemeralOwner).toBe(zk.sessionId);
    expect(await zk.getEphemerals(path)).toEqual([`${path}/e`]);
    expect((await zk.create(`${path}/c`, null, { mode: "container" })).path).toBe(`${path}/c`);
    // A named Apache server may have extendedTypesEnabled off, as is its default.
    const ttl = await zk.create(`${path}/t`, null, { ttlMs: 100_000 }).catch((error) => error);
    if (server.own !== null || !(ttl instanceof UnimplementedError)) expect(ttl.path).toBe(`${path}/t`);
    const { children, stat } = await zk.getChildren(path);
    expect(children.length).toBe(stat.numChildren);
    expect(children).toContain("q-0000000001");
    expect(await zk.getAllChildrenNumber(path)).toBe(stat.numChildren);
    await zk.sync(path);
  });

  test("ACLs are set, read and obeyed, also after a reconnect", async () => {
    const path = fresh();
    await zk.create(path, "secret");
    const proxy = new Proxy(server.address);
    const address = await proxy.listen();
    {
      await using owner = await connect(address, { auth: [{ scheme: "digest", auth: "u:p" }] });
      const stat = await owner.setAcl(path, [{ perms: 31, scheme: "auth", id: "" }], 0);
      expect(stat.aversion).toBe(1);
      expect((await owner.getAcl(path)).acl).toEqual([
        { perms: 31, scheme: "digest", id: "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=" },
      ]);
      expect(await owner.whoAmI()).toContainEqual({ scheme: "digest", user: "u" });
      expect(await failure(zk.getData(path))).toBeInstanceOf(NoAuthError);
      proxy.cut();
      await reached(owner, "disconnected");
      expect(text((await owner.getData(path)).data)).toBe("secret");
    }
    await zk.addAuth("digest", "u:p");
    expect(text((await zk.getData(path)).data)).toBe("secret");
    proxy.close();
  });

  test("a transaction is done as a whole or not at all", async () => {
    const path = fresh();
    await zk.create(path);
    const results = await zk.multi()
      .check(path, 0)
      .create(`${path}/n-`, "1", { sequential: true })
      .setData(path, "x")
      .commit();
    expect(results).toMatchObject([
      { op: "check" },
      { op: "create", path: `${path}/n-0000000000` },
      { op: "setData", stat: { version: 1 } },
    ]);
    const error = await failure(zk.multi().setData(path, "y").check(path, 9).delete(path).commit());
    expect(error).toBeInstanceOf(MultiError);
    expect(error).toMatchObject({ code: -103, index: 1, codes: [0, -103, -2], path });
    expect(text((await zk.getData(path)).data)).toBe("x");
    const reads = await zk.multiRead([
      { op: "getData", path },
      { op: "getChildren", path },
      { op: "getData", path: `${path}/none` },
    ]);
    expect(reads.map(({ op }) => op)).toEqual(["getData", "getChildren", "error"]);
  });

  test("20000 pipelined requests are answered in order", async () => {
    const path = fresh();
    await zk.create(path);
    const versions = await Promise.all(
      Array.from(
        { length: 10_000 },
        (_, index) => [zk.setData(path, String(index)), zk.getData(path)] as const,
      )
        .map(async (
          [write, read],
        ) => [(await write).version, (await read).stat.version, text((await read).data)]),
    );
    for (const [index, [written, read, data]] of versions.entries()) {
      expect([written, read, data]).toEqual([index + 1, index + 1, String(index)]);
    }
  }, 60_000);

  test("the largest data a server takes can be read back", async () => {
    const path = fresh();
    await zk.create(path);
    // xid, type, path length, path, data length and version beside the data.
    const data = new Uint8Array(1_048_575 - 20 - path.length).fill(7);
    await zk.setData(path, data);
    const read = await zk.getData(path);
    expect(read.data!.length).toBe(data.length);
    expect((await failure(zk.setData(path, new Uint8Array(data.length + 1)))).message).toContain(
      "1048576 bytes",
    );
    expect(zk.state).toBe("connected");
  });

  test("under a chroot all paths are relative to it", async () => {
    const root = fresh();
    await using inner = await connect(server.address + root);
    expect(await failure(inner.getChildren("/"))).toBeInstanceOf(NoNodeError);
    await zk.create(root);
    const created = await inner.create("/x-", null, { sequential: true, mode: "ephemeral" });
    expect(created.path).toBe("/x-0000000000");
    expect((await zk.getChildren(root)).children).toEqual(["x-0000000000"]);
    const seen = firstEvent();
    await inner.exists("/y", { watch: seen.listen });
    await zk.create(`${root}/y`);
    expect(await seen.event).toMatchObject({ type: "NodeCreated", path: "/y" });
    expect(await inner.getEphemerals()).toEqual([`${root}/x-0000000000`]);
    expect((await inner.getConfig()).stat.aversion).toBe(-1);
  });
});

describe("watches", () => {
  test("one-shot watches fire once each", async () => {
    const path = fresh();
    await zk.create(path);
    const [data, children, absent] = [firstEvent(), firstEvent(), firstEvent()];
    await zk.getData(path, { watch: data.listen });
    await zk.getChildren(path, { watch: children.listen });
    await zk.exists(`${path}/n`, { watch: absent.listen });
    await zk.create(`${path}/n`);
    await zk.setData(path, "x");
    expect(await absent.event).toMatchObject({ type: "NodeCreated", path: `${path}/n` });
    expect(await children.event).toMatchObject({ type: "NodeChildrenChanged", path });
    expect(await data.event).toMatchObject({ type: "NodeDataChanged", path });
    expect(await failure(zk.removeWatches(path))).toBeInstanceOf(NoWatcherError);
  });

  test("a stream reports every change below its path until it is left", async () => {
    const path = fresh();
    await zk.create(path);
    await using stream = await zk.watch(path, { recursive: true });
    await zk.create(`${path}/a`);
    await zk.setData(`${path}/a`, "x");
    await zk.delete(`${path}/a`);
    const seen: string[] = [];
    for await (const { type, path } of stream) if (seen.push(`${type} ${path}`) === 3) break;
    expect(seen).toEqual([`NodeCreated ${path}/a`, `NodeDataChanged ${path}/a`, `NodeDeleted ${path}/a`]);
    expect(await failure(zk.removeWatches(path))).toBeInstanceOf(NoWatcherError);
  });

  test("removed watches say so and fire no more", async () => {
    const path = fresh();
    await zk.create(path);
    const events: string[] = [];
    await zk.getData(path, { watch: ({ type }) => events.push(type) });
    await zk.removeWatches(path, "data");
    await zk.setData(path, "x");
    await zk.sync();
    expect(events).toEqual(["DataWatchRemoved"]);
  });
});

describe("connections", () => {
  test("a cut connection keeps the session, its ephemerals and its watches, and hears what it missed", async () => {
    const path = fresh();
    await zk.create(path);
    const proxy = new Proxy(server.address);
    const client = await connect(await proxy.listen());
    const id = client.sessionId;
    await client.create(`${path}/e`, null, { mode: "ephemeral" });
    const missed = firstEvent();
    await client.getData(path, { watch: missed.listen });
    await using stream = await client.watch(path);
    proxy.open = false;
    proxy.cut();
    await reached(client, "disconnected");
    await zk.setData(path, "meanwhile");
    const waiting = client.getData(path);
    proxy.open = true;
    expect(text((await waiting).data)).toBe("meanwhile");
    expect(await missed.event).toMatchObject({ type: "NodeDataChanged", path });
    expect((await stream.next()).value).toMatchObject({ type: "None", state: "connected" });
    await zk.setData(path, "later");
    expect((await stream.next()).value).toMatchObject({ type: "NodeDataChanged", path });
    expect(client.sessionId).toBe(id);
    expect((await zk.exists(`${path}/e`))?.ephemeralOwner).toBe(id);
    await client.close();
    expect(await zk.exists(`${path}/e`)).toBeNull();
    proxy.close();
  });

  test(
    "requests under way when the connection breaks fail, and counting afterwards tells which were done",
    async () => {
      const path = fresh();
      await zk.create(path);
      const proxy = new Proxy(server.address);
      const client = await connect(await proxy.listen());
      const outcomes: string[] = [];
      const calls = Array.from(
        { length: 3_000 },
        () =>
          client.create(`${path}/n-`, null, { sequential: true }).then(
            () => outcomes.push("done"),
            (error) => {
              if (!(error instanceof ConnectionLossError)) throw error;
              outcomes.push(error.mayHaveHappened ? "unsure" : "not done");
            },
          ),
      );
      await calls[200];
      proxy.cut();
      await Promise.all(calls);
      const count = (kind: string) => outcomes.filter((outcome) => outcome === kind).length;
      await client.sync();
      const { children } = await client.getChildren(path);
      expect(children.length).toBeGreaterThanOrEqual(count("done"));
      expect(children.length).toBeLessThanOrEqual(count("done") + count("unsure"));
      await client.close();
      proxy.close();
    },
    60_000,
  );

  test("a session closed elsewhere has expired, and everything says so", async () => {
    const path = fresh();
    const proxy = new Proxy(server.address);
    const client = await connect(await proxy.listen());
    await client.exists(path);
    const stream = await client.watch(path);
    proxy.open = false;
    proxy.cut();
    await reached(client, "disconnected");
    const waiting = failure(client.getData(base));
    const session = { id: client.sessionId, password: client.sessionPassword };
    const other = await connect(server.address, { session });
    expect(other.sessionId).toBe(client.sessionId);
    await other.close();
    proxy.open = true;
    expect(await waiting).toBeInstanceOf(SessionExpiredError);
    expect(await failure(stream.next())).toBeInstanceOf(SessionExpiredError);
    expect(client.state).toBe("expired");
    expect(await failure(connect(server.address, { session }))).toBeInstanceOf(SessionExpiredError);
    proxy.close();
  });

  test("connect() to a port where nobody listens says so", async () => {
    const error = await failure(connect("127.0.0.1:1", { connectTimeoutMs: 100 }));
    expect(error).toBeInstanceOf(ConnectionLossError);
    expect(error.message).toContain("127.0.0.1:1");
  });

  const named = process.env.ZOON_TEST_SERVER;
  const killed = "a server that is killed and started again finds the session and its waiting requests" +
    (named ? " (skipped: the named server is not ours to kill)" : "");
  test.skipIf(Boolean(named))(killed, async () => {
    const path = fresh();
    const first = await startOwnServer();
    const client = openClient(first.address);
    await client.create("/kept", path);
    await client.create("/mine", null, { mode: "ephemeral" });
    const id = client.sessionId;
    await first.kill({ keepData: true });
    await reached(client, "disconnected");
    const waiting = client.getData("/kept");
    const second = await startOwnServer({ dataDir: first.dataDir, clientPort: first.port });
    expect(text((await waiting).data)).toBe(path);
    expect([client.sessionId, (await client.exists("/mine"))?.ephemeralOwner]).toEqual([id, id]);
    await client.close();
    await second.stop();
  }, 120_000);
});

describe("other runtimes", () => {
  const script = `
    const { connect } = await import(process.argv[2]);
    const zk = await connect(process.argv[3]);
    const events = await zk.watch(process.argv[4]);
    await zk.setData(process.argv[4], "from here");
    const { value } = await events.next();
    const { data } = await zk.getData(process.argv[4]);
    await zk.close();
    console.log(value.type, new TextDecoder().decode(data), zk.state);
  `;
  const mod = resolve(import.meta.dir, "../../mod.ts");

  async function run(command: string[], path: string): Promise<string> {
    const child = Bun.spawn([...command, mod, server.address, path], { stdout: "pipe", stderr: "inherit" });
    const [out] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    return out.trim();
  }

  async function scriptFile(): Promise<string> {
    const file = resolve(dirname(mod), "node_modules", `.client-test-${process.pid}.mjs`);
    await Bun.write(file, script);
    return file;
  }

  test("Deno imports mod.ts and uses it", async () => {
    const path = fresh();
    await zk.create(path);
    const deno = resolve(dirname(mod), "node_modules/.bin/deno");
    const file = await scriptFile();
    expect(await run([deno, "run", "-A", file], path)).toBe("NodeDataChanged from here closed");
    await Bun.file(file).delete();
  }, 60_000);

  const node = Bun.which("node");
  const version = node === null ? "" : Bun.spawnSync([node, "--version"]).stdout.toString().trim();
  const [major, minor] = version.slice(1).split(".").map(Number);
  const stripsTypes = major > 22 || (major === 22 && minor >= 18);
  const title = stripsTypes
    ? "Node imports mod.ts and uses it"
    : `Node imports mod.ts and uses it (skipped: ${version || "no node"} strips no types, 22.18 does)`;
  test.skipIf(!stripsTypes)(title, async () => {
    const path = fresh();
    await zk.create(path);
    const file = await scriptFile();
    expect(await run([node!, file], path)).toBe("NodeDataChanged from here closed");
    await Bun.file(file).delete();
  }, 60_000);
});
