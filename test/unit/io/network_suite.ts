import { crc32 } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { ListenError, type Network, type Socket, type SocketEvents } from "../../../src/base/network.ts";
import { FrameSplitter } from "../../../src/jute/frame.ts";

/** The owner of one side of a connection: remembers what it is told and lets a test wait for more. */
export class Side implements SocketEvents {
  readonly socket: Socket;
  received = 0;
  /** CRC-32 of all bytes so far. */
  checksum = 0;
  closes: (Error | null)[] = [];
  drains = 0;
  dataAfterClose = false;
  onBytes: ((bytes: Uint8Array) => void) | null = null;
  #waiting: { ready: () => boolean; resolve: () => void }[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
  }
  onData(bytes: Uint8Array): void {
    if (this.closes.length > 0) this.dataAfterClose = true;
    this.checksum = crc32(bytes, this.checksum);
    this.received += bytes.length;
    this.onBytes?.(bytes);
    this.#wake();
  }
  onDrain(): void {
    this.drains++;
    this.#wake();
  }
  onClose(error: Error | null): void {
    this.closes.push(error);
    this.#wake();
  }
  /** Resolves once `ready` holds; asked after each thing that happens here. */
  until(ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ ready, resolve }));
  }
  closed(): Promise<void> {
    return this.until(() => this.closes.length > 0);
  }
  #wake(): void {
    this.#waiting = this.#waiting.filter(({ ready, resolve }) => {
      if (!ready()) return true;
      resolve();
      return false;
    });
  }
}

/** Bytes that hardly repeat. */
export function patterned(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < Math.min(length, 65_521); index++) {
    bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  }
  for (let filled = 65_521; filled < length; filled *= 2) {
    bytes.copyWithin(filled, 0, Math.min(filled, length - filled));
  }
  return bytes;
}

/** A listening port and what connected to it. */
export async function serve(network: Network, host = "127.0.0.1") {
  const sides: Side[] = [];
  const waiting: ((side: Side) => void)[] = [];
  const listener = await network.listen(host, 0, (socket) => {
    const side = new Side(socket);
    const next = waiting.shift();
    if (next === undefined) sides.push(side);
    else next(side);
    return side;
  });
  const accepted = (): Promise<Side> => {
    const side = sides.shift();
    return side === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(side);
  };
  return { listener, accepted };
}

export async function dial(network: Network, port: number, host = "127.0.0.1"): Promise<Side> {
  let side: Side | undefined;
  const socket = await network.dial(host, port, 5000, (socket) => side = new Side(socket));
  expect(side!.socket).toBe(socket);
  return side!;
}

/** What every {@link Network} does, the machine's and a simulated one. */
export function networkSuite(name: string, makeNetwork: () => Network): void {
  describe(name, () => {
    async function pair() {
      const network = makeNetwork();
      const { listener, accepted } = await serve(network);
      const client = await dial(network, listener.port);
      const server = await accepted();
      return { network, listener, client, server };
    }

    test("both sides know the other's numeric address and port", async () => {
      const { listener, client, server } = await pair();
      expect(listener.address).toBe("127.0.0.1");
      expect(listener.port).toBeGreaterThan(0);
      expect(client.socket.remoteAddress).toBe("127.0.0.1");
      expect(client.socket.remotePort).toBe(listener.port);
      expect(server.socket.remoteAddress).toBe("127.0.0.1");
      expect(server.socket.remotePort).not.toBe(listener.port);
      client.socket.destroy();
      await server.closed();
      listener.close();
    });

    test("frames cut anywhere arrive whole and in order", async () => {
      const { listener, client, server } = await pair();
      const frames: string[] = [];
      const splitter = new FrameSplitter(1000);
      server.onBytes = (bytes) =>
        splitter.push(bytes, {
          onFrame: (all, start, end) => frames.push(new TextDecoder().decode(all.subarray(start, end))) > 0,
          onBadLength: (length) => expect(length).toBe(0),
        });
      const stream: number[] = [];
      for (let count = 0; count < 20; count++) {
        const text = new TextEncoder().encode(`frame ${count}`);
        stream.push(0, 0, 0, text.length, ...text);
      }
      const bytes = Uint8Array.from(stream);
      for (let at = 0, size = 1; at < bytes.length; at += size, size = size % 7 + 1) {
        client.socket.write(bytes.subarray(at, at + size));
        await server.until(() => server.received >= Math.min(at + size, bytes.length));
      }
      expect(frames).toEqual(Array.from({ length: 20 }, (_, count) => `frame ${count}`));
      client.socket.destroy();
      await server.closed();
      listener.close();
    });

    test("written bytes may be reused at once, whether they went out or wait", async () => {
      const { listener, client, server } = await pair();
      server.socket.pause();
      const chunk = patterned(1_000_000);
      let expected = 0;
      for (let count = 0; count < 10; count++) {
        chunk[5] = count;
        expected = crc32(chunk, expected);
        client.socket.write(chunk);
      }
      chunk.fill(0);
      server.socket.resume();
      await server.until(() => server.received === 10_000_000);
      expect(server.checksum).toBe(expected);
      client.socket.destroy();
      await server.closed();
      listener.close();
    });

    test("64 MB reach a reader that keeps pausing; the writer sees how much waits, and one drain", async () => {
      const { listener, client, server } = await pair();
      const bytes = patterned(64 * 1024 * 1024);
      client.socket.pause();
      const waiting = server.socket.write(bytes);
      expect(waiting).toBeGreaterThan(0);
      expect(waiting).toBeLessThanOrEqual(bytes.length);
      expect(server.socket.write(bytes.subarray(0, 10))).toBe(waiting + 10);
      expect(server.drains).toBe(0);
      let paused = 0;
      let nextPause = 0;
      client.onBytes = () => {
        if (client.received < nextPause) return;
        nextPause += 8 * 1024 * 1024;
        client.socket.pause();
        paused++;
        setImmediate(() => client.socket.resume());
      };
      client.socket.resume();
      await client.until(() => client.received === bytes.length + 10);
      expect(client.checksum).toBe(crc32(bytes.subarray(0, 10), crc32(bytes)));
      expect(paused).toBeGreaterThan(4);
      await server.until(() => server.drains > 0);
      expect(server.drains).toBe(1);
      expect(server.socket.write(bytes.subarray(0, 10))).toBe(0);
      client.socket.destroy();
      await server.closed();
      listener.close();
    });

    test("a side that does not read still writes and drains", async () => {
      const { listener, client, server } = await pair();
      server.socket.pause();
      client.socket.write(patterned(1000));
      const bytes = patterned(20_000_000);
      expect(server.socket.write(bytes)).toBeGreaterThan(0);
      await client.until(() => client.received === bytes.length);
      await server.until(() => server.drains === 1);
      expect(server.received).toBe(0);
      server.socket.resume();
      await server.until(() => server.received === 1000);
      client.socket.destroy();
      await server.closed();
      listener.close();
    });

    test("end() sends what waits before the end, and both sides close without an error", async () => {
      const { listener, client, server } = await pair();
      client.socket.pause();
      const bytes = patterned(20_000_000);
      expect(server.socket.write(bytes)).toBeGreaterThan(0);
      server.socket.end();
      expect(server.socket.write(bytes)).toBe(0);
      client.socket.resume();
      await client.closed();
      await server.closed();
      expect(client.received).toBe(bytes.length);
      expect(client.checksum).toBe(crc32(bytes));
      expect([client.closes, server.closes]).toEqual([[null], [null]]);
      expect(server.drains).toBe(0);
      listener.close();
    });

    test("end() loses no answer although input was left unread", async () => {
      const { listener, client, server } = await pair();
      server.socket.pause();
      client.socket.write(patterned(100_000));
      const answer = patterned(300_000);
      server.socket.write(answer);
      server.socket.end();
      await client.closed();
      await server.closed();
      expect(client.received).toBe(answer.length);
      expect(client.closes).toEqual([null]);
      expect(server.received).toBe(0);
      listener.close();
    });

    test("destroy() tells its own side once, later, without an error; the peer is told too", async () => {
      const { listener, client, server } = await pair();
      client.socket.write(patterned(10));
      await server.until(() => server.received === 10);
      server.socket.destroy();
      expect(server.closes).toEqual([]);
      server.socket.destroy();
      server.socket.end();
      expect(server.socket.write(patterned(10))).toBe(0);
      await server.closed();
      await client.closed();
      expect(server.closes).toEqual([null]);
      expect(client.closes.length).toBe(1);
      listener.close();
    });

    test("destroy() drops what waits", async () => {
      const { listener, client, server } = await pair();
      client.socket.pause();
      const bytes = patterned(20_000_000);
      expect(server.socket.write(bytes)).toBeGreaterThan(0);
      server.socket.destroy();
      client.socket.resume();
      await client.closed();
      await server.closed();
      expect(client.received).toBeLessThan(bytes.length);
      expect(server.drains).toBe(0);
      listener.close();
    });

    test("a socket destroyed while it is accepted is closed like others", async () => {
      const network = makeNetwork();
      const refused: Side[] = [];
      const listener = await network.listen("127.0.0.1", 0, (socket) => {
        socket.destroy();
        const side = new Side(socket);
        refused.push(side);
        return side;
      });
      const client = await dial(network, listener.port);
      await client.closed();
      await refused[0].closed();
      expect(refused[0].closes).toEqual([null]);
      listener.close();
    });

    test("after onClose nothing follows", async () => {
      const { listener, client, server } = await pair();
      for (let count = 0; count < 50; count++) client.socket.write(patterned(10_000));
      server.onBytes = () => server.socket.destroy();
      await server.closed();
      await client.closed();
      client.socket.write(patterned(10));
      client.socket.pause();
      client.socket.resume();
      client.socket.end();
      client.socket.destroy();
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect([server.dataAfterClose, client.dataAfterClose]).toEqual([false, false]);
      expect([server.closes.length, client.closes.length]).toEqual([1, 1]);
      listener.close();
    });

    test("a busy port is refused with its address", async () => {
      const network = makeNetwork();
      const { listener } = await serve(network);
      const failure = await network.listen("127.0.0.1", listener.port, (socket) => new Side(socket)).catch((
        e,
      ) => e);
      expect(failure).toBeInstanceOf(ListenError);
      expect(failure.code).toBe("EADDRINUSE");
      expect(failure.message).toContain(`127.0.0.1:${listener.port}`);
      listener.close();
    });

    test("a closed listener accepts nobody, keeps its connections, and its port is free", async () => {
      const { network, listener, client, server } = await pair();
      listener.close();
      // Not by expect().rejects, which lets no other timer of this process fire while it waits.
      const failure = await dial(network, listener.port).catch((error) => error);
      expect(failure.message).toContain(`127.0.0.1:${listener.port}`);
      client.socket.write(patterned(10));
      await server.until(() => server.received === 10);
      const again = await network.listen("127.0.0.1", listener.port, (socket) => new Side(socket));
      again.close();
      client.socket.destroy();
      await server.closed();
    });

    test("a thousand connections are served side by side", async () => {
      const network = makeNetwork();
      const listener = await network.listen("127.0.0.1", 0, (socket) => {
        const side = new Side(socket);
        side.onBytes = (bytes) => socket.write(bytes);
        return side;
      });
      const clients: Side[] = [];
      // In waves that fit the queue of a listening port: more would wait a second for their next try.
      while (clients.length < 1000) {
        clients.push(...await Promise.all(Array.from({ length: 250 }, () => dial(network, listener.port))));
      }
      for (const [index, client] of clients.entries()) client.socket.write(patterned(index + 1));
      for (const [index, client] of clients.entries()) {
        await client.until(() => client.received === index + 1);
        expect(client.checksum).toBe(crc32(patterned(index + 1)));
      }
      for (const client of clients) client.socket.end();
      for (const client of clients) await client.closed();
      expect(clients.map((client) => client.closes)).toEqual(clients.map(() => [null]));
      listener.close();
    });
  });
}
