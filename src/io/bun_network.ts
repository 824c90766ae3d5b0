import { lookup } from "node:dns/promises";
import {
  type Listener,
  ListenError,
  type Network,
  noAddress,
  type PortSharing,
  type Socket,
  type SocketEvents,
} from "../base/network.ts";
import { hostAndPort, normalAddress } from "./address.ts";
import { BunSocket, socketHandlers } from "./bun_socket.ts";

/** The machine's network, over Bun's sockets. Nagle's delay is off on every connection. */
export class BunNetwork implements Network {
  readonly #keepAlive: boolean;

  /** @param options.keepAlive Whether accepted connections are probed while they are silent. */
  constructor(options: { readonly keepAlive?: boolean } = {}) {
    this.#keepAlive = options.keepAlive ?? false;
  }

  async listen(
    host: string,
    port: number,
    accept: (socket: Socket) => SocketEvents,
    sharing?: PortSharing,
  ): Promise<Listener> {
    const options = { keepAlive: this.#keepAlive, sharing };
    if (sharing === "first" && port !== 0) await mustBeFree(host, port);
    if (host !== "") return listenOn(await addressToBind(host, port), port, options, accept);
    try {
      return listenOn("::", port, options, accept);
    } catch (error) {
      // A machine without IPv6 has no "::", which elsewhere takes IPv4 connections too.
      if (!(error instanceof ListenError) || !noIpv6.has(error.code)) throw error;
      return listenOn("0.0.0.0", port, options, accept);
    }
  }

  async dial(
    host: string,
    port: number,
    timeoutMs: number,
    open: (socket: Socket) => SocketEvents,
  ): Promise<Socket> {
    const dueMs = performance.now() + timeoutMs;
    const addresses = await resolveInTime(host, port, timeoutMs);
    let failure: Error | null = null;
    for (const [index, address] of addresses.entries()) {
      // One address that swallows packets must leave time for the others.
      const shareMs = Math.max(dueMs - performance.now(), 0) / (addresses.length - index);
      try {
        return await connectTo(address, port, shareMs, open);
      } catch (error) {
        failure = error as Error;
      }
    }
    throw failure ?? dialError(host, port, "the name has no address");
  }
}

const noIpv6: ReadonlySet<string> = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL", "EINVAL"]);

/** Processes of a server that was killed end a moment after it, ms. */
const leftoversMs = 2000;
const leftoversPollMs = 50;

/** Two servers that share their ports could be given the same one, and neither would notice. @throws {ListenError} */
async function mustBeFree(host: string, port: number): Promise<void> {
  const dueMs = performance.now() + leftoversMs;
  for (;;) {
    try {
      (await new BunNetwork().listen(host, port, () => nobody)).close();
      return;
    } catch (error) {
      const isTaken = error instanceof ListenError && error.code === "EADDRINUSE";
      if (!isTaken || performance.now() > dueMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, leftoversPollMs));
    }
  }
}

/** A client that comes while a port is only tried. */
const nobody: SocketEvents = { onData() {}, onDrain() {}, onClose() {} };

function listenOn(
  address: string,
  port: number,
  { keepAlive, sharing }: { readonly keepAlive: boolean; readonly sharing: PortSharing | undefined },
  accept: (socket: Socket) => SocketEvents,
): Listener {
  let server: Bun.TCPSocketListener<BunSocket>;
  try {
    server = Bun.listen<BunSocket>({
      hostname: address,
      port,
      allowHalfOpen: true,
      ...(sharing === undefined ? {} : shared),
      socket: {
        ...socketHandlers,
        open(raw) {
          const remoteAddress: string | undefined = raw.remoteAddress;
          if (remoteAddress === undefined) return raw.terminate();
          if (keepAlive) raw.setKeepAlive(true);
          BunSocket.open(raw, remoteAddress, raw.remotePort, accept);
        },
      },
    });
  } catch (error) {
    const code = codeOf(error);
    const where = hostAndPort(address, port);
    throw new ListenError(code, `Cannot listen on ${where}: ${reasons.get(code) ?? code}`, {
      host: address,
      port,
    });
  }
  return { address: normalAddress(address), port: server.port, close: () => server.stop() };
}

/** SO_REUSEPORT, which Bun's types of sockets leave out. */
const shared = { reusePort: true } as const;

const reasons = new Map([
  ["EADDRINUSE", "the port is in use (EADDRINUSE)"],
  ["EACCES", "the port may only be opened by root (EACCES)"],
  ["EADDRNOTAVAIL", "this machine does not have the address (EADDRNOTAVAIL)"],
]);

async function addressToBind(host: string, port: number): Promise<string> {
  try {
    return (await lookup(host, { order: "ipv4first" })).address;
  } catch {
    throw new ListenError(
      noAddress,
      `Cannot listen on ${hostAndPort(host, port)}: the name has no address`,
      { host, port },
    );
  }
}

function resolveInTime(host: string, port: number, timeoutMs: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(dialError(host, port, `no address within ${timeoutMs} ms`)),
      timeoutMs,
    );
    lookup(host, { all: true, order: "ipv4first" }).then(
      (found) => resolve(found.map((entry) => entry.address)),
      (error) => reject(dialError(host, port, "the name has no address", error)),
    ).finally(() => clearTimeout(timer));
  });
}

function connectTo(
  address: string,
  port: number,
  timeoutMs: number,
  open: (socket: Socket) => SocketEvents,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let late = false;
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(dialError(address, port, why, cause));
    };
    const timer = setTimeout(() => {
      late = true;
      fail(`no answer within ${Math.round(timeoutMs)} ms`);
    }, timeoutMs);
    Bun.connect<BunSocket>({
      hostname: address,
      port,
      allowHalfOpen: true,
      socket: {
        ...socketHandlers,
        open(raw) {
          if (late) {
            raw.terminate();
            return;
          }
          clearTimeout(timer);
          resolve(BunSocket.open(raw, address, port, open));
        },
        connectError: (_raw, error) => fail(codeOf(error), error),
      },
    }).catch((error) => fail(codeOf(error), error));
  });
}

function dialError(host: string, port: number, why: string, cause?: unknown): Error {
  return new Error(`Cannot connect to ${hostAndPort(host, port)}: ${why}`, { cause });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" ? code : "EIO";
}
