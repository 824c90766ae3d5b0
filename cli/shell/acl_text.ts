import { type Acl, Perms } from "../../mod.ts";
import type { Json } from "./command.ts";
import { showText } from "./show.ts";

/** Letters of the permissions in the order in which they are shown (ZKUtil.getPermString). */
const letters: readonly (readonly [string, number])[] = [
  ["c", Perms.create],
  ["d", Perms.delete],
  ["r", Perms.read],
  ["w", Perms.write],
  ["a", Perms.admin],
];

/** An ACL read from text, and what was wrong in it. */
export interface ParsedAcl {
  readonly acl: Acl[];
  /** One line per entry dropped or letter skipped. */
  readonly complaints: string[];
}

/**
 * Reads `scheme:id:perms,scheme:id:perms`. An entry is split at its first and last colon, so that ids may hold
 * colons. Faulty entries are dropped and named.
 *
 * @see Fact: AclParser
 */
export function parseAcl(text: string): ParsedAcl {
  const acl: Acl[] = [];
  const complaints: string[] = [];
  for (const entry of text.split(",")) {
    const first = entry.indexOf(":");
    const last = entry.lastIndexOf(":");
    if (first === last) {
      complaints.push(`${entry} does not have the form scheme:id:perm`);
      continue;
    }
    let perms = 0;
    for (const letter of entry.slice(last + 1)) {
      const bit = letters.find(([name]) => name === letter)?.[1];
      if (bit === undefined) complaints.push(`Unknown perm type: ${letter}`);
      else perms |= bit;
    }
    acl.push({ scheme: entry.slice(0, first), id: entry.slice(first + 1, last), perms });
  }
  return { acl, complaints };
}

/** @returns The letters of a sum of permissions, such as `cdrwa`. */
export function permsText(perms: number): string {
  return letters.filter(([, bit]) => (perms & bit) !== 0).map(([letter]) => letter).join("");
}

/**
 * Two lines per entry, as `getAcl` shows them: the id in jute's text form, which ends in a line feed, then the
 * permissions.
 *
 * @see Fact: GetAclCommand, ToStringOutputArchive.escapeString
 */
export function aclText(acl: readonly Acl[]): string {
  return acl.map(({ scheme, id, perms }) => `${juteText(scheme)},${juteText(id)}\n: ${permsText(perms)}`)
    .join("\n");
}

/** An ACL for `--json`. */
export function aclJson(acl: readonly Acl[]): Json {
  return acl.map(({ scheme, id, perms }) => ({ scheme, id, perms: permsText(perms) }));
}

const juteEscapes: Readonly<Record<string, string>> = {
  "\0": "%00",
  "\n": "%0A",
  "\r": "%0D",
  ",": "%2C",
  "}": "%7D",
  "%": "%25",
};

function juteText(text: string | null): string {
  return text === null ? "" : `'${showText(text.replace(/[\0\n\r,}%]/g, (char) => juteEscapes[char]))}`;
}
