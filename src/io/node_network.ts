import { connect, type Socket as NodeSocket } from "node:net";
import type { Network, Socket, SocketEvents } from "../base/network.ts";

/** Dials over node:net, and so on Bun, Node and Deno. Listening is left to the server's own network. */
export const nodeDialer: Pick<Network, "dial"> = {
  dial(host, port, timeoutMs, open): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      const timer = setTimeout(() => fail(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
      const fail = (error: Error) => {
        clearTimeout(timer);
        socket.destroy();
        // Where a name has several addresses, Node says nothing but how many failed.
        reject(error instanceof AggregateError ? new Error(error.errors.map(messageOf).join("; ")) : error);
      };
      socket.on("error", fail);
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", fail);
        const dialed = new DialedSocket(socket);
        dialed.deliver(open(dialed));
        resolve(dialed);
      });
    });
  },
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A connected node:net socket as {@linkcode Socket}. */
class DialedSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #socket: NodeSocket;

  constructor(socket: NodeSocket) {
    this.#socket = socket;
    const address = socket.remoteAddress ?? "";
    this.remoteAddress = address.startsWith("::ffff:") ? address.slice(7) : address;
    this.remotePort = socket.remotePort ?? 0;
  }

  /** Begins to tell `events` what happens. */
  deliver(events: SocketEvents): void {
    const socket = this.#socket;
    let failure: Error | null = null;
    // A plain view: a Buffer's slice() would share memory where Uint8Array's copies.
    socket.on(
      "data",
      (bytes: Uint8Array) => events.onData(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    );
    socket.on("drain", () => events.onDrain());
    socket.on("error", (error: Error) => failure = error);
    socket.on("close", () => events.onClose(failure));
  }

  write(bytes: Uint8Array): number {
    if (this.#socket.destroyed) return 0;
    // The stream may keep what it is given, and the caller's buffer is used again.
    return this.#socket.write(bytes.slice()) ? 0 : this.#socket.writableLength;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
