import { isMemberKey, type MemberLine, parseMemberLines } from "./member_lines.ts";
import { type Membership, votersOf, weightOf } from "./membership.ts";
import { parseProperties, PropertiesError } from "./properties.ts";

/** A text that describes no membership: outside trouble, and the message says what is wrong with it. */
export class MembershipTextError extends Error {
  override name = "MembershipTextError";
}

/**
 * Reads a membership from the text that another server sends, that is kept as the next configuration, or that a
 * client wants to be the new one. Accepts whatever order and spelling Apache's java.util.Properties would; several
 * addresses of a server need no permission here.
 *
 * @throws {MembershipTextError} For all that Apache would choke on: other keys, a version that is not hexadecimal,
 *   broken or repeated servers, groups or weights, no voter.
 * @see Fact: QuorumPeer.configFromString, QuorumPeerConfig.parseDynamicConfig
 */
export function parseMembershipText(text: string): Membership {
  const lines: MemberLine[] = [];
  let version = 0;
  for (const { key, value } of properties(text)) {
    if (isMemberKey(key)) lines.push({ key, value });
    else if (key === "version") version = parseVersion(value);
    else throw new MembershipTextError(`${key} is not a key of a membership`);
  }
  const { membership, problems } = parseMemberLines(lines, { version, multiAddress: true });
  if (problems.length > 0) {
    throw new MembershipTextError(
      problems.map(({ line, rule }) => `${line.key}=${line.value} ${rule}`).join("; "),
    );
  }
  if (votersOf(membership).length === 0) {
    throw new MembershipTextError(
      membership.servers.length === 0 ? "no servers are listed" : "observers need participants",
    );
  }
  if (!votersOf(membership).some(({ id }) => weightOf(membership, id) > 0)) {
    throw new MembershipTextError("the servers that vote have no weight, so they make no quorum");
  }
  return membership;
}

function* properties(text: string): Generator<MemberLine> {
  try {
    for (const [key, { value }] of parseProperties(text)) yield { key, value };
  } catch (error) {
    if (!(error instanceof PropertiesError)) throw error;
    throw new MembershipTextError(`line ${error.line}: ${error.message}`);
  }
}

function parseVersion(text: string): number {
  const version = /^[0-9a-fA-F]{1,16}$/.test(text) ? parseInt(text, 16) : NaN;
  if (!Number.isSafeInteger(version)) {
    throw new MembershipTextError(`version=${text} must be a hexadecimal number, the zxid of the change`);
  }
  return version;
}
