/**
 * Data directories change hands: what one server wrote, another opens, with the same tree.
 *
 * Each directory is copied before it is opened, and opened by the server that wrote it too: what that one makes
 * of its own files, killed in the middle of writing, is what the others are held to.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApacheVersion, fourLetterWord, type RunningServer } from "./apache_server.ts";
import { apacheProgram, runProgram } from "./client_programs.ts";
import { type Flavor, startFlavor, target } from "./target.ts";
import { dumpTree, superCfg, type TreeDump } from "./tree_dump.ts";
import { type LeftSession, runWorkload, workloadCfg, writeUntilCut } from "./tree_workload.ts";
import { WireSession } from "../wire/session.ts";

const scratch = mkdtempSync(join(tmpdir(), "zoon-swap-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const apaches: Flavor[] = ["apache-3.8", "apache-3.9.5"];
/** The server under test and both of Apache's, each once. */
const everyone: Flavor[] = [target, ...apaches.filter((flavor) => flavor !== target)];

let directories = 0;
function freshDirectory(): string {
  return join(scratch, String(++directories));
}

function copyOf(directory: string): string {
  const copy = freshDirectory();
  cpSync(directory, copy, { recursive: true });
  return copy;
}

/** Starts a server on a directory. Apache takes the compression as a property, as all in Table B. */
function open(flavor: Flavor, dataDir: string, cfg: Record<string, string> = {}): Promise<RunningServer> {
  return startFlavor(flavor, { dataDir, cfg: { ...superCfg, ...workloadCfg, ...cfg } });
}

/** What a server made of a directory. */
interface Opened {
  tree: TreeDump;
  digestMismatches: number | undefined;
  /** Ephemerals of the session that was left open, after it came back with its old password. */
  ephemerals: string[];
}

async function openAndRead(flavor: Flavor, dataDir: string, left: LeftSession): Promise<Opened> {
  const server = await open(flavor, dataDir);
  try {
    const tree = await dumpTree(server);
    const session = await WireSession.open(server, left.ticket);
    const ephemerals = (await session.getEphemerals("/")).body.paths.sort();
    await session.vanish();
    return { tree, digestMismatches: await digestMismatches(server), ephemerals };
  } finally {
    await server.kill();
  }
}

async function digestMismatches(server: RunningServer): Promise<number | undefined> {
  expect(server.log()).not.toContain("igest mismatch");
  expect(server.log()).not.toContain("Digests are not matching");
  const line = /^zk_digest_mismatches_count\t(\d+)$/m.exec(await fourLetterWord(server, "mntr"));
  return line === null ? undefined : Number(line[1]);
}

interface Written {
  directory: string;
  left: LeftSession;
  acknowledged: string[];
}

/** Lets a server write, kills it while more is written, and returns what it had promised. */
async function write(flavor: Flavor, cfg: Record<string, string>): Promise<Written> {
  const directory = freshDirectory();
  const server = await open(flavor, directory, cfg);
  const left = await runWorkload(server, "swap");
  const cut = Promise.withResolvers<void>();
  const writing = writeUntilCut(server, "/swap", cut.resolve);
  await cut.promise;
  await server.kill();
  return { directory, left, acknowledged: await writing };
}

const writers: { flavor: Flavor; compression: string }[] = [
  { flavor: "apache-3.8", compression: "" },
  { flavor: "apache-3.8", compression: "snappy" },
  { flavor: "apache-3.9.5", compression: "" },
  { flavor: "apache-3.9.5", compression: "gz" },
  ...(target === "zoon" ? ["", "gz"].map((compression) => ({ flavor: target, compression })) : []),
];

for (const { flavor: writer, compression } of writers) {
  const kind = compression === "" ? "plain" : compression;
  const readers = [writer, ...everyone.filter((flavor) => flavor !== writer)]
    .filter((flavor) => writer === target || flavor === writer || flavor === target);

  test(`what ${writer} wrote with ${kind} snapshots and a kill -9, ${readers.slice(1).join(" and ")} opens`, async () => {
    const cfg: Record<string, string> = compression === ""
      ? {}
      : { "snapshot.compression.method": compression };
    const { directory, left, acknowledged } = await write(writer, cfg);
    const files = readdirSync(join(directory, "version-2"));
    expect(files.filter((name) => name.startsWith("log.")).length).toBeGreaterThan(2);
    const suffix = compression === ""
      ? /^snapshot\.[0-9a-f]+$/
      : new RegExp(`^snapshot\\..*\\.${compression}$`);
    expect(files.filter((name) => suffix.test(name)).length).toBeGreaterThan(1);

    const own = await openAndRead(writer, copyOf(directory), left);
    expect(Object.keys(own.tree)).toEqual(expect.arrayContaining(acknowledged));
    expect(own.ephemerals).toEqual(left.ephemerals);
    expect(Object.keys(own.tree)).toContain("/swap/owner-is-gone");
    expect(Object.keys(own.tree)).not.toContain("/swap/goes-with-its-session");
    for (const reader of readers.slice(1)) {
      expect(await openAndRead(reader, copyOf(directory), left)).toEqual(own);
    }
  });
}

test("a torn last record is dropped by all alike", async () => {
  const writer = target;
  const { directory, left } = await write(writer, {});
  const versionDir = join(directory, "version-2");
  const log = readdirSync(versionDir).filter((name) => name.startsWith("log."))
    .sort((a, b) => parseInt(a.slice(4), 16) - parseInt(b.slice(4), 16)).at(-1)!;
  const bytes = readFileSync(join(versionDir, log));
  let end = bytes.length;
  while (bytes[end - 1] === 0) end--;
  expect(bytes[end - 1]).toBe(0x42);
  for (const lost of [1, 20]) {
    truncateSync(join(versionDir, log), end - lost);
    const own = await openAndRead(writer, copyOf(directory), left);
    for (const reader of everyone.slice(1)) {
      expect(await openAndRead(reader, copyOf(directory), left)).toEqual(own);
    }
  }
});

test("a directory goes round: each opens what the one before left, and writes on", async () => {
  const round: { flavor: Flavor; leave: "stop" | "kill" }[] = [
    { flavor: "apache-3.8", leave: "kill" },
    { flavor: target, leave: "stop" },
    { flavor: "apache-3.9.5", leave: "stop" },
    { flavor: target, leave: "kill" },
    { flavor: "apache-3.8", leave: "stop" },
    { flavor: target, leave: "kill" },
  ];
  const directory = freshDirectory();
  let before: TreeDump | undefined;
  for (const [stage, { flavor, leave }] of round.entries()) {
    const server = await open(flavor, directory);
    if (before !== undefined) expect(await dumpTree(server)).toEqual(before);
    await runWorkload(server, `stage-${stage}`);
    before = await dumpTree(server);
    if (flavor !== "zoon") expect(await digestMismatches(server)).toBe(0);
    if (leave === "stop") await server.stop();
    else await server.kill({ keepData: true });
  }
  expect(Object.keys(before ?? {}).filter((path) => /^\/stage-\d$/.test(path))).toHaveLength(round.length);
});

describe("Apache's offline tools read what was written", () => {
  let written: Written;
  let tree: TreeDump;
  beforeAll(async () => {
    written = await write(target, {});
    const server = await open(target, copyOf(written.directory));
    tree = await dumpTree(server);
    await server.kill();
  });
  const filesOf = (prefix: string) => {
    const versionDir = join(written.directory, "version-2");
    return readdirSync(versionDir).filter((name) => name.startsWith(prefix))
      .sort((a, b) => parseInt(a.split(".")[1], 16) - parseInt(b.split(".")[1], 16))
      .map((name) => join(versionDir, name));
  };
  const versions: ApacheVersion[] = ["3.8", "3.9.5"];

  for (const version of versions) {
    test(`TxnLogToolkit ${version} lists every txn`, async () => {
      const listed: string[] = [];
      for (const log of filesOf("log.")) {
        const { stdout, stderr, code } = await runProgram(
          apacheProgram(version, "org.apache.zookeeper.server.persistence.TxnLogToolkit", "-d", log),
        );
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(stdout).not.toContain("CRC ERROR");
        const lines = stdout.split("\n").filter((line) => / zxid 0x[0-9a-f]+ /.test(line));
        expect(stdout).toContain(`EOF reached after ${lines.length} txns.`);
        listed.push(...lines);
      }
      const zxids = listed.map((line) => parseInt(/ zxid 0x([0-9a-f]+) /.exec(line)![1], 16));
      expect(zxids).toEqual(Array.from(zxids, (_, i) => i + 1));
      for (const path of written.acknowledged) {
        expect(listed.some((line) => line.includes(` ${path},`))).toBe(true);
      }
    });

    test(`SnapshotFormatter ${version} reads every snapshot`, async () => {
      for (const snapshot of filesOf("snapshot.")) {
        const { stdout, code } = await runProgram(
          apacheProgram(version, "org.apache.zookeeper.server.SnapshotFormatter", snapshot),
        );
        expect({ snapshot, code }).toEqual({ snapshot, code: 0 });
        const count = Number(/^ZNode Details \(count=(\d+)\):$/m.exec(stdout)?.[1]);
        const paths = [...stdout.matchAll(/^----\n(\/.*)$/gm)].map((match) => match[1]);
        // The tool counts the root twice.
        expect(count).toBe(new Set(paths).size + 1);
        // A fuzzy snapshot may hold what was deleted later.
        expect(paths.filter((path) => path in tree).length).toBeGreaterThan(3);
      }
    });
  }
});
