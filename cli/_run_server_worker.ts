import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { openStderrLog } from "../src/io/log_sink.ts";
import { processStatus } from "../src/io/process_info.ts";
import { machine } from "../src/io/serve.ts";
import { readOrders, serveAsWorker, workerLogger, type WorkerOrders } from "../src/io/serve_workers.ts";
import { CliError, ExitCode } from "./_errors.ts";

/**
 * Takes part in a server until its main process is gone or wants this one to go; then ends the process.
 *
 * @throws {CliError} When what comes on the input makes no sense.
 */
export async function runServerWorker(): Promise<void> {
  let isOver = false;
  let end!: () => void;
  const ended = new Promise<"ended">((resolve) => end = () => resolve("ended"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  const orders = await take(() => {
    isOver = true;
    end();
  });
  const { logger: sink, drain } = openStderrLog(orders.logLevel, orders.logFormat);
  const logger = workerLogger(sink, orders.index);
  const server = serveAsWorker(orders, machine(logger));

  const failure = await Promise.race([ended, server.failed]);
  if (failure instanceof Error) {
    logger.error("A worker stops as it can no longer do its work", { error: failure.message });
  } else {
    server.stop();
  }
  await drain();
  // A main process that was killed has left the socket behind; one that stops needs it no more.
  if (isOver) rmSync(dirname(orders.socketPath), { recursive: true, force: true });
  process.exit(failure instanceof Error ? ExitCode.failed : ExitCode.done);
}

async function take(onEnd: () => void): Promise<WorkerOrders> {
  try {
    const orders = await readOrders(onEnd);
    if (orders.version === processStatus.version) return orders;
    throw new Error(`the server is ${orders.version} and this program ${processStatus.version}`);
  } catch (error) {
    throw new CliError(
      ExitCode.usage,
      `server-worker is started by "zoon server --workers N" only: ${(error as Error).message}`,
    );
  }
}
