import type { Acl, AuthId } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import type { AuthProvider } from "./auth_provider.ts";

/**
 * Who may do what: checks a client's ids against ACLs, and puts the ACLs that clients send into the form that
 * is stored. (ZooKeeperServer.checkACL, PrepRequestProcessor.fixupACL)
 */
export class Access {
  readonly #providers = new Map<string, AuthProvider>();
  readonly #skipAcl: boolean;

  /** @param skipAcl `zookeeper.skipACL`: every check passes; ACLs sent must still be valid. */
  constructor(providers: readonly AuthProvider[], skipAcl: boolean) {
    for (const provider of providers) this.#providers.set(provider.scheme, provider);
    this.#skipAcl = skipAcl;
  }

  provider(scheme: string): AuthProvider | undefined {
    return this.#providers.get(scheme);
  }

  /** @returns Whether a client holding `ids` has at least one of the permission bits `perms`. */
  allows(acl: readonly Acl[], perms: number, ids: readonly AuthId[]): boolean {
    if (this.#skipAcl || acl.length === 0) return true;
    for (let index = 0; index < ids.length; index++) if (ids[index].scheme === "super") return true;
    for (let index = 0; index < acl.length; index++) {
      const entry = acl[index];
      if ((entry.perms & perms) === 0) continue;
      if (entry.scheme === "world" && entry.id === "anyone") return true;
      const provider = entry.scheme === null ? undefined : this.#providers.get(entry.scheme);
      if (provider === undefined) continue;
      for (let held = 0; held < ids.length; held++) {
        const id = ids[held];
        if (id.scheme === entry.scheme && provider.matches(id.id ?? "", entry.id ?? "")) return true;
      }
    }
    return false;
  }

  /**
   * Checks the list a client sent and puts the client's own ids in place of entries of scheme `auth`.
   *
   * @returns The list to store, or the error to answer: -114; or -5 for a world entry without an id, as Apache does,
   *   and for a list that no txn could hold.
   */
  storable(acl: readonly Acl[] | null, ids: readonly AuthId[]): readonly Acl[] | ErrorCode {
    if (acl === null || acl.length === 0) return ErrorCode.invalidACL;
    const stored: Acl[] = [];
    const seen = acl.length > 1 ? new Set<string>() : null;
    for (let index = 0; index < acl.length; index++) {
      const entry = acl[index];
      if (seen !== null) {
        const key = keyOf(entry);
        if (seen.has(key)) continue;
        seen.add(key);
      }
      if (entry.scheme === null) return ErrorCode.invalidACL;
      if (entry.scheme === "world" && entry.id === null) return ErrorCode.marshallingError;
      if (entry.scheme === "world" && entry.id === "anyone") {
        stored.push(entry);
      } else if (entry.scheme === "auth") {
        const before = stored.length;
        for (const id of ids) {
          if (id.scheme !== null && this.#providers.get(id.scheme)?.isAuthenticated === true) {
            stored.push({ perms: entry.perms, scheme: id.scheme, id: id.id });
          }
        }
        if (stored.length > storedMax) return ErrorCode.marshallingError;
        if (stored.length === before) return ErrorCode.invalidACL;
      } else {
        const provider = this.#providers.get(entry.scheme);
        if (provider === undefined || !provider.isValidAclId(entry.id ?? "")) return ErrorCode.invalidACL;
        stored.push(entry);
      }
    }
    return stored;
  }
}

/** Entries of a stored list: more do not fit any txn, and ids times entries could be more than memory holds. */
const storedMax = 200_000;

/** @returns What equal entries have in common, and others not. */
function keyOf({ perms, scheme, id }: Acl): string {
  return `${perms} ${scheme?.length} ${scheme}${id === null ? "" : `:${id}`}`;
}
