import type { AuthId } from "../../protocol/acl.ts";

/** What a scheme of authentication knows: who a client is, and whom an ACL entry means (AuthenticationProvider). */
export interface AuthProvider {
  readonly scheme: string;
  /** Ids of this scheme replace an ACL entry of scheme `auth`. */
  readonly isAuthenticated: boolean;
  /**
   * Judges an `auth` request.
   *
   * @param credential What the client sent.
   * @param remoteAddress Where it comes from.
   * @returns The ids it has proved, or null to refuse.
   */
  authenticate(credential: Uint8Array, remoteAddress: string): readonly AuthId[] | null;
  /** @returns Whether a client's id is meant by an ACL entry's id. */
  matches(id: string, aclId: string): boolean;
  /** @returns Whether an ACL entry may carry this id. */
  isValidAclId(aclId: string): boolean;
  /** @returns The user's name within an id, for whoAmI. */
  userOf(id: string): string;
}
