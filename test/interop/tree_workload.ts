/**
 * Writes that leave behind every kind of txn and znode there is, for data directories that change hands.
 */
import { createFlags, errorCode, perms } from "../wire/codes.ts";
import type { Target } from "../wire/connection.ts";
import { type Acl, type ConnectFields, openAcl, subOps } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { openSuper } from "./tree_dump.ts";

/** zoo.cfg for servers that run the workload: sessions outlive the test, logs and snapshots are many. */
export const workloadCfg: Record<string, string> = {
  extendedTypesEnabled: "true",
  maxSessionTimeout: "3600000",
  snapCount: "100",
  // In KB: the directories are copied again and again.
  preAllocSize: "256",
  "autopurge.purgeInterval": "0",
};

/** The session that a workload left open, with its ephemerals. */
export interface LeftSession {
  ticket: ConnectFields;
  ephemerals: string[];
}

const hour = 3_600_000;

/**
 * Runs the workload below `/<stage>` and leaves one session open, cut off from its connection.
 *
 * Some 600 txns: creates of all kinds, sets, ACL changes, deletes, multis that succeed and fail, refused
 * writes (which are logged as well), sessions that come and go, quotas, odd names and sizes.
 */
export async function runWorkload(target: Target, stage: string): Promise<LeftSession> {
  const root = `/${stage}`;
  const main = await openSuper(target, { timeoutMs: hour });
  const done = async (answers: Promise<{ name: string }>[], expected = "OK") => {
    for (const answer of await Promise.all(answers)) {
      if (answer.name !== expected) throw new Error(`A write answered ${answer.name}, not ${expected}`);
    }
  };

  await done([
    main.create(root, { data: "root of a stage" }),
    main.create(`${root}/null`, { data: null }),
    main.create(`${root}/empty`, { data: "" }),
    main.create(`${root}/binary`, { data: Uint8Array.from({ length: 256 }, (_, i) => i) }),
    main.create(`${root}/large`, { data: new Uint8Array(300_000).fill(7) }),
    main.create(`${root}/ümläut-漢字`, { data: "漢" }),
    main.create(`${root}/with space and .dots..`, {}),
    main.create2(`${root}/create2`, { data: "2" }),
    main.createContainer(`${root}/container`, { data: "c" }),
    main.create(`${root}/container/child`),
    main.createTTL(`${root}/ttl`, BigInt(hour), { data: "t" }),
    main.createTTL(`${root}/ttl-`, BigInt(hour), { flags: createFlags.ttlSequential }),
  ]);

  // Enough to roll the log and to take a snapshot while more comes.
  for (let batch = 0; batch < 5; batch++) {
    await done(Array.from({ length: 60 }, (_, i) => {
      const n = batch * 60 + i;
      if (n % 6 === 1) return main.setData(`${root}/create2`, `value ${n}`);
      if (n % 6 === 4) return main.setData(`${root}/null`, n % 12 === 4 ? null : "", -1);
      return main.create(`${root}/seq-`, { data: `${n}`, flags: createFlags.sequential });
    }));
  }
  const sequence = (await main.getChildren(root)).body.children.filter((name) => name.startsWith("seq-"))
    .sort();
  await done(sequence.filter((_, i) => i % 5 === 0).map((name) => main.delete(`${root}/${name}`)));

  await done([main.auth("digest", `${stage}:secret`)]);
  const acls: Acl[][] = [
    [{ perms: perms.all, scheme: "auth", id: "" }],
    [{ perms: perms.read, scheme: "world", id: "anyone" }],
    [{ perms: perms.all, scheme: "digest", id: `${stage}:rlAaJkHUhPcQ5yYCU7l6q9gTDDw=` }, ...openAcl],
    [{ perms: perms.read | perms.write, scheme: "ip", id: "10.0.0.0/8" }, {
      perms: perms.admin,
      scheme: "ip",
      id: "127.0.0.1",
    }],
  ];
  await done(acls.map((acl, i) => main.create(`${root}/acl-${i}`, { acl, data: `${i}` })));
  await done(acls.map((acl, i) => main.setACL(`${root}/acl-${(i + 1) % acls.length}`, acl)));

  await done([main.multi([
    subOps.create(`${root}/multi`, "m"),
    subOps.create(`${root}/multi/child-`, "c", openAcl, createFlags.sequential),
    // No create2: Apache 3.8 acknowledges one in a multi and then drops it and what follows.
    subOps.create(`${root}/multi/two`, "2"),
    subOps.createContainer(`${root}/multi/container`),
    subOps.createTTL(`${root}/multi/ttl`, BigInt(hour)),
    subOps.setData(`${root}/multi`, "changed", 0),
    subOps.check(`${root}/multi`, 1),
    subOps.delete(`${root}/empty`, 0),
  ])]);
  const refused = await main.multi([
    subOps.create(`${root}/never`, ""),
    subOps.check(`${root}/multi`, 77),
    subOps.delete(`${root}/multi`, -1),
  ]);
  if (refused.body.entries[1].err !== errorCode.BADVERSION) {
    throw new Error("A multi with a wrong check was done");
  }
  await done([main.create(`${root}/multi`)], "NODEEXISTS");
  await done([main.delete(`${root}/multi`)], "NOTEMPTY");
  await done([main.setData(`${root}/none`, "")], "NONODE");
  await done([main.setACL(`${root}/multi`, openAcl, 9)], "BADVERSION");

  // What zkCli's setquota does.
  const quota = `/zookeeper/quota${root}`;
  await done([
    main.create(quota),
    main.create(`${quota}/zookeeper_limits`, { data: "count=100000,bytes=-1" }),
    main.create(`${quota}/zookeeper_stats`, { data: "count=1,bytes=1" }),
  ]);
  await done([main.create(`${root}/under-quota`, { data: "counted" })]);

  const passing = await WireSession.open(target, { timeoutMs: hour });
  await done([passing.create(`${root}/goes-with-its-session`, { flags: createFlags.ephemeral })]);
  await passing.close();
  const vanished = await WireSession.open(target, { timeoutMs: hour });
  await done([vanished.create(`${root}/owner-is-gone`, { flags: createFlags.ephemeral })]);
  await vanished.vanish();

  const staying = await WireSession.open(target, { timeoutMs: hour });
  const ephemerals = [`${root}/e1`, `${root}/e2`, `${root}/e-0000000000`];
  await done([
    staying.create(`${root}/e1`, { flags: createFlags.ephemeral, data: "ephemeral" }),
    staying.create(`${root}/e2`, { flags: createFlags.ephemeral, acl: acls[1] }),
  ]);
  const numbered = (await staying.create(`${root}/e-`, { flags: createFlags.ephemeralSequential })).body.path;
  ephemerals[2] = numbered;
  await staying.vanish();
  await main.close();
  return { ticket: staying.ticket, ephemerals: ephemerals.sort() };
}

/** Names of the children that {@linkcode writeUntilCut} makes. */
export const cutPrefix = "written-";

/**
 * Keeps sequential creates in flight below `root` until the connection ends, calling `underWay` once the first
 * have been acknowledged.
 *
 * @returns The paths that were acknowledged.
 */
export async function writeUntilCut(target: Target, root: string, underWay: () => void): Promise<string[]> {
  const session = await WireSession.open(target, { timeoutMs: hour });
  const acknowledged: string[] = [];
  const lane = async (): Promise<void> => {
    for (;;) {
      const answer = await session.create(`${root}/${cutPrefix}`, {
        data: "x".repeat(50),
        flags: createFlags.sequential,
      });
      if (answer.name === "CLOSED") return;
      acknowledged.push(answer.body.path);
      if (acknowledged.length === 200) underWay();
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  return acknowledged;
}
