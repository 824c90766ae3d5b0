import { spawn } from "node:child_process";
import { connect, type Socket as NodeSocket } from "node:net";
import { describe, expect, test } from "bun:test";
import { ListenError, type Socket } from "../../../src/base/network.ts";
import { BunNetwork } from "../../../src/io/bun_network.ts";
import { dial, networkSuite, patterned, serve, Side } from "./network_suite.ts";

networkSuite("BunNetwork", () => new BunNetwork());

describe("BunNetwork with a peer of another make", () => {
  const network = new BunNetwork();

  function nodeClient(
    port: number,
  ): Promise<{ socket: NodeSocket; received: () => number; ended: Promise<string> }> {
    return new Promise((resolve, reject) => {
      let received = 0;
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      const ended = new Promise<string>((done) => {
        socket.on("end", () => done("FIN"));
        socket.on("error", (error: Error & { code?: string }) => done(error.code ?? "error"));
      });
      socket.on("data", (bytes) => received += bytes.length);
      socket.on("connect", () => resolve({ socket, received: () => received, ended }));
      socket.on("error", reject);
    });
  }

  test("a client that ends its half right after asking gets the answer of that turn, then the end", async () => {
    const listener = await network.listen("127.0.0.1", 0, (socket) => {
      const side = new Side(socket);
      side.onBytes = () => setImmediate(() => socket.write(patterned(5_000_000)));
      return side;
    });
    const client = await nodeClient(listener.port);
    client.socket.end("ruok");
    expect(await client.ended).toBe("FIN");
    expect(client.received()).toBe(5_000_000);
    client.socket.destroy();
    listener.close();
  });

  test("a client that ends its half and asks nothing is ended, and its owner told", async () => {
    const { listener, accepted } = await serve(network);
    const client = await nodeClient(listener.port);
    const side = await accepted();
    client.socket.end();
    await side.closed();
    expect(side.closes).toEqual([null]);
    expect(await client.ended).toBe("FIN");
    listener.close();
  });

  test("after end() the peer may go on sending until it ends too; it is not heard and not reset", async () => {
    const { listener, accepted } = await serve(network);
    const client = await nodeClient(listener.port);
    const side = await accepted();
    side.socket.write(patterned(100));
    side.socket.end();
    expect(await client.ended).toBe("FIN");
    await new Promise<void>((resolve) => client.socket.write(patterned(1_000_000), () => resolve()));
    client.socket.end();
    await side.closed();
    expect(side.closes).toEqual([null]);
    expect(side.received).toBe(0);
    listener.close();
  });

  test("a reset by the peer is told with its reason", async () => {
    const { listener, accepted } = await serve(network);
    const client = await nodeClient(listener.port);
    const side = await accepted();
    client.socket.resetAndDestroy();
    await side.closed();
    expect(side.closes[0]).toBeInstanceOf(Error);
    expect((side.closes[0] as Error & { code: string }).code).toBe("ECONNRESET");
    listener.close();
  });

  test("a paused socket keeps input in the kernel, so that the sender is held back", async () => {
    const { listener, accepted } = await serve(network);
    const client = await nodeClient(listener.port);
    const side = await accepted();
    side.socket.pause();
    const bytes = patterned(32 * 1024 * 1024);
    expect(client.socket.write(bytes)).toBe(false);
    expect(side.received).toBe(0);
    side.socket.resume();
    await side.until(() => side.received === bytes.length);
    client.socket.destroy();
    listener.close();
  });
});

describe("BunNetwork's addresses", () => {
  const network = new BunNetwork();

  test('"" listens on all addresses, and an IPv4 client is shown as IPv4', async () => {
    const { listener, accepted } = await serve(network, "");
    const client = await dial(network, listener.port, "127.0.0.1");
    const side = await accepted();
    expect(side.socket.remoteAddress).toBe("127.0.0.1");
    client.socket.destroy();
    await side.closed();
    listener.close();
  });

  test("a host name is resolved, for listening and for dialing", async () => {
    const { listener, accepted } = await serve(network, "localhost");
    expect(["127.0.0.1", "0:0:0:0:0:0:0:1"]).toContain(listener.address);
    const client = await dial(network, listener.port, "localhost");
    const side = await accepted();
    client.socket.end();
    await side.closed();
    listener.close();
  });

  test("a port held for all addresses is busy for one of them", async () => {
    const { listener } = await serve(network, "");
    const failure = await network.listen("127.0.0.1", listener.port, (socket) => new Side(socket)).catch((
      e,
    ) => e);
    expect(failure).toBeInstanceOf(ListenError);
    expect(failure.code).toBe("EADDRINUSE");
    listener.close();
  });

  test("an address that is not this machine's cannot be listened on", async () => {
    const failure = await network.listen("192.0.2.1", 0, (socket) => new Side(socket)).catch((error) =>
      error
    );
    expect(failure).toBeInstanceOf(ListenError);
    expect(failure.code).toBe("EADDRNOTAVAIL");
    expect(failure.message).toContain("192.0.2.1");
  });

  test("dialing a port that nobody listens on is refused with its address", async () => {
    const { listener } = await serve(network);
    listener.close();
    await expect(dial(network, listener.port)).rejects.toThrow(`127.0.0.1:${listener.port}: ECONNREFUSED`);
  });

  test("dialing is given up when nothing answers in time", async () => {
    // A process that never accepts: once its backlog is full, requests to connect are swallowed.
    const sleeper = spawn(process.execPath, ["-e", sleeperProgram], { stdio: ["ignore", "pipe", "ignore"] });
    const sides: Side[] = [];
    try {
      const port = await new Promise<number>((resolve) =>
        sleeper.stdout.on("data", (text) => resolve(Number(text)))
      );
      const failures: Error[] = [];
      while (failures.length === 0 && sides.length < 5000) {
        const dialed = network.dial("127.0.0.1", port, 200, (socket) => {
          const side = new Side(socket);
          sides.push(side);
          return side;
        });
        await dialed.catch((error) => failures.push(error));
      }
      expect(failures).toEqual([new Error(`Cannot connect to 127.0.0.1:${port}: no answer within 200 ms`)]);
    } finally {
      sleeper.kill("SIGKILL");
    }
    for (const side of sides) await side.closed();
  });
});

const sleeperProgram = `
  const server = require("node:net").createServer().listen({ host: "127.0.0.1", port: 0 }, () => {
    require("node:fs").writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

test.skipIf(process.platform !== "linux")(
  "processes that share a port have a part of its clients each",
  async () => {
    const network = new BunNetwork();
    const counts = [0, 0];
    const accept = (index: number) => (socket: Socket) => {
      counts[index]++;
      socket.end();
      return new Side(socket);
    };
    const first = await network.listen("127.0.0.1", 0, accept(0), "first");
    const second = await network.listen("127.0.0.1", first.port, accept(1), "joins");
    for (let client = 0; client < 200 && Math.min(...counts) === 0; client++) {
      await (await dial(network, first.port)).closed();
    }
    expect(Math.min(...counts)).toBeGreaterThan(0);
    second.close();
    const before = counts[0];
    for (let client = 0; client < 10; client++) await (await dial(network, first.port)).closed();
    expect(counts[0]).toBe(before + 10);
    first.close();
  },
);
