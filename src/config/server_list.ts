import { parseMemberLines } from "../quorum/member_lines.ts";
import type { Membership } from "../quorum/membership.ts";
import type { ConfigProblem } from "./config_error.ts";
import type { ConfigEntry } from "./entries.ts";

/** The server list of a configuration and what is wrong with it. */
export interface ServerListResult {
  readonly membership: Membership;
  readonly problems: readonly ConfigProblem[];
}

/**
 * Reads server.N, group.N and weight.N lines; others are left alone.
 *
 * @param options.version Version of the list, from the dynamic file's name.
 * @param options.multiAddress A server may have several addresses (`multiAddress.enabled`).
 */
export function parseServerList(
  entries: Iterable<ConfigEntry>,
  options: { version: number; multiAddress: boolean },
): ServerListResult {
  const { membership, problems } = parseMemberLines(entries, options);
  return { membership, problems: problems.map(({ line, rule }) => ({ ...line, rule })) };
}
