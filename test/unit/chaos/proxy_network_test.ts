/** The proxies of the chaos runs: what is blocked is silent, what heals arrives, and nobody gets past them. */
import { afterEach, describe, expect, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";
import { both, link } from "../../chaos/chaos_network.ts";
import { HandshakeRewriter } from "../../chaos/handshake_rewriter.ts";
import { ProxyNetwork } from "../../chaos/proxy_network.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

/** One end of a connection and what it has heard. */
class End {
  heard = "";
  closed = false;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly socket: Socket) {
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      this.heard += text;
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
    cleanUp.push(() => socket.destroy());
  }

  /** Waits until it has heard `text`. */
  async hears(text: string): Promise<void> {
    await this.until(() => this.heard === text);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((wake) => this.#waiting.push(wake));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** A listener where a server of the network should be, and a connection to it through the proxy. */
async function dial(network: ProxyNetwork, from: number, to: number): Promise<[End, End]> {
  const place = (id: number, config: Record<string, string>) => config[`server.${id}`].split(":");
  const own = place(to, network.configOf(to));
  const seen = place(to, network.configOf(from));
  const accepted = Promise.withResolvers<Socket>();
  const server: Server = createServer((socket) => accepted.resolve(socket));
  cleanUp.push(() => server.close());
  await new Promise<void>((done) => server.listen(Number(own[1]), "127.0.0.1", done));
  const dialler = new End(connect({ host: seen[0], port: Number(seen[1]) }));
  return [dialler, new End(await accepted.promise)];
}

async function openNetwork(size: number): Promise<ProxyNetwork> {
  const network = await ProxyNetwork.open(size);
  cleanUp.push(() => network.close());
  return network;
}

describe("a network of proxies", () => {
  test("carries both directions, and the end of a connection", async () => {
    const [one, two] = await dial(await openNetwork(2), 1, 2);
    one.socket.write("to two");
    await two.hears("to two");
    two.socket.write("to one");
    await one.hears("to one");
    one.socket.end();
    await two.until(() => two.closed);
  });

  test("a blocked direction is silent, the other goes on, and what was held arrives when it heals", async () => {
    const network = await openNetwork(2);
    const [one, two] = await dial(network, 1, 2);
    await network.setBlocked(new Set([link(1, 2)]));
    one.socket.write("held");
    for (let round = 1; round <= 20; round++) {
      two.socket.write(".");
      await one.hears(".".repeat(round));
    }
    expect(two.heard).toBe("");
    await network.setBlocked(new Set());
    await two.hears("held");
  });

  test("the end of a connection is not heard through a block", async () => {
    const network = await openNetwork(3);
    const [one, two] = await dial(network, 1, 2);
    const [three, four] = await dial(network, 1, 3);
    await network.setBlocked(new Set(both(1, 2)));
    one.socket.destroy();
    // News of the same kind on an open link is the clock.
    three.socket.destroy();
    await four.until(() => four.closed);
    expect(two.closed).toBe(false);
    await network.setBlocked(new Set());
    await two.until(() => two.closed);
  });

  test("a connection made through a block hears nothing until it heals", async () => {
    const network = await openNetwork(2);
    await network.setBlocked(new Set([link(2, 1)]));
    const [one, two] = await dial(network, 1, 2);
    two.socket.write("hello");
    one.socket.write("heard");
    await two.hears("heard");
    expect(one.heard).toBe("");
    await network.setBlocked(new Set());
    await one.hears("hello");
  });

  test("delayed bytes keep their order", async () => {
    const network = await openNetwork(2);
    const [one, two] = await dial(network, 1, 2);
    network.setDelay(new Set([link(1, 2)]), 30);
    one.socket.write("a");
    await new Promise((done) => one.socket.write("b", done));
    network.setDelay(new Set(), 0);
    one.socket.write("c");
    await two.hears("abc");
  });

  test("reset breaks the connections of a pair and no others", async () => {
    const network = await openNetwork(3);
    const [one, two] = await dial(network, 1, 2);
    const [three, four] = await dial(network, 1, 3);
    network.reset(2, 1);
    await one.until(() => one.closed);
    await two.until(() => two.closed);
    three.socket.write("still here");
    await four.hears("still here");
  });
});

describe("the greeting on an election port", () => {
  const greeting = (address: string, rest = "") => {
    const text = new TextEncoder().encode(address + rest);
    const bytes = new Uint8Array(20 + text.length);
    const view = new DataView(bytes.buffer);
    view.setBigInt64(0, -65536n);
    view.setBigInt64(8, 3n);
    view.setInt32(16, address.length);
    bytes.set(text, 20);
    return bytes;
  };

  test("names another address, however it is cut, and comes in one piece", () => {
    const bytes = greeting("127.0.0.1:3888", "rest");
    for (let cut = 1; cut < bytes.length; cut++) {
      const rewriter = new HandshakeRewriter(() => "127.0.0.1:40000");
      const first = rewriter.take(bytes.slice(0, cut));
      const second = rewriter.take(bytes.slice(cut));
      expect(first.length === 0 || first.length >= greeting("127.0.0.1:40000").length).toBe(true);
      expect([...first, ...second]).toEqual([...greeting("127.0.0.1:40000", "rest")]);
    }
  });

  test("what is none is passed on as it is", () => {
    const old = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
    expect(new HandshakeRewriter(() => "x").take(old)).toEqual(old);
  });
});
