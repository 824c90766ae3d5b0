import {
  formatServer,
  parseConnectionString,
  type ServerAddress,
} from "../../src/client/connection_string.ts";
import { BadArgumentsError } from "../../src/client/errors.ts";
import { CliError, ExitCode } from "../_errors.ts";

/** The cluster a load goes to. */
export interface Target {
  /** Connection string, chroot included. */
  readonly hosts: string;
  readonly servers: readonly ServerAddress[];
  /** "" for none. */
  readonly chroot: string;
}

/** @throws {CliError} When the connection string makes no sense. */
export function parseTarget(text: string): Target {
  try {
    const { servers, chroot } = parseConnectionString(text);
    return { hosts: servers.map(formatServer).join(",") + chroot, servers, chroot };
  } catch (error) {
    if (error instanceof BadArgumentsError) throw new CliError(ExitCode.usage, error.message);
    throw error;
  }
}
