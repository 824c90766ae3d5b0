import type { AuthId } from "../../protocol/acl.ts";
import type { AuthProvider } from "./auth_provider.ts";

/** Scheme `ip`: an ACL entry names an address or a network `address/bits` (IPAuthenticationProvider). */
export class IpAuth implements AuthProvider {
  readonly scheme = "ip";
  readonly isAuthenticated = false;

  authenticate(_credential: Uint8Array, remoteAddress: string): readonly AuthId[] {
    return [{ scheme: this.scheme, id: remoteAddress }];
  }

  matches(id: string, aclId: string): boolean {
    const slash = aclId.indexOf("/");
    const network = addressBytes(slash < 0 ? aclId : aclId.slice(0, slash));
    const address = addressBytes(id);
    if (network === null || address === null || network.length !== address.length) return false;
    const bits = slash < 0 ? network.length * 8 : prefixBits(aclId.slice(slash + 1), network.length * 8);
    if (bits === null) return false;
    for (let bit = 0; bit < bits; bit += 8) {
      const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
      if (((network[bit >> 3] ^ address[bit >> 3]) & mask) !== 0) return false;
    }
    return true;
  }

  isValidAclId(aclId: string): boolean {
    const slash = aclId.indexOf("/");
    const address = addressBytes(slash < 0 ? aclId : aclId.slice(0, slash));
    return address !== null && (slash < 0 || prefixBits(aclId.slice(slash + 1), address.length * 8) !== null);
  }

  userOf(id: string): string {
    return id;
  }
}

function prefixBits(text: string, most: number): number | null {
  if (!/^\d{1,3}$/.test(text)) return null;
  const bits = Number(text);
  return bits <= most ? bits : null;
}

/** @returns 4 or 16 bytes of a numeric address, or null. */
function addressBytes(text: string): Uint8Array | null {
  return text.includes(":") ? ipv6Bytes(text) : ipv4Bytes(text);
}

function ipv4Bytes(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let index = 0; index < 4; index++) {
    if (!/^\d{1,3}$/.test(parts[index]) || Number(parts[index]) > 255) return null;
    bytes[index] = Number(parts[index]);
  }
  return bytes;
}

function ipv6Bytes(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const front = halves[0] === "" ? [] : halves[0].split(":");
  const back = halves.length < 2 || halves[1] === "" ? [] : halves[1].split(":");
  const given = front.length + back.length;
  if (halves.length === 1 ? given !== 8 : given > 7) return null;
  const groups = [...front, ...new Array<string>(8 - given).fill("0"), ...back];
  const bytes = new Uint8Array(16);
  for (let index = 0; index < 8; index++) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(groups[index])) return null;
    const value = parseInt(groups[index], 16);
    bytes[index * 2] = value >> 8;
    bytes[index * 2 + 1] = value & 0xff;
  }
  return bytes;
}
