import { encodeBase64 } from "../../base/base64.ts";
import type { Hasher } from "../../base/hash.ts";
import type { AuthId } from "../../protocol/acl.ts";
import type { AuthProvider } from "./auth_provider.ts";

/** Settings of scheme `digest`. */
export interface DigestAuthSettings {
  /** Hash by Java's name; `zookeeper.DigestAuthenticationProvider.digestAlg`. */
  readonly algorithm: string;
  /** `super:<base64>` whose owner may do everything, or null. */
  readonly superDigest: string | null;
}

/**
 * Scheme `digest`: ids are `user:base64(hash("user:password"))` (DigestAuthenticationProvider).
 *
 * It never refuses: an unknown password is simply another id.
 */
export class DigestAuth implements AuthProvider {
  readonly scheme = "digest";
  readonly isAuthenticated = true;
  readonly #hasher: Hasher;
  readonly #settings: DigestAuthSettings;

  constructor(hasher: Hasher, settings: DigestAuthSettings) {
    this.#hasher = hasher;
    this.#settings = settings;
  }

  authenticate(credential: Uint8Array): readonly AuthId[] {
    const text = new TextDecoder().decode(credential);
    const id = digestId(this.#hasher, this.#settings.algorithm, text);
    const own = { scheme: this.scheme, id };
    return id === this.#settings.superDigest ? [{ scheme: "super", id: "" }, own] : [own];
  }

  matches(id: string, aclId: string): boolean {
    return id === aclId;
  }

  isValidAclId(aclId: string): boolean {
    const parts = aclId.split(":");
    // Java's split drops empty parts at the end.
    while (parts.length > 0 && parts[parts.length - 1] === "") parts.pop();
    return parts.length === 2;
  }

  userOf(id: string): string {
    const colon = id.indexOf(":");
    return colon < 0 ? id : id.slice(0, colon);
  }
}

/** @returns The id that `user:password` proves: `user:base64(hash)`; the user is what stands before the first colon. */
export function digestId(hasher: Hasher, algorithm: string, userAndPassword: string): string {
  const colon = userAndPassword.indexOf(":");
  const user = colon < 0 ? userAndPassword : userAndPassword.slice(0, colon);
  return `${user}:${encodeBase64(hasher.digest(algorithm, new TextEncoder().encode(userAndPassword)))}`;
}
