import type { ClientAddress, EnsembleAddress, EnsembleServer, Membership } from "./membership.ts";
import type { ServerId } from "./quorum.ts";

/** One key and its value, as a properties file has them. */
export interface MemberLine {
  readonly key: string;
  readonly value: string;
}

/** What is wrong with a line. */
export interface MemberLineProblem<Line extends MemberLine> {
  readonly line: Line;
  /** Follows key and value: "must be …". */
  readonly rule: string;
}

/** A membership, and what is wrong with the lines it was read from. */
export interface MemberLinesResult<Line extends MemberLine> {
  readonly membership: Membership;
  readonly problems: readonly MemberLineProblem<Line>[];
}

/** Whether a key belongs to the membership (QuorumPeerConfig.parseDynamicConfig). */
export function isMemberKey(key: string): boolean {
  return key.startsWith("server.") || key.startsWith("group") || key.startsWith("weight");
}

/**
 * Reads server.N, group.N and weight.N lines; others are left alone. Whether there are voters enough is for the
 * caller to say.
 *
 * @param options.version Version of the result.
 * @param options.multiAddress A server may have several addresses.
 * @see Fact: QuorumPeer.QuorumServer, QuorumMaj, QuorumHierarchical
 */
export function parseMemberLines<Line extends MemberLine>(
  lines: Iterable<Line>,
  { version, multiAddress }: { version: number; multiAddress: boolean },
): MemberLinesResult<Line> {
  const problems: MemberLineProblem<Line>[] = [];
  const servers = new Map<ServerId, EnsembleServer>();
  const serverLines = new Map<ServerId, Line>();
  const groups = new Map<ServerId, number>();
  const groupLines = new Map<number, Line>();
  const weights = new Map<ServerId, number>();
  let hierarchical = false;

  for (const line of lines) {
    const { key, value } = line;
    if (!isMemberKey(key)) continue;
    const kind = key.startsWith("server.") ? "server" : key.startsWith("group") ? "group" : "weight";
    if (kind !== "server") hierarchical = true;
    const number = parseId(key.slice(key.indexOf(".") + 1));
    if (number === undefined) {
      problems.push({ line, rule: `must be named ${kind}.N with N a whole number` });
      continue;
    }
    if (kind === "server") {
      const server = parseServer(number, value, multiAddress);
      if (typeof server === "string") problems.push({ line, rule: server });
      else if (serverLines.has(number)) {
        problems.push({ line, rule: `describes server ${number} a second time` });
      } else servers.set(number, server);
      serverLines.set(number, line);
    } else if (kind === "group") {
      if (groupLines.has(number)) problems.push({ line, rule: `describes group ${number} a second time` });
      groupLines.set(number, line);
      for (const member of splitDroppingEnd(value, ":")) {
        const id = parseId(member);
        if (id === undefined) {
          problems.push({ line, rule: "must be server ids between colons, such as 1:2:3" });
        } else if (groups.has(id)) problems.push({ line, rule: `puts server ${id} into a second group` });
        else groups.set(id, number);
      }
    } else {
      const weight = parseId(value);
      if (weight === undefined) {
        problems.push({ line, rule: "must be a whole number, the votes of the server" });
      } else if (weights.has(number)) problems.push({ line, rule: `weighs server ${number} a second time` });
      else weights.set(number, weight);
    }
  }

  if (hierarchical && problems.length === 0) {
    for (const server of servers.values()) {
      if (server.observer || groups.has(server.id)) continue;
      const line = serverLines.get(server.id)!;
      problems.push({ line, rule: "must be in one of the groups, as there are groups" });
    }
    for (const [id, group] of groups) {
      const server = servers.get(id);
      if (weights.has(id) || server?.observer === false) continue;
      const line = groupLines.get(group)!;
      const rule = server === undefined
        ? `puts server ${id} into the group, which is not listed`
        : `puts server ${id} into the group, which is an observer`;
      problems.push({ line, rule });
    }
  }
  return {
    membership: {
      servers: [...servers.values()].sort((left, right) => left.id - right.id),
      groups: hierarchical ? groups : undefined,
      weights,
      version,
    },
    problems,
  };
}

/** @returns A server's id, a group or a weight, none of them negative; undefined when it is not one. */
export function parseId(text: string): number | undefined {
  if (!/^[0-9]{1,15}$/.test(text)) return undefined;
  return Number(text);
}

const form =
  "must look like host:quorumPort:electionPort, with :participant or :observer after it and ;clientPort or ;host:clientPort at the end if need be";

/**
 * Reads what follows `server.N=`.
 *
 * @returns The server, or the rule that the text breaks.
 */
export function parseServer(id: ServerId, text: string, multiAddress: boolean): EnsembleServer | string {
  const [serverPart, clientPart, ...rest] = splitDroppingEnd(text, ";");
  if (rest.length > 0) return form;
  let client: ClientAddress | undefined;
  if (clientPart !== undefined) {
    client = parseClient(clientPart);
    if (client === undefined) return form;
    if (!isHost(client.host)) return hostRule;
  }
  const addressTexts = splitDroppingEnd(serverPart, "|");
  if (addressTexts.length > 1 && !multiAddress) {
    return "names several addresses, which needs multiAddress.enabled=true";
  }

  const addresses: EnsembleAddress[] = [];
  let kind: string | undefined;
  for (const addressText of addressTexts) {
    const parts = splitAddress(addressText);
    if (parts === undefined || parts.length < 3 || parts.length > 4) return form;
    const [host, quorumText, electionText, kindText] = parts;
    if (!isHost(host)) return hostRule;
    const quorumPort = parsePort(quorumText);
    const electionPort = parsePort(electionText);
    if (quorumPort === undefined || electionPort === undefined) return "must have ports from 0 to 65535";
    if (quorumPort === electionPort) return "must have different quorum and election ports";
    addresses.push({ host, quorumPort, electionPort });
    if (kindText === undefined) continue;
    const ownKind = kindText.trim().toLowerCase();
    if (ownKind !== "participant" && ownKind !== "observer") {
      return "must end in :participant or :observer, or in neither";
    }
    if (kind !== undefined && kind !== ownKind) return "must give all its addresses the same role";
    kind = ownKind;
  }
  return { id, addresses, observer: kind === "observer", client };
}

function parseClient(text: string): ClientAddress | undefined {
  const parts = splitAddress(text);
  if (parts === undefined || parts.length > 2) return undefined;
  const port = parsePort(parts[parts.length - 1]);
  if (port === undefined) return undefined;
  return { host: parts.length === 2 ? parts[0] : "0.0.0.0", port };
}

/** As String.split does in Java: empty parts at the end do not count. */
function splitDroppingEnd(text: string, separator: string): string[] {
  const parts = text.split(separator);
  while (parts.length > 1 && parts[parts.length - 1] === "") parts.pop();
  return parts;
}

/** Splits at colons, but not within the brackets of an IPv6 address (ConfigUtils.getHostAndPort). */
function splitAddress(text: string): string[] | undefined {
  if (!text.startsWith("[")) return text.split(":");
  const end = text.indexOf("]");
  if (end < 0 || text[end + 1] !== ":") return undefined;
  return [text.slice(1, end), ...text.slice(end + 2).split(":")];
}

const hostRule = "must have hosts without blanks, commas, brackets and backslashes";

/** Such characters would not survive the texts in which servers tell each other of their ensemble. */
function isHost(host: string): boolean {
  // deno-lint-ignore no-control-regex -- control characters are what it is about
  return /^[^\s,;|=\\[\]\u0000-\u001f\u007f]*$/.test(host) && host.isWellFormed();
}

function parsePort(text: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}
