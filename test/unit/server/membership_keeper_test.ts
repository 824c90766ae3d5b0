import { describe, expect, test } from "bun:test";
import { DiskError } from "../../../src/base/disk.ts";
import { seededRandom } from "../../../src/base/random.ts";
import type { EnsembleConfig } from "../../../src/config/server_config.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import type { Membership } from "../../../src/quorum/membership.ts";
import { membershipText } from "../../../src/quorum/membership.ts";
import { parseMembershipText } from "../../../src/quorum/membership_text.ts";
import { MembershipKeeper } from "../../../src/server/membership_keeper.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { load } from "../config/_load.ts";
import { RecordedLogger } from "../storage/_logs.ts";
import { create, entryOf } from "../tree/_txns.ts";

const zooCfg = "/conf/zoo.cfg";
const lines = (ids: readonly number[], role = "participant") =>
  ids.map((id) => `server.${id}=h${id}:2888:3888:${role};2181`);

/** A membership of these voters, and perhaps an observer. */
function membership(
  version: number,
  voters: readonly number[],
  observers: readonly number[] = [],
): Membership {
  const text = [...lines(voters), ...lines(observers, "observer"), `version=${version.toString(16)}`];
  return parseMembershipText(text.join("\n"));
}

const text = ["dataDir=/data", "clientPort=2181", "initLimit=5", "syncLimit=2", ...lines([1, 2, 3])].join(
  "\n",
);

/** A disk with the zoo.cfg of three servers whose membership may be changed, or may not. */
function diskWith(isChangeable = true): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(zooCfg, new TextEncoder().encode(`${text}\nreconfigEnabled=${isChangeable}\n`));
  return disk;
}

/** What server 1 begins with, by what is on the disk. */
function configOn(disk: MemoryDisk): EnsembleConfig {
  const files = Object.fromEntries(
    [...disk.files()].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)]),
  );
  const cfg = files[zooCfg];
  return load({
    cfg,
    files: { ...files, "zoo.cfg.dynamic.next": files[`${zooCfg}.dynamic.next`] },
    serverId: 1,
  })
    .config.ensemble!;
}

const logger = new RecordedLogger();

function keeperOn(disk: MemoryDisk): MembershipKeeper {
  return new MembershipKeeper({ self: 1, config: configOn(disk), zooCfg, disk, logger });
}

/** Versions of the committed and of the last-seen membership. */
const versions = ({ committed, lastSeen }: MembershipKeeper) => [committed.version, lastSeen.version];

const v1 = makeZxid(1, 0);
const v2 = makeZxid(2, 5);
const v3 = makeZxid(3, 1);

describe("a membership keeper", () => {
  test("counts by both memberships from a proposal to its commit, and by the new one then", () => {
    const keeper = keeperOn(diskWith());
    expect([keeper.isChanging, versions(keeper)]).toEqual([false, [0, 0]]);
    keeper.propose(membership(v2, [1, 4, 5]));
    expect([keeper.isChanging, versions(keeper)]).toEqual([true, [0, v2]]);
    expect(keeper.quorums.map(({ voters }) => voters)).toEqual([[1, 2, 3], [1, 4, 5]]);
    expect(keeper.forElection().quorums).toHaveLength(2);
    expect([keeper.find(2)?.id, keeper.find(4)?.id, keeper.find(9)]).toEqual([2, 4, undefined]);
    expect(keeper.commit(keeper.lastSeen)).toBe(true);
    expect([keeper.isChanging, versions(keeper)]).toEqual([false, [v2, v2]]);
    expect(keeper.quorums.map(({ voters }) => voters)).toEqual([[1, 4, 5]]);
    expect(keeper.find(2)).toBeUndefined();
  });

  test("goes by versions: what is older, or the same again, changes nothing", () => {
    const keeper = keeperOn(diskWith());
    keeper.commit(membership(v2, [1, 2, 3, 4]));
    for (const version of [0, v1, v2]) {
      keeper.propose(membership(version, [7, 8, 9]));
      expect(keeper.commit(membership(version, [7, 8, 9]))).toBe(false);
      if (version < v2) keeper.adopt(membership(version, [7, 8, 9]));
    }
    expect([versions(keeper), keeper.quorums.length]).toEqual([[v2, v2], 1]);
    keeper.propose(membership(v3, [1, 2]));
    keeper.propose(membership(v2 + 1, [7, 8, 9]));
    expect(versions(keeper)).toEqual([v2, v3]);
  });

  test("keeps a newer proposal when an older one is committed", () => {
    const keeper = keeperOn(diskWith());
    keeper.propose(membership(v3, [1, 2]));
    expect(keeper.commit(membership(v2, [1, 2, 4]))).toBe(true);
    expect(versions(keeper)).toEqual([v2, v3]);
  });

  test("forgets a proposal that its leader does not know", () => {
    const disk = diskWith();
    const keeper = keeperOn(disk);
    keeper.commit(membership(v1, [1, 2, 3]));
    keeper.propose(membership(v3, [1, 4, 5]));
    expect(configOn(disk).lastSeen?.version).toBe(v3);
    // The leader's own was committed here before.
    keeper.adopt(membership(v1, [1, 2, 3]));
    expect([versions(keeper), keeper.isChanging, keeper.quorums.length]).toEqual([[v1, v1], false, 1]);
    expect(configOn(disk).lastSeen).toBeUndefined();
    // The leader knows another one that is not committed yet.
    keeper.propose(membership(v3, [1, 4, 5]));
    keeper.adopt(membership(v2, [1, 2, 6]));
    expect([versions(keeper), keeper.quorums.map(({ voters }) => voters)]).toEqual([
      [v1, v2],
      [[1, 2, 3], [1, 2, 6]],
    ]);
    expect(configOn(disk).lastSeen?.version).toBe(v2);
    keeper.adopt(membership(v3 + 1, [1]));
    expect(versions(keeper)).toEqual([v1, v3 + 1]);
  });

  test("counts what its data says beside the files, which may be behind", () => {
    const disk = diskWith();
    const keeper = keeperOn(disk);
    keeper.commit(membership(v1, [1, 2, 3]));
    keeper.remember(membership(v2, [2, 3]), false);
    expect([versions(keeper), keeper.shown(false).version]).toEqual([[v1, v2], v1]);
    expect(configOn(disk).lastSeen?.version).toBe(v2);
    keeper.remember(membership(v1, [1, 2, 3]), false);
    expect(versions(keeper)).toEqual([v1, v2]);
  });

  test("takes an operator's list before what the data says, until a peer tells of one older than that", () => {
    const disk = diskWith();
    const keeper = keeperOn(disk);
    keeper.remember(membership(v2, [2, 3]), true);
    expect([versions(keeper), keeper.shown(false).version, keeper.quorums.length]).toEqual([[0, 0], v2, 1]);
    expect(keeper.commit(membership(v1, [1, 2, 3]))).toBe(true);
    expect([versions(keeper), keeper.shown(false).version]).toEqual([[v1, v2], v1]);
    expect(keeper.quorums.map(({ voters }) => voters)).toEqual([[1, 2, 3], [2, 3]]);
    disk.loseUnsynced();
    expect(versions(keeperOn(disk))).toEqual([v1, v2]);
  });

  test("forgets what the data says when a peer or a leader knows better", () => {
    for (const newer of [v2, v3]) {
      const told = keeperOn(diskWith());
      told.remember(membership(v2, [2, 3]), true);
      told.commit(membership(newer, [1, 2, 4]));
      expect([versions(told), told.shown(false).version]).toEqual([[newer, newer], newer]);
    }
    const led = keeperOn(diskWith());
    led.remember(membership(v2, [2, 3]), true);
    led.adopt(membership(v1, [1, 2, 3]));
    led.commit(membership(v1, [1, 2, 3]));
    expect([versions(led), led.shown(false).version]).toEqual([[v1, v1], v1]);
  });

  test("counts what the data says even if the disk does not take it", () => {
    const disk = diskWith();
    const keeper = keeperOn(disk);
    keeper.remember(membership(v2, [2, 3]), true);
    disk.fault = () => "ENOSPC";
    expect(() => keeper.commit(membership(v1, [1, 2, 3]))).toThrow(DiskError);
    expect(versions(keeper)).toEqual([v1, v2]);
  });

  test("shows a proposal that the disk does not take, so that the data says it, until its end is decided", () => {
    const disk = diskWith();
    const keeper = keeperOn(disk);
    keeper.commit(membership(v1, [1, 2, 3]));
    disk.fault = () => "ENOSPC";
    expect(() => keeper.propose(membership(v2, [1, 4, 5]))).toThrow(DiskError);
    expect([versions(keeper), keeper.shown(false).version]).toEqual([[v1, v2], v2]);
    expect(keeper.shown(true).version).toBe(v1);
    expect(() => keeper.propose(membership(v3, [1, 4]))).toThrow(DiskError);
    expect(keeper.shown(false).version).toBe(v3);
    disk.fault = null;
    // Whoever is told of it again may not ack it before.
    keeper.propose(membership(v3, [1, 4]));
    expect([versions(keeper), keeper.shown(false).version]).toEqual([[v1, v3], v1]);
    expect(versions(keeperOn(disk))).toEqual([v1, v3]);
    disk.fault = () => "ENOSPC";
    expect(() => keeper.adopt(membership(v2, [1, 4, 5]))).toThrow(DiskError);
    expect(keeper.shown(false).version).toBe(v2);
    expect(() => keeper.commit(membership(v2, [1, 4, 5]))).toThrow(DiskError);
    expect([versions(keeper), keeper.shown(false).version]).toEqual([[v2, v2], v2]);
  });

  test("lets those lead that the committed membership lets", () => {
    const keeper = keeperOn(diskWith());
    const leading = () => [1, 2, 4].map((id) => keeper.mayLead(id));
    keeper.propose(membership(v1, [2, 3, 4], [1]));
    expect(leading()).toEqual([true, true, false]);
    keeper.commit(keeper.lastSeen);
    expect(leading()).toEqual([false, true, true]);
  });

  test("says what this server is by the committed membership", () => {
    const keeper = keeperOn(diskWith());
    expect(keeper.forElection()).toMatchObject({ self: 1, selfVotes: true, selfObserves: false });
    expect(keeper.forElection().weightOf(1)).toBe(1);
    keeper.propose(membership(v1, [2, 3], [1]));
    expect(keeper.own?.observer).toBe(false);
    keeper.commit(keeper.lastSeen);
    expect(keeper.own?.observer).toBe(true);
    expect(keeper.forElection()).toMatchObject({ selfVotes: false, selfObserves: true });
    expect(keeper.forElection().configText).toBe(membershipText(membership(v1, [2, 3], [1])));
    keeper.commit(membership(v2, [2, 3]));
    expect(keeper.own).toBeUndefined();
    expect(keeper.forElection()).toMatchObject({ selfVotes: false, selfObserves: false });
  });

  test("keeps this server's addresses while it is no member", () => {
    const keeper = keeperOn(diskWith());
    keeper.commit(membership(v1, [2, 3]));
    expect(keeper.own).toBeUndefined();
    expect(keeper.find(1)?.addresses[0].host).toBe("h1");
    const moved = parseMembershipText(
      `${lines([2, 3]).join("\n")}\nserver.1=elsewhere:1:2\nversion=200000000`,
    );
    keeper.commit(moved);
    keeper.commit(membership(v3, [2, 3]));
    expect(keeper.find(1)?.addresses[0].host).toBe("elsewhere");
  });

  test("changes nothing, and no file, without reconfigEnabled", () => {
    const disk = diskWith(false);
    const keeper = keeperOn(disk);
    const before = [...disk.files().keys()];
    keeper.backUp();
    keeper.propose(membership(v1, [1, 4, 5]));
    keeper.adopt(membership(v1, [1, 4, 5]));
    expect(keeper.commit(membership(v1, [1, 4, 5]))).toBe(false);
    expect([keeper.isChangeable, versions(keeper), [...disk.files().keys()]]).toEqual([
      false,
      [0, 0],
      before,
    ]);
  });

  test("keeps changes in memory where there is no zoo.cfg", () => {
    const disk = diskWith();
    const keeper = new MembershipKeeper({ self: 1, config: configOn(disk), zooCfg: undefined, disk, logger });
    const calls = disk.calls;
    keeper.backUp();
    keeper.propose(membership(v1, [1, 4, 5]));
    keeper.commit(keeper.lastSeen);
    expect([versions(keeper), disk.calls]).toEqual([[v1, v1], calls]);
  });
});

describe("what the next start knows", () => {
  test("is what was proposed, or committed, once that is told", () => {
    const disk = diskWith();
    const first = keeperOn(disk);
    // The first leader's epoch gives the membership of the zoo.cfg a version, and a file of its own.
    first.commit(membership(v1, [1, 2, 3]));
    first.propose(membership(v2, [1, 4, 5]));
    disk.loseUnsynced();
    const again = keeperOn(disk);
    expect([versions(again), again.quorums.map(({ voters }) => voters)]).toEqual([
      [v1, v2],
      [[1, 2, 3], [1, 4, 5]],
    ]);
    again.commit(again.lastSeen);
    disk.loseUnsynced();
    const third = keeperOn(disk);
    expect([versions(third), third.quorums.map(({ voters }) => voters)]).toEqual([[v2, v2], [[1, 4, 5]]]);
    third.propose(membership(v3, [1, 2]));
    third.adopt(membership(v2, [1, 4, 5]));
    disk.loseUnsynced();
    expect(versions(keeperOn(disk))).toEqual([v2, v2]);
  });

  test("is the state before or after, whichever call is the last before a crash", () => {
    /** What happens, and the versions that may be known when the machine stops meanwhile. */
    const changes: readonly [(keeper: MembershipKeeper) => void, readonly string[]][] = [
      [(keeper) => keeper.propose(membership(v3, [1, 4])), [`${v1},${v2}`, `${v1},${v3}`]],
      [(keeper) => keeper.commit(keeper.lastSeen), [`${v1},${v2}`, `${v2},${v2}`]],
      [(keeper) => keeper.commit(membership(v1 + 1, [1, 2, 3])), [`${v1},${v2}`, `${v1 + 1},${v2}`]],
      [(keeper) => keeper.adopt(keeper.committed), [`${v1},${v2}`, `${v1},${v1}`]],
    ];
    for (const [change, allowed] of changes) {
      for (let good = 0, isDone = false; !isDone; good++) {
        for (const loss of ["order", "sectors"] as const) {
          const disk = diskWith();
          const keeper = keeperOn(disk);
          keeper.commit(membership(v1, [1, 2, 3, 4]));
          keeper.propose(membership(v2, [1, 2, 4]));
          const before = disk.calls;
          disk.fault = ({ index }) => index >= before + good ? "EIO" : null;
          try {
            change(keeper);
            isDone = true;
          } catch (error) {
            if (!(error instanceof DiskError)) throw error;
          }
          disk.fault = null;
          // Until the machine stops, the server goes by what it was told.
          expect(`${versions(keeper)}`).toBe(allowed[1]);
          disk.crash(seededRandom(good), loss);
          expect(isDone ? allowed.slice(1) : allowed).toContain(`${versions(keeperOn(disk))}`);
        }
      }
    }
  });
});

describe("a txn", () => {
  const entry = (body: Parameters<typeof entryOf>[0]) => {
    const bytes = entryOf(body, { zxid: v2 });
    const moved = new Uint8Array(bytes.length + 9);
    moved.set(bytes, 4);
    return { zxid: v2, bytes: moved, start: 4, end: 4 + bytes.length };
  };
  const reconfig = (data: string | null) =>
    entry({
      type: OpCode.reconfig,
      path: "/zookeeper/config",
      data: data === null ? null : new TextEncoder().encode(data),
      version: -1,
    });

  test("of a reconfiguration brings a membership, others none", () => {
    const keeper = keeperOn(diskWith());
    const proposed = membership(v2, [1, 2, 7]);
    expect(keeper.proposedBy(reconfig(membershipText(proposed)), 2)).toEqual(proposed);
    expect(keeper.proposedBy(reconfig(null), 2)).toBeNull();
    expect(keeper.proposedBy(entry(create("/zookeeper/config")), 2)).toBeNull();
  });

  test("whose text is none is told of, and brings nothing", () => {
    const keeper = keeperOn(diskWith());
    logger.lines.length = 0;
    expect(keeper.proposedBy(reconfig("server.1=nonsense\nversion=1"), 2)).toBeNull();
    expect(keeper.read("", 3)).toBeNull();
    expect(logger.lines).toEqual([
      "warn A server sent a configuration that cannot be one",
      "warn A server sent a configuration that cannot be one",
    ]);
  });
});
