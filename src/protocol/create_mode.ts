import { containerOwner } from "./session_id.ts";

/** The flags word of a create request (CreateMode). */
export const CreateFlag = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTtl: 5,
  persistentSequentialWithTtl: 6,
} as const;

/** @returns Whether flags ask for the znode to go with its session. */
export function isEphemeralFlag(flags: number): boolean {
  return flags === CreateFlag.ephemeral || flags === CreateFlag.ephemeralSequential;
}

/** @returns Whether flags ask for a sequence suffix. */
export function isSequentialFlag(flags: number): boolean {
  return flags === CreateFlag.persistentSequential || flags === CreateFlag.ephemeralSequential ||
    flags === CreateFlag.persistentSequentialWithTtl;
}

/** @returns Whether flags ask for a time to live. */
export function isTtlFlag(flags: number): boolean {
  return flags === CreateFlag.persistentWithTtl || flags === CreateFlag.persistentSequentialWithTtl;
}

/** Largest time to live in milliseconds: 2^40 - 1 (EphemeralType.TTL). */
export const ttlMsMax = 0xffffffffff;

const ttlTop = -0x100000000000000n; // 0xFF00000000000000

/** @returns The owner value stored for a TTL znode: top byte 0xFF, low 40 bits the milliseconds. */
export function ttlOwner(ttlMs: number): bigint {
  return ttlTop | BigInt(ttlMs);
}

/** What a znode's stored ephemeralOwner says about its kind (EphemeralType.get). */
export type OwnerKind = "persistent" | "ephemeral" | "container" | "ttl";

/** How stored owner values are to be read. */
export interface OwnerRules {
  /** TTL znodes are on: owners with top byte 0xFF mean a TTL (`extendedTypesEnabled`). */
  readonly extendedTypes: boolean;
  /** Reads the form of 3.5.3, top bit and milliseconds (`emulate353TTLNodes`). */
  readonly emulate353Ttl: boolean;
}

/** @returns The kind of znode that a stored owner value means. */
export function ownerKind(owner: bigint, rules: OwnerRules): OwnerKind {
  if (owner === 0n) return "persistent";
  if (owner === containerOwner) return "container";
  if (rules.extendedTypes) {
    if (rules.emulate353Ttl && owner < 0n) return "ttl";
    if (looksLikeTtl(owner)) return "ttl";
  }
  return "ephemeral";
}

/** @returns Milliseconds to live that a TTL owner value carries. */
export function ttlMsOf(owner: bigint, rules: OwnerRules): number {
  return Number(rules.emulate353Ttl ? owner & 0x7fffffffffffffffn : owner & 0xffffffffffn);
}

/** Whether an owner is a time to live, where these are on; where they are off it may have been one. */
export function looksLikeTtl(owner: bigint): boolean {
  return ((owner >> 56n) & 0xffn) === 0xffn && ((owner >> 40n) & 0xffffn) === 0n;
}
