/** What attacks on the ports between servers have in common. */
import type { Random } from "../differential/random.ts";
import type { Target } from "../wire/connection.ts";
import type { PeerSocket } from "./peer_wire.ts";

/** A server under attack. */
export interface PeerTarget {
  readonly id: number;
  readonly quorum: Target;
  readonly election: Target;
}

/** Settings of an attack. */
export interface PeerAttackOptions {
  readonly servers: readonly PeerTarget[];
  /** Who was last seen to lead; undefined when nobody was. */
  readonly leader: () => PeerTarget | undefined;
  /** The newest zxid that was seen. */
  readonly zxid: () => bigint;
  readonly random: Random;
  /** It may give itself out for a member; else it never uses a member's id. */
  readonly impersonates: boolean;
}

/** An attack; rejects when a server did not do what it owes, or with `Absent`. */
export type PeerAttack = (options: PeerAttackOptions) => Promise<void>;

/** An attack with its name, and how often it is drawn. */
export type WeightedAttack = readonly [weight: number, name: string, attack: PeerAttack];

/** Longest that a server may take to close what is nonsense at first sight, in ms; machines may be busy. */
export const closePatienceMs = 15_000;

/** Numbers of 64 bits at which something ends. */
const odd: readonly bigint[] = [
  0n,
  1n,
  -1n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1f_fffen,
  0x1f_ffffn,
  0x20_0000n,
  0x8_0000_0000_0000n,
  0xf_ffff_ffff_ffffn,
  0x10_0000_0000_0000n,
  0x1f_ffff_ffff_ffffn,
  0x20_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  -0x8000_0000_0000_0000n,
  0x7fff_ffff_0000_0000n,
];

/** A number of 64 bits, at an edge or anywhere. */
export function oddLong(random: Random): bigint {
  if (random.chance(60)) return random.pick(odd);
  const wide = (BigInt(random.next()) << 32n) | BigInt(random.next());
  return BigInt.asIntN(64, wide >> BigInt(random.below(64)));
}

/** A server id: a member's only when that is allowed. */
export function serverIdOf({ servers, random, impersonates }: PeerAttackOptions): bigint {
  if (impersonates && random.chance(80)) return BigInt(random.pick(servers).id);
  const drawn = random.chance(50) ? BigInt(random.between(4, 40)) : oddLong(random);
  return isMember(servers, drawn) ? 99n : drawn;
}

/** The same bytes, without a member's id at `offset` if that is not allowed: what was broken at random may be one. */
export function withoutMember(
  { servers, impersonates }: PeerAttackOptions,
  bytes: Uint8Array,
  offset: number,
): Uint8Array {
  if (impersonates || bytes.length < offset + 8) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (isMember(servers, view.getBigInt64(offset))) view.setBigInt64(offset, 99n);
  return bytes;
}

function isMember(servers: readonly PeerTarget[], id: bigint): boolean {
  return servers.some((server) => BigInt(server.id) === id);
}

/** The leader most of the time, any server else. */
export function targetOf({ servers, leader, random }: PeerAttackOptions): PeerTarget {
  const found = leader();
  return found !== undefined && random.chance(80) ? found : random.pick(servers);
}

/** Rejects when the server has not closed the connection in time. */
export async function owesClose(socket: PeerSocket, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    const message = `The server owes a close for ${closePatienceMs} ms ${what}`;
    timer = setTimeout(() => fail(new Error(message)), closePatienceMs);
  });
  await Promise.race([socket.ended, late]).finally(() => clearTimeout(timer));
}

/** Sends bytes one or a few at a time. */
export async function drip(socket: PeerSocket, bytes: Uint8Array, random: Random): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.isEnded;) {
    const size = random.between(1, 7);
    await socket.send(bytes.subarray(at, at + size));
    at += size;
    await Bun.sleep(random.below(3));
  }
}
