import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Listener, ListenError, type Socket, type SocketEvents } from "../base/network.ts";
import { BunSocket, socketHandlers } from "./bun_socket.ts";

/** What a Unix socket's ends are called in messages. */
const peerName = "local";

/** A Unix socket in a directory of its own, which only this user may enter. */
export interface PrivateSocket {
  readonly path: string;
  /** Removes both. */
  remove(): void;
}

/** @throws {Error} If the system's directory for temporary files cannot be used. */
export function makePrivateSocket(): PrivateSocket {
  const directory = mkdtempSync(resolve(tmpdir(), "zoon-workers-"));
  return {
    path: join(directory, "workers"),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Listens on a Unix socket. @throws {ListenError} */
export function listenPrivately(path: string, accept: (socket: Socket) => SocketEvents): Listener {
  try {
    const server = Bun.listen<BunSocket>({
      unix: path,
      allowHalfOpen: true,
      socket: {
        ...socketHandlers,
        open: (raw) => void BunSocket.open(raw, peerName, 0, accept),
      },
    });
    return { address: path, port: 0, close: () => server.stop() };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ListenError(code ?? "EIO", `Cannot listen on ${path}: ${message}`);
  }
}

/** Connects to a Unix socket. @throws {Error} When nobody listens there. */
export async function dialPrivately(path: string, open: (socket: Socket) => SocketEvents): Promise<Socket> {
  let socket: Socket | undefined;
  await Bun.connect<BunSocket>({
    unix: path,
    allowHalfOpen: true,
    socket: {
      ...socketHandlers,
      open: (raw) => void (socket = BunSocket.open(raw, peerName, 0, open)),
    },
  });
  if (socket === undefined) throw new Error(`Cannot connect to ${path}`);
  return socket;
}
