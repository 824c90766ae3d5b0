import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import type { Logger } from "../base/log.ts";
import type { Network } from "../base/network.ts";
import type { ServerConfig } from "../config/server_config.ts";
import type { ServerWorld } from "../server/server.ts";
import { WorkerServer } from "../server/workers/worker_server.ts";
import { BunNetwork } from "./bun_network.ts";
import { dialPrivately } from "./worker_door.ts";

/** What the main process tells a worker in one line of JSON. */
const ordersSchema = z.object({
  /** Both must be of one build: they talk in a language of their own. */
  version: z.string(),
  index: z.number().int().positive(),
  socketPath: z.string(),
  /** Checked by the process that sends it. */
  config: z.custom<ServerConfig>((value) => typeof value === "object" && value !== null),
  logLevel: z.enum(["debug", "info", "warn", "error"]),
  logFormat: z.enum(["text", "json"]),
});

/** See {@link ordersSchema}. */
export type WorkerOrders = z.infer<typeof ordersSchema>;

/** @returns The line that a worker reads. What concerns other servers, and the disk, is the main process's alone. */
export function encodeOrders(orders: WorkerOrders): string {
  return `${JSON.stringify({ ...orders, config: { ...orders.config, ensemble: undefined } })}\n`;
}

/**
 * Reads the orders from this process's input.
 *
 * @param onEnd The input has ended: the main process is gone, or wants this one to go.
 * @throws {Error} If they make no sense, or the input ends without any.
 */
export function readOrders(onEnd: () => void): Promise<WorkerOrders> {
  return new Promise((done, fail) => {
    const lines = createInterface({ input: process.stdin });
    lines.once("line", (line) => {
      try {
        done(ordersSchema.parse(JSON.parse(line)));
      } catch (error) {
        fail(error);
      }
    });
    lines.once("close", () => {
      fail(new Error("the input ended without orders"));
      onEnd();
    });
  });
}

/** Starts this process's part in a server. */
export function serveAsWorker(
  { index, config, socketPath }: WorkerOrders,
  world: Omit<ServerWorld, "network" | "absolutePath">,
): WorkerServer {
  const ports = new BunNetwork({ keepAlive: config.clientTcpKeepAlive });
  const network: Network = {
    listen: (...args) => ports.listen(...args),
    dial: (_host, _port, _timeoutMs, open) => dialPrivately(socketPath, open),
  };
  const server = new WorkerServer({
    index,
    config,
    world: { ...world, network, absolutePath: (path) => resolve(path) },
  });
  server.start();
  return server;
}

/** @returns A logger whose lines say which worker they are of. */
export function workerLogger(logger: Logger, index: number): Logger {
  const of = (level: keyof Logger): Logger["info"] => (message, fields) =>
    logger[level](message, { worker: index, ...fields });
  return { debug: of("debug"), info: of("info"), warn: of("warn"), error: of("error") };
}
