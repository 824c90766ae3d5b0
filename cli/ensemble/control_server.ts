import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { type ControlReply, type ControlRequest, controlRequest, readLine } from "./control_protocol.ts";

/** How long answers that are under way may still take when the launcher ends, in ms. */
const lastAnswersMs = 1_000;

/** Takes orders from other terminals. */
export interface ControlServer {
  /** Takes no further ones and removes the socket. Answers under way still go out, if they do so soon. */
  close(): Promise<void>;
}

/**
 * Listens on a Unix socket, to which only this user may write. One that is there already was left behind: whoever
 * calls this holds the directory's lock.
 *
 * @param handle Never rejects.
 * @throws {Error} When the socket cannot be made.
 */
export async function serveControl(
  path: string,
  handle: (request: ControlRequest) => Promise<ControlReply>,
): Promise<ControlServer> {
  rmSync(path, { force: true });
  const pending = new Set<Promise<void>>();
  const server = createServer((socket) => {
    const work = serveOne(socket, handle).finally(() => pending.delete(work));
    pending.add(work);
  });
  await listening(server, path);
  return {
    async close() {
      server.close();
      await Promise.race([Promise.all(pending), Bun.sleep(lastAnswersMs)]);
      rmSync(path, { force: true });
    },
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(path, done);
  });
}

/** Resolves when the answer has gone out, or the other side is gone. */
async function serveOne(
  socket: Socket,
  handle: (request: ControlRequest) => Promise<ControlReply>,
): Promise<void> {
  const closed = new Promise<void>((done) => socket.once("close", () => done()));
  socket.on("error", () => socket.destroy());
  const line = await Promise.race([readLine(socket), closed]);
  if (line === undefined) {
    socket.destroy();
    return;
  }
  const request = parseRequest(line);
  const reply: ControlReply = request === undefined
    ? { kind: "refused", message: "the launcher does not know this order: it runs another version of zoon" }
    : await handle(request);
  socket.end(`${JSON.stringify(reply)}\n`);
  await closed;
}

function parseRequest(line: string): ControlRequest | undefined {
  try {
    return controlRequest.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
