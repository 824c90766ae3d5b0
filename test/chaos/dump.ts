/** Reads a server's whole tree, to compare servers and to judge a history by. */
import { connect, ErrorCode, ZkError } from "../../mod.ts";
import { JuteReader } from "../../src/jute/reader.ts";
import { JuteWriter } from "../../src/jute/writer.ts";
import { OpCode } from "../../src/protocol/op_code.ts";
import { decodeStat } from "../../src/protocol/stat.ts";
import type { DumpedNode, Tree } from "./history.ts";

const batch = 250;
const longData = 200;
/** Each server writes its own: by its own clock, and here with the addresses it alone is told. */
const ownPath = "/zookeeper/config";

/**
 * Reads everything but `/zookeeper/config` from one server, behind a sync.
 *
 * @throws {ZkError} The server does not serve.
 */
export async function dumpTree(server: string): Promise<Tree> {
  await using zk = await connect(server, { sessionTimeoutMs: 30_000, connectTimeoutMs: 20_000 });
  await zk.sync("/");
  const found: [string, DumpedNode][] = [];
  let level = ["/"];
  while (level.length > 0) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += batch) {
      const paths = level.slice(at, at + batch);
      const answers = await Promise.all(paths.map(async (path) => {
        const body = pathAndFlag(path);
        try {
          return await Promise.all([
            zk.rawRequest(OpCode.getData, body),
            zk.rawRequest(OpCode.getChildren, body),
          ]);
        } catch (error) {
          if (error instanceof ZkError && error.code === ErrorCode.noNode) return null; // Its session has just gone.
          throw error;
        }
      }));
      for (const [index, answer] of answers.entries()) {
        if (answer === null) continue;
        const path = paths[index];
        found.push([path, nodeOf(answer[0].body)]);
        const names = new JuteReader(answer[1].body).vector((reader) => reader.string() ?? "") ?? [];
        for (const name of names) {
          const child = path === "/" ? `/${name}` : `${path}/${name}`;
          if (child !== ownPath) next.push(child);
        }
      }
    }
    level = next;
  }
  return new Map(found.sort(([a], [b]) => a < b ? -1 : 1));
}

function nodeOf(bytes: Uint8Array): DumpedNode {
  const reader = new JuteReader(bytes);
  const data = reader.buffer();
  const stat = decodeStat(reader);
  const value = data === null
    ? null
    : data.length > longData
    ? `${data.length} bytes, hash ${Bun.hash(data)}`
    : new TextDecoder().decode(data);
  const { version, czxid, mzxid, ephemeralOwner } = stat;
  const fields = Object.entries(stat).map(([name, field]) =>
    `${name} ${name.endsWith("xid") || name === "ephemeralOwner" ? `0x${field.toString(16)}` : field}`
  );
  return {
    value,
    version,
    czxid,
    mzxid,
    ephemeralOwner,
    text: `${JSON.stringify(value)} ${fields.join(" ")}`,
  };
}

function pathAndFlag(path: string): Uint8Array {
  const writer = new JuteWriter(64);
  writer.string(path);
  writer.bool(false);
  return writer.copy();
}
