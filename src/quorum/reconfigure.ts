import { parseId, parseServer } from "./member_lines.ts";
import {
  type ClientAddress,
  comparableHost,
  type EnsembleServer,
  type Membership,
  quorumOf,
  votersOf,
} from "./membership.ts";
import { MembershipTextError, parseMembershipText } from "./membership_text.ts";
import type { ServerId } from "./quorum.ts";

/** A client's wish for another membership, as it asks. (ReconfigRequest) */
export interface ReconfigRequest {
  /** Servers to add or to change: `server.N=…;client` between commas. */
  readonly joining: string | null;
  /** Ids to remove, between commas. */
  readonly leaving: string | null;
  /** The whole new membership, lines between commas or newlines; then the other two do not count. */
  readonly newMembers: string | null;
  /** Only if this is the version at present; -1 for whatever it is. */
  readonly fromVersion: number;
}

/** What a leader knows that decides over a change of its membership. */
export interface ReconfigState {
  /** The newest committed membership. */
  readonly committed: Membership;
  /** The newest proposed one; the committed one unless a change is under way. */
  readonly lastSeen: Membership;
  /** A change must leave two voters, as one alone would be standalone (`standaloneEnabled`). */
  readonly standaloneEnabled: boolean;
  /** Servers may have several addresses (`multiAddress.enabled`). */
  readonly multiAddress: boolean;
  /**
   * Whether a server is this leader itself, or follows it and is up to date, member or not: whether it will ack
   * what is proposed. An observer never does.
   */
  isSynced(id: ServerId): boolean;
}

/** Why a change is refused, and in which words to tell the operator. */
export interface ReconfigRefusal {
  readonly refused: "in progress" | "other version" | "bad arguments" | "no quorum";
  readonly reason: string;
}

/** Whether {@link reconfigure} refused. */
export function isRefusal(result: Membership | ReconfigRefusal): result is ReconfigRefusal {
  return "refused" in result;
}

/**
 * Works out the membership that a client asks for. The checks are in Apache's order. What makes Apache throw
 * something unforeseen, and answer MARSHALLINGERROR, is "bad arguments" here.
 *
 * @param version Version of the new membership: the zxid of the txn that will bring it.
 * @see Fact: PrepRequestProcessor.pRequest2Txn, case reconfig; Leader.isQuorumSynced
 */
export function reconfigure(
  request: ReconfigRequest,
  state: ReconfigState,
  version: number,
): Membership | ReconfigRefusal {
  const { committed, lastSeen } = state;
  if (lastSeen.version !== committed.version) {
    return {
      refused: "in progress",
      reason: `the change to version ${hex(lastSeen.version)} is not committed`,
    };
  }
  if (request.fromVersion !== -1 && request.fromVersion !== lastSeen.version) {
    const reason = `asked for from version ${hex(request.fromVersion)}, at version ${hex(lastSeen.version)}`;
    return { refused: "other version", reason };
  }
  const next = request.newMembers === null
    ? changedMembership(request, state, version)
    : wholeMembership(request.newMembers, version);
  if (typeof next === "string") return { refused: "bad arguments", reason: next };
  const problem = membershipProblem(next, state);
  if (problem !== undefined) return { refused: "bad arguments", reason: problem };

  const synced = new Set(votersOf(next).map(({ id }) => id).filter((id) => state.isSynced(id)));
  if (!quorumOf(next).contains(synced)) {
    const reason = `of its voters only ${[...synced].join(", ") || "none"} are connected and in step`;
    return { refused: "no quorum", reason };
  }
  return next;
}

/** @returns The membership, or what is wrong. */
function wholeMembership(text: string, version: number): Membership | string {
  try {
    return { ...parseMembershipText(text.replaceAll(",", "\n")), version };
  } catch (error) {
    if (error instanceof MembershipTextError) return error.message;
    throw error;
  }
}

/** @returns The membership without those who leave and with those who join, or what is wrong. */
function changedMembership(
  { joining, leaving }: ReconfigRequest,
  { lastSeen, multiAddress }: ReconfigState,
  version: number,
): Membership | string {
  if (lastSeen.groups !== undefined) return "servers in groups are changed by naming the whole membership";
  const servers = new Map(lastSeen.servers.map((server) => [server.id, server]));
  for (const text of items(leaving, ",")) {
    const id = parseId(text);
    if (id === undefined) return `"${text}" is not the id of a server`;
    servers.delete(id);
  }
  for (const text of items(joining, ",")) {
    const server = parseJoining(text, multiAddress);
    if (typeof server === "string") return `"${text}" ${server}`;
    for (const other of servers.values()) {
      const clash = other.id === server.id
        ? undefined
        : addressesOf(server).find((address) => addressesOf(other).includes(address));
      if (clash !== undefined) return `server ${server.id} would share ${clash} with server ${other.id}`;
    }
    servers.set(server.id, server);
  }
  const ordered = [...servers.values()].sort((left, right) => left.id - right.id);
  return { servers: ordered, groups: undefined, weights: new Map(), version };
}

/** As StringUtils.split: trimmed, and empty ones do not count. */
function items(list: string | null, separator: "," | "="): string[] {
  return (list ?? "").split(separator).map((item) => item.trim()).filter((item) => item !== "");
}

/** Reads `server.N=…`, of which Apache wants no more than that the id ends it. */
function parseJoining(text: string, multiAddress: boolean): EnsembleServer | string {
  const [key, value, ...rest] = items(text, "=");
  if (value === undefined || rest.length > 0) return "must look like server.N=host:port:port;clientPort";
  const id = parseId(key.slice(key.lastIndexOf(".") + 1));
  if (id === undefined) return "must be named server.N with N a whole number";
  const server = parseServer(id, value, multiAddress);
  if (typeof server !== "string" && server.client === undefined) return "must have a client port";
  return server;
}

/** What no two servers may share: host and port of all its addresses, but for those that each machine has. */
function addressesOf(server: EnsembleServer): string[] {
  const all: ClientAddress[] = server.addresses.flatMap(({ host, quorumPort, electionPort }) => [
    { host, port: quorumPort },
    { host, port: electionPort },
  ]);
  if (server.client !== undefined) all.push(server.client);
  return all.map(({ host, port }) => ({ host: comparableHost(host), port }))
    .filter(({ host }) => !isOwnOnEveryMachine(host))
    .map(({ host, port }) => `${host}:${port}`);
}

/** Wildcard and loopback addresses. (QuorumServer.excludedSpecialAddresses) */
function isOwnOnEveryMachine(host: string): boolean {
  return host === "" || host === "0.0.0.0" || host === "localhost" || host.startsWith("127.") ||
    host === "0:0:0:0:0:0:0:0" || host === "0:0:0:0:0:0:0:1";
}

function membershipProblem(next: Membership, state: ReconfigState): string | undefined {
  const voters = votersOf(next).length;
  const least = state.standaloneEnabled ? 2 : 1;
  if (voters < least) {
    const [left, needed] = [voters === 1 ? "voter" : "voters", least === 1 ? "is" : "are"];
    return `it would leave ${voters} ${left}, and ${least} ${needed} needed`;
  }
  const several = next.servers.find((server) => server.addresses.length > 1);
  if (several !== undefined && !state.multiAddress) {
    return `server ${several.id} has several addresses, which needs multiAddress.enabled=true`;
  }
  return undefined;
}

function hex(version: number): string {
  return `0x${version.toString(16)}`;
}
