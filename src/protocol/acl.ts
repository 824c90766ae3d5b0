import type { JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";

/** Permission bits of an ACL entry (ZooDefs.Perms). */
export const Perms = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Who somebody is: a scheme such as `digest` and an id in it. Null where the wire had null. */
export interface AuthId {
  readonly scheme: string | null;
  readonly id: string | null;
}

/** One entry of an access control list. */
export interface Acl extends AuthId {
  /** Sum of {@link Perms}; not checked, 0 is legal. */
  readonly perms: number;
}

/** Everybody may do everything. */
export const openAcl: readonly Acl[] = [{ perms: Perms.all, scheme: "world", id: "anyone" }];

/** Everybody may read. */
export const readAcl: readonly Acl[] = [{ perms: Perms.read, scheme: "world", id: "anyone" }];

export function decodeAcl(reader: JuteReader): Acl {
  return { perms: reader.int(), scheme: reader.string(), id: reader.string() };
}

export function encodeAcl(writer: JuteWriter, acl: Acl): void {
  writer.int(acl.perms);
  writer.string(acl.scheme);
  writer.string(acl.id);
}
