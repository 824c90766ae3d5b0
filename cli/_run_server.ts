import { DiskError } from "../src/base/disk.ts";
import { ListenError } from "../src/base/network.ts";
import { ConfigError, type LoadedConfig, loadServerConfig } from "../src/config/zoo_cfg.ts";
import type { ServerConfig } from "../src/config/server_config.ts";
import { openStderrLog } from "../src/io/log_sink.ts";
import { processStatus } from "../src/io/process_info.ts";
import { type RunningServer, serve } from "../src/io/serve.ts";
import {
  BadSnapshotError,
  CorruptLogError,
  DataDirectoryError,
  RecoveryError,
} from "../src/storage/errors.ts";
import { configSources } from "./_config_sources.ts";
import { readWorkers, warnOfManyWorkers } from "./_workers.ts";
import { CliError, ExitCode } from "./_errors.ts";
import { writeAll } from "./_output.ts";
import { findPortOwner } from "./_port_owner.ts";
import type { ServerFlags } from "./server.ts";

/**
 * Runs a server until a signal stops it or it fails; then ends the process.
 *
 * @throws {CliError} When it cannot start.
 */
export async function runServer(file: string | undefined, flags: ServerFlags): Promise<void> {
  const { config, notices } = load(file, flags);
  const workers = readWorkers(flags, config);
  const { logger, drain } = openStderrLog(flags.logLevel, flags.logFormat);
  logger.info("Starting", { version: processStatus.version, pid: process.pid, config: file ?? "none" });
  for (const { level, message, fields } of notices) logger[level](message, fields);
  warnOfManyWorkers(workers, logger);

  const stopAsked = onStopAsked(flags.exitWithParent === true);
  let server: RunningServer;
  try {
    server = await serve(config, logger, workers);
  } catch (error) {
    await drain();
    throw startFailure(error, config);
  }
  void server.serving.then((mode) => {
    logger.info("Serving", { mode, address: addressOf(server), dataDir: config.storage.dataDir });
    // A launcher that no longer listens does not stop the server.
    writeAll(1, readyLine(server, mode, config, flags.json === true));
  });

  const failure = await Promise.race([stopAsked, server.failed]);
  if (failure instanceof Error) {
    logger.error("The server stops as it can no longer do its work", { error: failure.message });
  } else {
    logger.info("Stopping", { reason: failure });
    await server.stop();
    logger.info("Stopped");
  }
  await drain();
  process.exit(failure instanceof Error ? ExitCode.failed : ExitCode.done);
}

function load(file: string | undefined, flags: ServerFlags): LoadedConfig {
  try {
    return loadServerConfig(configSources(file, flags));
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError(ExitCode.usage, error.message);
    throw error;
  }
}

const parentCheckMs = 250;

/** Resolves with the reason once the process is asked to stop; asked a second time it ends at once. */
function onStopAsked(exitWithParent: boolean): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (reason: string) => {
      if (asked) process.exit(ExitCode.failed);
      asked = true;
      resolve(reason);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => ask(signal));
    if (!exitWithParent) return;
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(timer);
      ask("the parent process is gone");
    }, parentCheckMs);
    // A start that fails must not leave the process waiting.
    timer.unref();
  });
}

function readyLine(server: RunningServer, mode: string, config: ServerConfig, json: boolean): string {
  const { dataDir } = config.storage;
  // The runtime counts from the start of the process.
  const startMs = Math.round(performance.now());
  const address = addressOf(server);
  if (json) return `${JSON.stringify({ event: "ready", mode, address, dataDir, startMs })}\n`;
  return `ready ${mode} ${address ?? "-"} data ${dataDir} in ${startMs} ms\n`;
}

function addressOf({ address, port }: RunningServer): string | undefined {
  return address === undefined || port === undefined ? undefined : hostAndPort(address, port);
}

function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const diskReasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  EACCES: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  ENOTDIR: "it is not a directory",
};

/** Turns what stopped the start into a message for its user; our own bugs stay what they are. */
function startFailure(error: unknown, config: ServerConfig): unknown {
  if (error instanceof ListenError) return new CliError(ExitCode.failed, listenFailure(error, config));
  if (
    error instanceof DataDirectoryError || error instanceof RecoveryError ||
    error instanceof CorruptLogError ||
    error instanceof BadSnapshotError
  ) {
    return new CliError(ExitCode.failed, error.message);
  }
  if (error instanceof DiskError) {
    const reason = diskReasons[error.code] ?? error.message;
    return new CliError(ExitCode.failed, `cannot use ${error.path}: ${reason}`);
  }
  return error;
}

/** What a port is for, and how to choose another one. */
interface PortUse {
  readonly host: string;
  readonly port: number;
  readonly purpose: string;
  readonly remedy: string;
}

function portUse({ address }: ListenError, config: ServerConfig): PortUse {
  const id = config.serverId;
  const own = config.ensemble?.membership.servers.find((server) => server.id === id);
  for (const { host, quorumPort, electionPort } of own?.addresses ?? []) {
    const remedy = `stop that one, or give server.${id} other ports in every server's configuration`;
    if (address?.port === quorumPort) return { host, port: quorumPort, purpose: " for its learners", remedy };
    if (address?.port === electionPort) {
      return { host, port: electionPort, purpose: " for elections", remedy };
    }
  }
  const { host, port } = config.client ?? { host: "", port: 0 };
  return { host, port, purpose: "", remedy: "choose another with --client-port" };
}

function listenFailure(error: ListenError, config: ServerConfig): string {
  const { host, port, purpose, remedy } = portUse(error, config);
  const what = `cannot listen on ${hostAndPort(host === "" ? "0.0.0.0" : host, port)}${purpose}`;
  switch (error.code) {
    case "EADDRINUSE": {
      const owner = findPortOwner(port);
      const by = owner === undefined ? "another process" : `process ${owner.pid} (${owner.name})`;
      return `${what}: ${by} uses it; ${remedy}`;
    }
    case "EACCES":
      return `${what}: permission denied (ports below 1024 need privileges)`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${what}: ${host} is not an address of this machine`;
    default:
      return `${what}: ${error.message}`;
  }
}
