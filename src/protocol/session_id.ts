/**
 * A session's id: 64 bits, exact. As a signed bigint, the way the wire has it; machines that meet a session
 * often hold its object instead of looking it up by id.
 */
export type SessionId = bigint;

/** No session: what a client sends when it wants a new one. */
export const noSession: SessionId = 0n;

/**
 * The first session id a server gives out; each next one is one higher.
 *
 * @param serverId Low byte goes on top, so that servers never give out the same id; standalone uses 1.
 * @param nowMs A clock reading in milliseconds.
 * @see Fact: SessionTrackerImpl.initializeNextSessionId
 */
export function firstSessionId(serverId: number, nowMs: number): SessionId {
  const shifted = BigInt.asUintN(64, BigInt.asIntN(64, BigInt(Math.floor(nowMs)) << 24n)) >> 8n;
  const id = BigInt.asIntN(64, shifted | (BigInt(serverId & 0xff) << 56n));
  return id === containerOwner ? id + 1n : id;
}

/** The owner value that marks a container znode, which no session may have (EphemeralType.CONTAINER). */
export const containerOwner = -0x8000000000000000n;

const multiplier = 0x5deece66dn;
const mask48 = (1n << 48n) - 1n;

/**
 * The password that belongs to a session id: every server works it out again, none stores it. It is no
 * secret; it keeps a mistyped id from taking over a session.
 *
 * @returns 16 bytes: java.util.Random seeded with the id xor 0xB3415C00 (ZooKeeperServer.generatePasswd).
 */
export function sessionPassword(id: SessionId): Uint8Array {
  const password = new Uint8Array(16);
  let state = ((BigInt.asUintN(64, id) ^ 0xb3415c00n) ^ multiplier) & mask48;
  for (let at = 0; at < 16; at += 4) {
    state = (state * multiplier + 0xbn) & mask48;
    const word = Number((state >> 16n) & 0xffffffffn);
    password[at] = word;
    password[at + 1] = word >>> 8;
    password[at + 2] = word >>> 16;
    password[at + 3] = word >>> 24;
  }
  return password;
}

/** @returns An id's signed halves, the high one first. */
export function sessionIdHalves(id: SessionId): [high: number, low: number] {
  return [Number(BigInt.asIntN(32, id >> 32n)), Number(BigInt.asIntN(32, id))];
}

/** @returns `0x` and the id's 64 bits in lower-case hexadecimal, as logs and four-letter words show it. */
export function sessionIdToHex(id: SessionId): string {
  return `0x${BigInt.asUintN(64, id).toString(16)}`;
}
