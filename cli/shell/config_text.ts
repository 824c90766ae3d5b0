/** Reads the text kept in /zookeeper/config, and what may become of it. */
import type { ReconfigRequest } from "../../mod.ts";
import { isMemberKey } from "../../src/quorum/member_lines.ts";
import { type Membership, membershipLines } from "../../src/quorum/membership.ts";
import { MembershipTextError, parseMembershipText } from "../../src/quorum/membership_text.ts";
import { isRefusal, reconfigure } from "../../src/quorum/reconfigure.ts";

/**
 * The config's version and the clients' addresses of all members, as `config -c` prints them.
 *
 * @returns `<version> host:port,host:port`; a single blank on a standalone server.
 * @see Fact: ConfigUtils.getClientConfigStr; an address without a host means 0.0.0.0
 */
export function clientConfigText(config: string): string {
  let version = "";
  const addresses: string[] = [];
  for (const { key, value } of properties(config)) {
    if (key === "version") version = value;
    if (!key.startsWith("server.")) continue;
    const semicolon = value.indexOf(";");
    if (semicolon < 0) continue;
    const address = value.slice(semicolon + 1).trim();
    addresses.push(address.includes(":") ? address : `0.0.0.0:${address}`);
  }
  return `${version} ${addresses.join(",")}`;
}

/**
 * The members named in a config file, for a reconfiguration. Other settings in it do not matter.
 *
 * @throws {MembershipTextError} They make no ensemble.
 */
export function membersOf(text: string): string {
  const lines = [...properties(text)].filter(({ key }) => isMemberKey(key));
  return membershipLines(parseMembershipText(lines.map(({ key, value }) => `${key}=${value}`).join("\n")))
    .join(
      "\n",
    );
}

/**
 * What is wrong with a change that a server refused, whose answer says only that something is.
 *
 * @param config The text in /zookeeper/config.
 * @returns undefined when nothing wrong can be seen from here.
 */
export function reconfigProblem(request: ReconfigRequest, config: string): string | undefined {
  let current: Membership;
  try {
    current = parseMembershipText(config);
  } catch (error) {
    if (error instanceof MembershipTextError) return undefined;
    throw error;
  }
  const result = reconfigure(
    {
      joining: listText(request.joining),
      leaving: listText(request.leaving),
      newMembers: listText(request.newMembers),
      fromVersion: -1,
    },
    {
      committed: current,
      lastSeen: current,
      standaloneEnabled: true,
      multiAddress: false,
      isSynced: () => true,
    },
    0,
  );
  return isRefusal(result) ? result.reason : undefined;
}

function listText(list: string | readonly (string | number)[] | undefined): string | null {
  if (list === undefined) return null;
  return typeof list === "string" ? list : list.join(",");
}

function* properties(text: string): Generator<{ key: string; value: string }> {
  for (const line of text.split(/\r?\n/)) {
    const equals = line.indexOf("=");
    if (equals > 0 && !/^\s*[#!]/.test(line)) {
      yield { key: line.slice(0, equals).trim(), value: line.slice(equals + 1).trim() };
    }
  }
}
