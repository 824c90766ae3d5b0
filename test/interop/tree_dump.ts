/**
 * All that clients can learn of a server's tree, to compare two servers: paths, data, ACLs and stats.
 */
import { ConnectionLost, type Target } from "../wire/connection.ts";
import type { ConnectFields } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";

/** zoo.cfg line that makes {@linkcode superCredentials} the super user's, who may read everything. */
export const superCfg: Record<string, string> = {
  "DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
};
const superCredentials = "super:test";

/** One znode; a field each, so that a difference is shown as one. */
export interface DumpedZnode {
  /** Hexadecimal; long data by its length and hash. */
  data: string | null;
  /** `perms scheme:id` of each entry. */
  acl: string[];
  /** All eleven fields. */
  stat: Record<string, string>;
}

/** Path → znode, in order of paths. */
export type TreeDump = Record<string, DumpedZnode>;

/** Opens a session that may read everything. */
export async function openSuper(target: Target, fields: ConnectFields = {}): Promise<WireSession> {
  const session = await WireSession.open(target, fields);
  const answer = await session.auth("digest", superCredentials);
  if (answer.lost) throw new ConnectionLost("The connection ended before the super user was let in");
  if (answer.name !== "OK") throw new Error(`The super user is refused: ${answer.name}`);
  return session;
}

/** Reads the whole tree through a session of its own, level by level. */
export async function dumpTree(target: Target): Promise<TreeDump> {
  const session = await openSuper(target);
  const found: [string, DumpedZnode][] = [];
  let level = ["/"];
  while (level.length > 0) {
    const answers = await Promise.all(
      level.map((path) =>
        Promise.all([session.getData(path), session.getACL(path), session.getChildren2(path)])
      ),
    );
    const next: string[] = [];
    answers.forEach(([data, acl, children], i) => {
      const path = level[i];
      found.push([path, {
        data: data.body.data === null ? null : textOf(data.body.data),
        acl: acl.body.acl.map((one) => `${one.perms} ${one.scheme}:${one.id}`),
        stat: Object.fromEntries(
          Object.entries(data.body.stat).map(([name, value]) => [name, String(value)]),
        ),
      }]);
      for (const name of children.body.children) next.push(path === "/" ? `/${name}` : `${path}/${name}`);
    });
    level = next;
  }
  await session.close();
  return Object.fromEntries(found.sort(([a], [b]) => a < b ? -1 : 1));
}

function textOf(data: Uint8Array): string {
  const bytes = Buffer.from(data);
  return bytes.length <= 200 ? bytes.toString("hex") : `${bytes.length} bytes, hash ${Bun.hash(bytes)}`;
}
