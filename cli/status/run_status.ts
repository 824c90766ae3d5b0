import { parseConnectionString, type ServerAddress } from "../../src/client/connection_string.ts";
import { BadArgumentsError } from "../../src/client/errors.ts";
import { CliError, ExitCode } from "../_errors.ts";
import { hostsOfEnsemble } from "../_local_ensemble.ts";
import { writeOut } from "../_output.ts";
import type { ServerReport } from "../_server_report.ts";
import { isScreen, paintOf } from "../_style.ts";
import type { StatusFlags } from "../status.ts";
import { leadersOf, problemOf, reportOf, type ServerStatus, statusOf } from "./server_status.ts";
import { stateOf, statusText } from "./status_text.ts";

/**
 * Asks the servers and prints what they are.
 *
 * @returns 0 when a leader or a standalone server serves.
 * @throws {CliError} When the connection string makes no sense.
 */
export async function runStatus({ server, timeout, json }: StatusFlags): Promise<ExitCode> {
  const addresses = parseHosts(server ?? await hostsOfEnsemble() ?? "127.0.0.1:2181");
  const servers = await Promise.all(addresses.map((each) => statusOf(each, timeout)));
  const screen = isScreen();
  writeOut(
    json === true
      ? `${JSON.stringify(statusJson(servers))}\n`
      : statusText(servers, paintOf(screen), screen ? process.stdout.columns : Infinity),
  );
  return leadersOf(servers).length > 0 ? ExitCode.done : ExitCode.failed;
}

function parseHosts(hosts: string): readonly ServerAddress[] {
  try {
    return parseConnectionString(hosts).servers;
  } catch (error) {
    if (error instanceof BadArgumentsError) throw new CliError(ExitCode.usage, error.message);
    throw error;
  }
}

/** What `--json` prints. A value that a server does not tell is left out. */
function statusJson(servers: readonly ServerStatus[]) {
  const leaders = leadersOf(servers);
  return {
    leader: leaders.length === 1 ? leaders[0].server : null,
    servers: servers.map((status) => ({
      server: status.server,
      state: stateOf(status),
      ...problemJson(status),
      ...reportJson(status),
      ...status.monitor,
    })),
  };
}

function problemJson(status: ServerStatus): { problem?: string } {
  const problem = problemOf(status);
  return problem === null ? {} : { problem };
}

/** The report but for the mode, which is the state. */
function reportJson(status: ServerStatus): Partial<ServerReport> {
  const { mode: _mode, ...rest } = reportOf(status) ?? {};
  return rest;
}
