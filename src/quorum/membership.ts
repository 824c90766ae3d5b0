import { Hierarchical } from "./hierarchical.ts";
import { Majority } from "./majority.ts";
import type { Quorum, ServerId } from "./quorum.ts";

/** Where clients connect. */
export interface ClientAddress {
  /** Address or name to bind; "" means every address. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** Where the other servers reach a server. */
export interface EnsembleAddress {
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

/** One server of an ensemble, as a `server.N` line has it. */
export interface EnsembleServer {
  readonly id: ServerId;
  /** At least one; more only with `multiAddress.enabled`. */
  readonly addresses: readonly EnsembleAddress[];
  readonly observer: boolean;
  /** The part after `;`. A client address from anywhere else is not part of the membership. */
  readonly client: ClientAddress | undefined;
}

/**
 * Who belongs to an ensemble, and with what vote: the server.N, group.N and weight.N lines of zoo.cfg, of a dynamic
 * file or of a text from another server.
 */
export interface Membership {
  /** In the order of their ids. */
  readonly servers: readonly EnsembleServer[];
  /** Group of each server; undefined when every voter counts alike. */
  readonly groups: ReadonlyMap<ServerId, number> | undefined;
  /** Votes of each server that has a weight.N line; others have one. */
  readonly weights: ReadonlyMap<ServerId, number>;
  /**
   * Zxid of the reconfiguration that brought it, or of the first leader's epoch, or 0 for one that comes from a
   * configuration file alone.
   */
  readonly version: number;
}

/** @returns The servers that vote, in the order of their ids. */
export function votersOf(membership: Membership): EnsembleServer[] {
  return membership.servers.filter((server) => !server.observer);
}

/** @returns The servers that follow without a vote, in the order of their ids. */
export function observersOf(membership: Membership): EnsembleServer[] {
  return membership.servers.filter((server) => server.observer);
}

/** @returns The server of that id, or undefined when it is not a member. */
export function serverOf(membership: Membership, id: ServerId): EnsembleServer | undefined {
  return membership.servers.find((server) => server.id === id);
}

/**
 * How much a server's vote counts. Who counts nothing never leads (FastLeaderElection.totalOrderPredicate).
 *
 * @returns 0 for observers and strangers too, whatever their line says.
 */
export function weightOf(membership: Membership, id: ServerId): number {
  const server = serverOf(membership, id);
  if (server === undefined || server.observer) return 0;
  return membership.groups === undefined ? 1 : membership.weights.get(id) ?? 1;
}

/**
 * Which of a membership's voters suffice: a majority, or with groups a majority of the groups by a majority of
 * their weights. (QuorumPeerConfig.createQuorumVerifier)
 */
export function quorumOf(membership: Membership): Quorum {
  const voters = votersOf(membership).map((server) => server.id);
  if (membership.groups === undefined) return new Majority(voters);
  return new Hierarchical(voters, membership.groups, membership.weights);
}

/** @returns The same members under another version. */
export function withVersion(membership: Membership, version: number): Membership {
  return { ...membership, version };
}

/**
 * Whether two memberships have the same servers, addresses, roles, groups and weights; their versions do not matter.
 * Apache takes equal versions for equal memberships as well, which servers with differing files refute.
 * (QuorumMaj.equals, QuorumHierarchical.equals)
 */
export function sameMembership(left: Membership, right: Membership): boolean {
  if (left === right) return true;
  return comparable(left) === comparable(right);
}

/** Whether other servers reach a server for synchronization where they did before. */
export function sameQuorumAddresses(left: EnsembleServer, right: EnsembleServer): boolean {
  const listed = ({ addresses }: EnsembleServer) =>
    addresses.map(({ host, quorumPort }) => `${comparableHost(host)} ${quorumPort}`).sort().join(",");
  return listed(left) === listed(right);
}

/** The canonical text in which hosts that are spelled differently and mean the same are spelled alike. */
function comparable(membership: Membership): string {
  return membershipLines({
    ...membership,
    servers: membership.servers.map((server) => ({
      ...server,
      addresses: server.addresses.map((address) => ({ ...address, host: comparableHost(address.host) })),
      client: server.client && { ...server.client, host: comparableHost(server.client.host) },
    })),
  }).join("\n");
}

/**
 * @returns A host's one spelling: Java writes out IPv6 addresses with all their zeros, where a configuration file
 *   may have them short; names do not care about case.
 */
export function comparableHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.includes(":") ? longIPv6(lower) ?? lower : lower;
}

function longIPv6(host: string): string | undefined {
  const [address, ...zone] = host.split("%");
  const halves = address.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const parts = tail === undefined ? head : [...head, ...new Array<string>(missing).fill("0"), ...tail];
  if (!parts.every((part) => /^[0-9a-f]{1,4}$/.test(part))) return undefined;
  return [parts.map((part) => parseInt(part, 16).toString(16)).join(":"), ...zone].join("%");
}

/**
 * A membership as text, as it goes into notifications, NEWLEADER packets and the data of /zookeeper/config: a line for
 * each server, group and weight, and `version=<hexadecimal>` last, without a newline at the end. UTF-8 on the wire.
 * (QuorumMaj.toString, QuorumHierarchical.toString; the order of lines within a kind means nothing)
 */
export function membershipText(membership: Membership): string {
  return [...membershipLines(membership), `version=${membership.version.toString(16)}`].join("\n");
}

/** The lines of {@link membershipText} without the version: what a dynamic configuration file holds. */
export function membershipLines(membership: Membership): string[] {
  const lines = membership.servers.map((server) => `server.${server.id}=${serverText(server)}`);
  if (membership.groups === undefined) return lines;
  const members = new Map<number, ServerId[]>();
  for (const id of ascending(membership.groups.keys())) {
    const group = membership.groups.get(id)!;
    const list = members.get(group);
    if (list === undefined) members.set(group, [id]);
    else list.push(id);
  }
  for (const group of ascending(members.keys())) {
    lines.push(`group.${group}=${members.get(group)!.join(":")}`);
  }
  const voters = votersOf(membership).map((server) => server.id);
  for (const id of ascending(new Set([...voters, ...membership.weights.keys()]))) {
    lines.push(`weight.${id}=${membership.weights.get(id) ?? 1}`);
  }
  return lines;
}

function ascending(numbers: Iterable<number>): number[] {
  return [...numbers].sort((left, right) => left - right);
}

/** What follows `server.N=`: addresses in the order of their hosts, the role, the client address if it has one. */
export function serverText(server: EnsembleServer): string {
  const addresses = server.addresses
    .toSorted((left, right) => left.host < right.host ? -1 : left.host > right.host ? 1 : 0)
    .map(({ host, quorumPort, electionPort }) => `${bracketed(host)}:${quorumPort}:${electionPort}`)
    .join("|");
  const role = server.observer ? "observer" : "participant";
  const client = server.client === undefined ? "" : `;${bracketed(server.client.host)}:${server.client.port}`;
  return `${addresses}:${role}${client}`;
}

/** @returns The host as it stands before a port: an IPv6 address in brackets. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
