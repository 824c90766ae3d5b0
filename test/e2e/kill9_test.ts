/**
 * kill -9 under load: whatever was acknowledged is there after the restart, round after round on the same
 * directory.
 */
import { expect, test } from "bun:test";
import { createFlags } from "../wire/codes.ts";
import { type ConnectFields } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { freshPath, type ReadyServer, startServer } from "./process.ts";

const rounds = 5;
const writers = 6;
const inFlight = 32;
/** Each round is cut off once this many writes have been acknowledged, with more of them under way. */
const acknowledgedPerRound = 3000;

/** What one writer was promised. */
interface Promised {
  ticket: ConnectFields;
  ephemeral: string;
  /** Path → data of the sequence nodes. */
  created: Map<string, string>;
  deleted: Set<string>;
  counter: string;
  /** Version of the counter, whose data is the version. */
  version: number;
  zxidMax: bigint;
}

/** Writes until the server dies. */
async function write(server: ReadyServer, name: string, onAcknowledged: () => void): Promise<Promised> {
  const session = await WireSession.open(server, { timeoutMs: 60_000 });
  const promised: Promised = {
    ticket: session.ticket,
    ephemeral: `/ephemeral-${name}`,
    created: new Map(),
    deleted: new Set(),
    counter: `/counter-${name}`,
    version: 0,
    zxidMax: 0n,
  };
  const first = await Promise.all([
    session.create(promised.ephemeral, { flags: createFlags.ephemeral }),
    session.create(promised.counter, { data: "0" }),
  ]);
  expect(first.map((answer) => answer.name)).toEqual(["OK", "OK"]);

  let sent = 0;
  let version = 0;
  const lane = async (): Promise<void> => {
    for (;;) {
      const n = sent++;
      if (n % 8 === 7) {
        const mine = ++version;
        const answer = await session.setData(promised.counter, String(mine));
        if (answer.lost) return;
        promised.version = Math.max(promised.version, answer.body.stat.version);
        promised.zxidMax = answer.zxid;
      } else if (n % 8 === 5 && promised.created.size > 100) {
        const [path] = promised.created.keys();
        const data = promised.created.get(path)!;
        // Whether it is there is open until the answer: neither list may hold it meanwhile.
        promised.created.delete(path);
        const answer = await session.delete(path);
        if (answer.lost) return;
        if (answer.name === "OK") promised.deleted.add(path);
        else promised.created.set(path, data);
      } else {
        const data = `${name} ${n}`;
        const answer = await session.create("/load/n-", { data, flags: createFlags.sequential });
        if (answer.lost) return;
        expect(promised.created.has(answer.body.path)).toBe(false);
        promised.created.set(answer.body.path, data);
        promised.zxidMax = answer.zxid;
      }
      onAcknowledged();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return promised;
}

/** Reads in batches, so that no wait depends on how much there is. */
async function readAll(session: WireSession, paths: string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < paths.length; at += 500) {
    const batch = paths.slice(at, at + 500);
    const answers = await Promise.all(batch.map((path) => session.getData(path)));
    answers.forEach((answer, i) => {
      if (answer.name === "OK") found.set(batch[i], answer.body.text);
    });
  }
  return found;
}

function sequenceOf(path: string): number {
  return Number(path.slice(-10));
}

test("nothing acknowledged is lost and nothing comes back, over several kills under load", async () => {
  const dataDir = freshPath();
  const kept = new Map<string, string>();
  const gone = new Set<string>();
  let sequenceMax = -1;
  let zxidMax = 0n;
  let total = 0;

  // A small snapCount makes logs roll and snapshots run while it happens.
  let server = await startServer(dataDir, ["--snap-count", "2000", "--log-level", "warn"]);
  const prepare = await WireSession.open(server);
  expect((await prepare.create("/load")).name).toBe("OK");
  await prepare.close();

  for (let round = 0; round < rounds; round++) {
    let acknowledged = 0;
    const enough = Promise.withResolvers<void>();
    const writing = Array.from({ length: writers }, (_, i) =>
      write(server, `${round}-${i}`, () => {
        if (++acknowledged === acknowledgedPerRound) enough.resolve();
      }));
    await Promise.race([enough.promise, ...writing]);
    expect(await server.stop("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
    const promised = await Promise.all(writing);
    expect(acknowledged).toBeGreaterThanOrEqual(acknowledgedPerRound);
    total += acknowledged;

    server = await startServer(dataDir, ["--snap-count", "2000", "--log-level", "warn"]);
    const reader = await WireSession.open(server, { timeoutMs: 60_000 });
    for (const one of promised) {
      for (const [path, data] of one.created) {
        // No number is given twice, not even over a restart.
        expect(kept.has(path) || gone.has(path)).toBe(false);
        kept.set(path, data);
        sequenceMax = Math.max(sequenceMax, sequenceOf(path));
      }
      for (const path of one.deleted) gone.add(path);
      zxidMax = one.zxidMax > zxidMax ? one.zxidMax : zxidMax;

      const counter = await reader.getData(one.counter);
      expect(counter.body.stat.version).toBeGreaterThanOrEqual(one.version);
      expect(counter.body.text).toBe(String(counter.body.stat.version));

      const again = await WireSession.open(server, one.ticket);
      expect(again.id).toBe(one.ticket.sessionId!);
      expect((await again.exists(one.ephemeral)).body.stat.ephemeralOwner).toBe(again.id);
      await again.close();
      expect((await reader.exists(one.ephemeral)).name).toBe("NONODE");
    }

    const children = (await reader.getChildren("/load")).body.children.map((name) => `/load/${name}`);
    const there = await readAll(reader, children);
    expect([...kept].filter(([path, data]) => there.get(path) !== data)).toEqual([]);
    expect(children.filter((path) => gone.has(path))).toEqual([]);
    // What was under way may have been done: it stays so from now on. A delete that was may not.
    for (const [path, data] of there) kept.set(path, data);
    for (const path of [...kept.keys()]) if (!there.has(path)) kept.delete(path);

    const next = await reader.create("/load/n-", { data: "next", flags: createFlags.sequential });
    expect(sequenceOf(next.body.path)).toBeGreaterThan(sequenceMax);
    expect(next.zxid).toBeGreaterThan(zxidMax);
    kept.set(next.body.path, "next");
    await reader.close();
  }
  console.log(`${total} acknowledged writes over ${rounds} kills, ${kept.size} znodes left`);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
}, 180_000);
