/**
 * What must hold in any ensemble, whoever its members are: equal trees, sessions and watches that move between
 * members, expiry by the leader, reads behind a sync, and the ways in which a learner is brought up to date.
 */
import { expect } from "bun:test";
import { createFlags, opcode, watchMode } from "../wire/codes.ts";
import { bodies } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { type Member, type MixedEnsemble } from "./mixed_ensemble.ts";
import { until } from "../wire/until.ts";
import { dumpTree, type TreeDump } from "./tree_dump.ts";
import { runWorkload } from "./tree_workload.ts";

let names = 0;
/** A path that no check before has used. */
function freshPath(word: string): string {
  return `/${word}-${++names}`;
}

/** The tree of each running member, as each sees it behind a sync. */
export async function dumpsOf(ensemble: MixedEnsemble): Promise<Map<number, TreeDump>> {
  const dumps = new Map<number, TreeDump>();
  for (const member of ensemble.running) {
    const session = await WireSession.open(member);
    expect((await session.sync("/")).body.path).toBe("/");
    await session.close();
    const dump = await dumpTree(member);
    // Each server writes this one itself, at its own time.
    delete dump["/zookeeper/config"]?.stat.mtime;
    dumps.set(member.id, dump);
  }
  return dumps;
}

/** Where the trees of members differ from the first one's, in words. */
export function differences(dumps: Map<number, TreeDump>): string[] {
  const [[firstId, first], ...others] = dumps;
  return others.flatMap(([id, tree]) =>
    [...new Set([...Object.keys(first), ...Object.keys(tree)])]
      .filter((path) => !Bun.deepEquals(first[path], tree[path]))
      .map((path) =>
        `${path} is ${JSON.stringify(first[path])} at ${firstId} and ${JSON.stringify(tree[path])} at ${id}`
      )
  );
}

/**
 * Demands equal trees, and no txn whose digest a member found wrong.
 *
 * `digests: false` leaves the latter out: an Apache learner counts a mismatch when it gets a snapshot that was taken
 * while others wrote.
 *
 * @returns The tree.
 */
export async function expectSameTrees(
  ensemble: MixedEnsemble,
  what: { digests: boolean } = { digests: true },
): Promise<TreeDump> {
  const dumps = [...await dumpsOf(ensemble)];
  const [[, tree]] = dumps;
  for (const [, other] of dumps.slice(1)) expect(other).toEqual(tree);
  for (const member of what.digests ? ensemble.running : []) {
    expect([member.label, await member.metric("digest_mismatches_count")]).toEqual([member.label, "0"]);
    expect(member.log()).not.toContain("Digests are not matching");
  }
  return tree;
}

/** Runs the workload of all kinds of txns through one member. */
export async function expectWorkload(member: Member): Promise<void> {
  await runWorkload(member, freshPath(`workload-${member.id}`).slice(1));
}

/**
 * A session with ephemerals goes from member to member and is itself everywhere; the connection it left may no
 * longer write; when it is closed, its ephemerals are gone everywhere.
 */
export async function expectSessionMoves(members: Member[]): Promise<void> {
  const root = freshPath("moves");
  const [first, ...others] = [...members, members[0]];
  let session = await WireSession.open(first, { timeoutMs: 20_000 });
  const { id } = session;
  expect((await session.create(root)).name).toBe("OK");
  const made = [`${root}/first`];
  expect((await session.create(made[0], { flags: createFlags.ephemeral })).name).toBe("OK");
  for (const [step, member] of others.entries()) {
    const left = session;
    session = await WireSession.open(member, left.ticket);
    expect(session.id).toBe(id);
    await session.sync(root);
    for (const path of made) expect((await session.exists(path)).body.stat.ephemeralOwner).toBe(id);
    const path = `${root}/${step}-at-${member.id}`;
    expect((await session.create(path, { flags: createFlags.ephemeral })).name).toBe("OK");
    made.push(path);
    // A number of its own: Apache tells whose a commit is by session and xid, and both connections count from 1.
    const late = bodies.setData(root, "from where it was", -1);
    const answer = await left.request(opcode.setData, "stat", late, 1000 + step);
    expect(["SESSIONMOVED", "CLOSED"]).toContain(answer.name);
    await left.vanish();
    expect((await session.setData(root, "from where it is")).name).toBe("OK");
  }
  const wrong = await WireSession.tryOpen(others[0], { ...session.ticket, password: new Uint8Array(16) });
  expect(wrong.answer.timeoutMs).toBe(0);
  await wrong.vanish();
  expect((await session.getEphemerals(root)).body.paths.sort()).toEqual(made.sort());
  expect((await session.closeSession()).name).toBe("OK");
  await session.vanish();
  for (const member of members) {
    const look = await WireSession.open(member);
    await look.sync(root);
    expect((await look.getChildren(root)).body.children).toEqual([]);
    await look.close();
    const dead = await WireSession.tryOpen(member, session.ticket);
    expect(dead.answer.timeoutMs).toBe(0);
    await dead.vanish();
  }
}

/** Watches set at one member fire for what is written at another, and go with their session to a third. */
export async function expectWatchesMove(members: Member[]): Promise<void> {
  const [home, elsewhere] = members;
  const next = members[2] ?? elsewhere;
  const root = freshPath("watched");
  const writer = await WireSession.open(elsewhere);
  for (const path of [root, `${root}/data`, `${root}/gone`, `${root}/parent`]) {
    expect((await writer.create(path)).name).toBe("OK");
  }

  const watcher = await WireSession.open(home, { timeoutMs: 20_000 });
  await watcher.sync(root);
  await watcher.getData(`${root}/data`, true);
  await watcher.exists(`${root}/new`, true);
  await watcher.getChildren(`${root}/parent`, true);
  await writer.setData(`${root}/data`, "1");
  await writer.create(`${root}/new`);
  await writer.create(`${root}/parent/child`);
  expect(await watcher.waitEvents(3)).toEqual([
    `data ${root}/data`,
    `created ${root}/new`,
    `children ${root}/parent`,
  ]);

  const seen = await watcher.getData(`${root}/data`, true);
  await watcher.exists(`${root}/newer`, true);
  await watcher.getData(`${root}/gone`, true);
  await watcher.addWatch(`${root}/parent`, watchMode.recursive);
  await watcher.vanish();
  await writer.setData(`${root}/data`, "while away");
  await writer.delete(`${root}/gone`);

  const again = await WireSession.open(next, { ...watcher.ticket, lastZxidSeen: seen.zxid });
  expect(again.id).toBe(watcher.id);
  await again.sync(root);
  await again.setWatches2({
    relativeZxid: seen.zxid,
    data: [`${root}/data`, `${root}/gone`],
    exist: [`${root}/newer`],
    recursive: [`${root}/parent`],
  });
  expect((await again.waitEvents(2)).sort()).toEqual([`data ${root}/data`, `deleted ${root}/gone`]);
  await writer.create(`${root}/newer`);
  await writer.setData(`${root}/parent/child`, "2");
  expect(await again.waitEvents(2)).toEqual([`created ${root}/newer`, `data ${root}/parent/child`]);
  await again.close();
  await writer.close();
}

/**
 * Sessions that fall silent are ended by the leader wherever they were, with their ephemerals; one that only pings
 * stays, though it is not the leader who hears it.
 */
export async function expectExpiry(members: Member[], timeoutMs: number): Promise<void> {
  const root = freshPath("expiry");
  const judge = await WireSession.open(members[0]);
  await judge.create(root);
  const silent = await Promise.all(
    members.map(async (member) => {
      const session = await WireSession.open(member, { timeoutMs });
      expect(session.answer.timeoutMs).toBe(timeoutMs);
      expect((await session.create(`${root}/silent-${member.id}`, { flags: createFlags.ephemeral })).name)
        .toBe("OK");
      await session.vanish();
      return session;
    }),
  );
  const lively = await Promise.all(members.map((member) => WireSession.open(member, { timeoutMs })));
  for (const session of lively) {
    const name = `${root}/lively-`;
    await session.create(name, { flags: createFlags.ephemeralSequential });
  }
  let rounds = 0;
  await until("silent sessions to expire", async () => {
    // Twice the time that a silent one has, and until the silent ones are gone.
    rounds++;
    for (const session of lively) expect((await session.ping()).name).toBe("OK");
    await Bun.sleep(timeoutMs / 4);
    const { children } = (await judge.getChildren(root)).body;
    expect(children.filter((name) => name.startsWith("lively-"))).toHaveLength(lively.length);
    return rounds >= 8 && !children.some((name) => name.startsWith("silent-")) ? true : undefined;
  });
  for (const [i, member] of members.entries()) {
    for (const session of silent) {
      const back = await WireSession.tryOpen(member, session.ticket);
      expect(back.answer.timeoutMs).toBe(0);
      await back.vanish();
    }
    expect((await lively[i].exists(root)).name).toBe("OK");
    await lively[i].close();
  }
  await judge.close();
}

/** A read behind a sync at one member sees what was acknowledged at another before. */
export async function expectSyncedReads(members: Member[]): Promise<void> {
  const path = freshPath("synced");
  const sessions = await Promise.all(members.map((member) => WireSession.open(member)));
  await sessions[0].create(path);
  for (let round = 0; round < 10; round++) {
    for (const [i, writer] of sessions.entries()) {
      const data = `${round} by ${i}`;
      expect((await writer.setData(path, data)).name).toBe("OK");
      for (const reader of sessions) {
        expect((await reader.sync(path)).body.path).toBe(path);
        const read = (await reader.getData(path)).body;
        expect(Buffer.from(read.data ?? []).toString()).toBe(data);
      }
    }
  }
  for (const session of sessions) await session.close();
}

/** Requests sent without waiting, syncs among them, are done in order: each read sees the write before it and none behind. */
export async function expectPipelinedOrder(members: Member[]): Promise<void> {
  await Promise.all(members.map(async (member) => {
    const session = await WireSession.open(member);
    const path = freshPath("pipelined");
    const answers = [session.create(path), session.exists(`${path}-none`)];
    const reads = [];
    for (let i = 0; i < 100; i++) {
      answers.push(session.setData(path, String(i), i));
      reads.push(session.getData(path));
      if (i % 10 === 0) answers.push(session.setData(path, "refused", 5000));
      if (i % 4 === 0) answers.push(session.sync(path));
    }
    expect((await Promise.all(answers)).map((answer) => answer.name).filter((name) => name === "OK"))
      .toHaveLength(126);
    const read = (await Promise.all(reads)).map((answer) => answer.body);
    expect(read.map((body) => Buffer.from(body.data ?? []).toString())).toEqual(
      read.map((_, i) => String(i)),
    );
    const zxids = session.history.map((one) => one.zxid);
    expect(zxids).toEqual([...zxids].sort((a, b) => a < b ? -1 : a > b ? 1 : 0));
    await session.close();
  }));
}

/** How a learner was brought up to date. */
export type SyncKind = "DIFF" | "TRUNC" | "SNAP";

const learnerWords: Record<SyncKind, RegExp> = {
  DIFF: /Getting a diff from the leader/,
  TRUNC: /Truncating log to get in sync with the leader/,
  SNAP: /Getting a snapshot from leader/,
};

const leaderWords: Record<SyncKind, RegExp> = {
  DIFF: /Sending DIFF zxid=/,
  TRUNC: /Sending TRUNC /,
  SNAP: /Sending snapshot last zxid of peer/,
};

/**
 * The last way in which `learner` was synchronized, as the Apache servers among the two tell it: the learner by its
 * own log, the leader by that of its handlers. Undefined when neither is Apache.
 */
export function lastSync(learner: Member, leader: Member): SyncKind | undefined {
  const told = [
    learner.flavor === "zoon" ? undefined : lastWord(learner.log(), learnerWords),
    leader.flavor === "zoon" ? undefined : lastWord(leader.log(), leaderWords),
  ].filter((kind) => kind !== undefined);
  if (told.length === 2) expect(told[0]).toBe(told[1]);
  return told[0];
}

function lastWord(log: string, words: Record<SyncKind, RegExp>): SyncKind {
  const last = (kind: SyncKind) => [...log.matchAll(new RegExp(words[kind].source, "g"))].at(-1)?.index ?? -1;
  const [latest] = (Object.keys(words) as SyncKind[]).sort((a, b) => last(b) - last(a));
  if (last(latest) < 0) throw new Error(`No word of a synchronization in the log:\n${log.slice(-2000)}`);
  return latest;
}

/** Starts a member that was down and demands to see it synchronized like this. */
export async function expectJoin(ensemble: MixedEnsemble, id: number, kind: SyncKind): Promise<void> {
  const learner = ensemble.member(id);
  const leader = await ensemble.start(id);
  expect(leader.id).not.toBe(id);
  const seen = lastSync(learner, leader);
  expect([learner.label, leader.label, seen ?? kind]).toEqual([learner.label, leader.label, kind]);
}

/** Waits until nobody lags behind anybody: all running members have applied the same zxid. */
export async function caughtUp(ensemble: MixedEnsemble): Promise<void> {
  await until("everyone to have caught up", async () => {
    const zxids = await Promise.all(
      ensemble.running.map(async (member) => /^Zxid: (\w+)$/m.exec(await member.word("srvr"))?.[1]),
    );
    return zxids[0] !== undefined && zxids.every((zxid) => zxid === zxids[0]) ? true : undefined;
  });
}

/**
 * Cuts the leader off so that it logs writes which nobody else gets, then kills everyone.
 *
 * @returns The paths that it tried to create; nobody may ever see them.
 */
export async function leaveUncommitted(ensemble: MixedEnsemble): Promise<string[]> {
  const leader = await ensemble.settled();
  const session = await WireSession.open(leader);
  const others = ensemble.running.filter((member) => member !== leader);
  const paths = Array.from({ length: 5 }, () => freshPath("never"));
  await caughtUp(ensemble);
  for (const member of others) await member.pause();
  const answers = Promise.all(paths.map((path) => session.create(path)));
  await until(
    `member ${leader.label} to log what it proposed`,
    () => leader.hasLogged(paths[4]) || undefined,
  );
  await leader.kill();
  for (const answer of await answers) expect(answer.name).toBe("CLOSED");
  for (const member of others) await member.kill();
  return paths;
}

/** Writes some, so that a member that is down falls behind. */
export async function writeSome(member: Member, count: number, bytes = 20): Promise<void> {
  const session = await WireSession.open(member);
  const root = freshPath("some");
  expect((await session.create(root)).name).toBe("OK");
  const data = new Uint8Array(bytes).fill(0x2e);
  for (let done = 0; done < count; done += 100) {
    const answers = await Promise.all(
      Array.from(
        { length: Math.min(100, count - done) },
        (_, i) => session.create(`${root}/${done + i}`, { data }),
      ),
    );
    for (const answer of answers) expect(answer.name).toBe("OK");
  }
  await session.close();
}
