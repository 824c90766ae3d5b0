import type { ConfigProblem } from "./config_error.ts";
import type { ConfigEntry } from "./entries.ts";
import type { ClientAddress, EnsembleAddress, EnsembleServer, Membership } from "./server_config.ts";

/** Whether a key belongs to the server list (QuorumPeerConfig.parseDynamicConfig). */
export function isServerListKey(key: string): boolean {
  return key.startsWith("server.") || key.startsWith("group") || key.startsWith("weight");
}

/** The server list of a configuration and what is wrong with it. */
export interface ServerListResult {
  readonly membership: Membership;
  readonly problems: readonly ConfigProblem[];
}

/**
 * Reads server.N, group.N and weight.N lines; others are left alone.
 *
 * @param version Version of the list, from the dynamic file's name.
 * @see Fact: QuorumPeer.QuorumServer, QuorumMaj, QuorumHierarchical
 */
export function parseServerList(
  entries: Iterable<ConfigEntry>,
  { version, multiAddress }: { version: number; multiAddress: boolean },
): ServerListResult {
  const problems: ConfigProblem[] = [];
  const servers = new Map<number, EnsembleServer>();
  const whereOf = new Map<number, ConfigEntry>();
  const groups = new Map<number, number>();
  const weights = new Map<number, number>();
  let hierarchical = false;

  for (const entry of entries) {
    const { key, value } = entry;
    if (!isServerListKey(key)) continue;
    const number = parseId(key.slice(key.indexOf(".") + 1));
    if (number === undefined) {
      const kind = key.startsWith("server.") ? "server" : key.startsWith("group") ? "group" : "weight";
      problems.push({ ...entry, rule: `must be named ${kind}.N with N a whole number` });
    } else if (key.startsWith("server.")) {
      const server = parseServer(number, value, multiAddress);
      if (typeof server === "string") problems.push({ ...entry, rule: server });
      else servers.set(number, server);
      whereOf.set(number, entry);
    } else if (key.startsWith("group")) {
      hierarchical = true;
      for (const member of value.split(":")) {
        const id = parseId(member);
        if (id === undefined) {
          problems.push({ ...entry, rule: "must be server ids between colons, such as 1:2:3" });
        } else if (groups.has(id)) problems.push({ ...entry, rule: `puts server ${id} into a second group` });
        else groups.set(id, number);
      }
    } else {
      hierarchical = true;
      const weight = parseId(value);
      if (weight === undefined) {
        problems.push({ ...entry, rule: "must be a whole number, the votes of the server" });
      } else weights.set(number, weight);
    }
  }

  if (hierarchical) {
    for (const server of servers.values()) {
      if (server.observer || groups.has(server.id)) continue;
      problems.push({
        ...whereOf.get(server.id)!,
        rule: "must be in one of the groups, as there are groups",
      });
    }
  }
  const ordered = [...servers.values()].sort((left, right) => left.id - right.id);
  return {
    membership: { servers: ordered, groups: hierarchical ? groups : undefined, weights, version },
    problems,
  };
}

/** A server's id, group or weight: not negative. */
function parseId(text: string): number | undefined {
  if (!/^[0-9]{1,15}$/.test(text)) return undefined;
  return Number(text);
}

const form =
  "must look like host:quorumPort:electionPort, with :participant or :observer after it and ;clientPort or ;host:clientPort at the end if need be";

/** @returns The server, or the rule that its line breaks. */
function parseServer(id: number, line: string, multiAddress: boolean): EnsembleServer | string {
  const [serverPart, clientPart, ...rest] = line.split(";");
  if (rest.length > 0) return form;
  let client: ClientAddress | undefined;
  if (clientPart !== undefined) {
    client = parseClient(clientPart);
    if (client === undefined) return form;
  }
  const addressTexts = serverPart.split("|");
  if (addressTexts.length > 1 && !multiAddress) {
    return "names several addresses, which needs multiAddress.enabled=true";
  }

  const addresses: EnsembleAddress[] = [];
  let kind: string | undefined;
  for (const addressText of addressTexts) {
    const parts = splitAddress(addressText);
    if (parts === undefined || parts.length < 3 || parts.length > 4) return form;
    const quorumPort = parsePort(parts[1]);
    const electionPort = parsePort(parts[2]);
    if (quorumPort === undefined || electionPort === undefined) return "must have ports from 0 to 65535";
    if (quorumPort === electionPort) return "must have different quorum and election ports";
    addresses.push({ host: parts[0], quorumPort, electionPort });
    if (parts.length === 3) continue;
    const ownKind = parts[3].trim().toLowerCase();
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

/** Splits at colons, but not within the brackets of an IPv6 address (ConfigUtils.getHostAndPort). */
function splitAddress(text: string): string[] | undefined {
  if (!text.startsWith("[")) return text.split(":");
  const end = text.indexOf("]");
  if (end < 0 || text[end + 1] !== ":") return undefined;
  return [text.slice(1, end), ...text.slice(end + 2).split(":")];
}

function parsePort(text: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}
