import { availableParallelism } from "node:os";
import { z } from "zod";
import type { Logger } from "../src/base/log.ts";
import type { ServerConfig } from "../src/config/server_config.ts";
import type { WorkersOptions } from "../src/io/serve.ts";
import { serverProcessesMax } from "../src/server/workers/worker_limits.ts";
import { CliError, ExitCode } from "./_errors.ts";
import { selfCommand } from "./_self.ts";
import type { ServerFlags } from "./server.ts";

const countSchema = z.string().regex(/^[0-9]{1,4}$/).transform(Number)
  .pipe(z.number().min(1).max(serverProcessesMax));

/**
 * Reads `--workers`.
 *
 * @returns Undefined for a server of one process.
 * @throws {CliError} When it is no such number, or this platform or configuration does not go with it.
 */
export function readWorkers(
  { workers, logLevel, logFormat }: ServerFlags,
  config: ServerConfig,
  platform: string = process.platform,
): WorkersOptions | undefined {
  if (workers === undefined) return undefined;
  const count = countSchema.safeParse(workers);
  if (!count.success) {
    throw new CliError(
      ExitCode.usage,
      `--workers ${workers} must be a whole number from 1 to ${serverProcessesMax}`,
    );
  }
  if (count.data === 1) return undefined;
  if (platform !== "linux") {
    throw new CliError(
      ExitCode.usage,
      `--workers ${workers} needs Linux, which spreads clients over the processes that share a port; ${platform} does not`,
    );
  }
  if (config.ensemble?.localSessions === true) {
    throw new CliError(
      ExitCode.usage,
      `--workers ${workers} does not go with localSessionsEnabled=true: a session that one process alone knows ends when its client connects again and meets another`,
    );
  }
  if (config.client === undefined) {
    throw new CliError(
      ExitCode.usage,
      `--workers ${workers} needs a port for clients, and none is configured`,
    );
  }
  return { count: count.data - 1, command: [...selfCommand(), "server-worker"], logLevel, logFormat };
}

/** Says so when there are more processes than cores: that costs, and gains nothing. */
export function warnOfManyWorkers(workers: WorkersOptions | undefined, logger: Logger): void {
  const cores = availableParallelism();
  if (workers === undefined || workers.count + 1 <= cores) return;
  logger.warn("There are more processes than cores: reads do not get quicker by that", {
    workers: workers.count + 1,
    cores,
  });
}
