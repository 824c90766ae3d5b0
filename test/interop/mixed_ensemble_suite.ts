/**
 * Ensembles of the server under test and one release of Apache ZooKeeper: who leads whom, how either catches up
 * with the other, and what clients see of it.
 *
 * Pointed at Apache itself (`--target`), the suite is judged by ensembles of Apache's two releases.
 */
import { afterEach, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  caughtUp,
  expectExpiry,
  expectJoin,
  expectPipelinedOrder,
  expectSameTrees,
  expectSessionMoves,
  expectSyncedReads,
  expectWatchesMove,
  expectWorkload,
  leaveUncommitted,
  writeSome,
} from "./ensemble_checks.ts";
import {
  expectLocalSessions,
  expectLocalSessionsOwnNothing,
  localSessionsCfg,
} from "./local_session_checks.ts";
import { type EnsembleOptions, type MemberSpec, MixedEnsemble } from "./mixed_ensemble.ts";
import { until } from "../wire/until.ts";
import { brokenPromises, figuresOf, StockLoad } from "./stock_load.ts";
import { type Flavor, startFlavor, target } from "./target.ts";
import { dumpTree, superCfg, type TreeDump } from "./tree_dump.ts";
import { workloadCfg } from "./tree_workload.ts";

/** Twice `tickTime`: the shortest session there is. */
const shortSessionMs = 1000;

/** What a server logs when it looks for a leader. */
const isLooking = /LOOKING|looking for a leader/;

/** Registers the tests of ensembles with one release of Apache ZooKeeper. */
export function testMixedEnsembles(peer: Flavor): void {
  let ensemble: MixedEnsemble | undefined;
  const create = async (specs: MemberSpec[], options: EnsembleOptions = {}): Promise<MixedEnsemble> => {
    ensemble = await MixedEnsemble.create(specs, options);
    return ensemble;
  };
  afterEach(async () => {
    await ensemble?.destroy();
    ensemble = undefined;
  });
  /** A test whose failure shows what the members logged. */
  const ensembleTest = (title: string, body: () => Promise<void>) =>
    test(title, async () => {
      try {
        await body();
      } catch (error) {
        console.error(await ensemble?.describe());
        throw error;
      }
    });

  ensembleTest(
    `one ${target} follows ${peer}, by SNAP and by DIFF, and serves all that clients ask`,
    async () => {
      const servers = await create([
        { id: 1, flavor: target },
        { id: 2, flavor: peer },
        { id: 3, flavor: peer },
      ]);
      await servers.start(2, 3);
      await writeSome(servers.member(2), 600);
      await expectJoin(servers, 1, "SNAP");
      await expectEverything(servers);

      await servers.member(1).stop();
      await writeSome(servers.member(2), 20);
      await expectJoin(servers, 1, "DIFF");
      await servers.member(1).kill();
      await writeSome(servers.member(3), 20);
      await expectJoin(servers, 1, "DIFF");
      await writeSome(servers.member(1), 20);
      await expectSameTrees(servers);
    },
  );

  ensembleTest(`${target} leads two ${peer}, which catch up by DIFF and SNAP`, async () => {
    const servers = await create([
      { id: 1, flavor: peer },
      { id: 2, flavor: peer },
      { id: 3, flavor: target },
    ]);
    await startLedBy(servers, 3);
    await expectEverything(servers);

    await servers.member(1).stop();
    await writeSome(servers.member(2), 20);
    await expectJoin(servers, 1, "DIFF");
    await servers.member(2).kill();
    await writeSome(servers.member(1), 20);
    await expectJoin(servers, 2, "DIFF");
    await servers.member(1).stop();
    servers.member(1).startAfresh();
    await writeSome(servers.member(3), 600, 2000);
    await expectJoin(servers, 1, "SNAP");
    await writeSome(servers.member(1), 20);
    const tree = await expectSameTrees(servers);
    await expectReadableByAll(servers, tree, peer);
  });

  ensembleTest(
    `what ${target} or ${peer} logged as a leader alone is cut off by the other, by TRUNC`,
    async () => {
      const servers = await create([
        { id: 1, flavor: peer },
        { id: 2, flavor: peer },
        { id: 3, flavor: target },
      ]);
      await startLedBy(servers, 3);
      await writeSome(servers.member(1), 20);
      const never = await leaveUncommitted(servers);
      expect((await servers.start(1, 2)).id).toBe(2);
      await expectJoin(servers, 3, "TRUNC");
      await writeSome(servers.member(3), 20);
      const first = await expectSameTrees(servers);
      expect(never.filter((path) => path in first)).toEqual([]);

      never.push(...await leaveUncommitted(servers));
      expect((await servers.start(1, 3)).id).toBe(3);
      await expectJoin(servers, 2, "TRUNC");
      await writeSome(servers.member(2), 20);
      const tree = await expectSameTrees(servers);
      expect(never.filter((path) => path in tree)).toEqual([]);

      // Once the others have gone on in a later epoch, Apache knows no help but a snapshot; Zoon cuts all the same.
      never.push(...await leaveUncommitted(servers));
      await servers.start(1, 2);
      await writeSome(servers.member(1), 20);
      await expectJoin(servers, 3, "SNAP");
      await caughtUp(servers);
      never.push(...await leaveUncommitted(servers));
      expect((await servers.start(1, 3)).id).toBe(3);
      await writeSome(servers.member(1), 20);
      await expectJoin(servers, 2, target === "zoon" ? "TRUNC" : "SNAP");
      await writeSome(servers.member(2), 20);
      const after = await expectSameTrees(servers);
      expect(never.filter((path) => path in after)).toEqual([]);
      for (const member of servers.members) {
        await member.stop();
        await servers.start(member.id);
      }
      expect(await expectSameTrees(servers)).toEqual(after);
    },
  );

  for (const [learner, leader] of [[target, peer], [peer, target]]) {
    ensembleTest(
      `what ${learner} missed beyond the memory of ${leader} comes from its log, by DIFF`,
      async () => {
        const servers = await create([
          { id: 1, flavor: learner },
          { id: 2, flavor: peer },
          { id: 3, flavor: leader },
        ], { cfg: { snapCount: "400" } });
        await startLedBy(servers, 3);
        // A snapshot that makes up for the logs behind it: they may be a third of its size.
        await writeSome(servers.member(3), 300, 10_000);
        await writeSome(servers.member(3), 500);
        await servers.member(1).stop();
        await writeSome(servers.member(3), 1000);
        await expectJoin(servers, 1, "DIFF");
        await writeSome(servers.member(1), 20);
        await expectSameTreesAfterLoad(servers);
      },
    );
  }

  ensembleTest(
    `two ${target} and one ${peer}: each is killed under load, and either leads the other`,
    async () => {
      const servers = await create([
        { id: 1, flavor: target },
        { id: 2, flavor: target },
        { id: 3, flavor: peer },
      ]);
      expect((await servers.start(1, 3)).id).toBe(3);
      await servers.start(2);
      using load = await StockLoad.start(servers.connectString);
      const leaders: Flavor[] = [];
      for (const id of [3, 1, 2, 3]) {
        leaders.push((await servers.settled()).flavor);
        await load.progress(100);
        await servers.member(id).kill();
        await servers.settled();
        await load.progress(100);
        await servers.start(id);
      }
      await load.progress(100);
      expect(new Set(leaders)).toEqual(new Set([peer, target]));
      await load.pause();
      expect(servers.running).toHaveLength(3);
      const tree = await expectSameTreesAfterLoad(servers);
      expect(brokenPromises(load.lines(), tree)).toEqual([]);
      const journal = await load.finish();
      expect(journal.filter((line) => line.kind === "violation")).toEqual([]);
      expect(figuresOf(journal).reconnects).toBeGreaterThan(0);
      await expectReadableByAll(servers, await expectSameTreesAfterLoad(servers), peer);
    },
  );

  for (const leader of [target, peer]) {
    ensembleTest(
      `local sessions with ${leader} as leader: cheap, at home only, global once needed`,
      async () => {
        const other = leader === target ? peer : target;
        const servers = await create([
          { id: 1, flavor: other },
          { id: 2, flavor: leader },
          { id: 3, flavor: leader },
        ], { cfg: localSessionsCfg });
        await startLedBy(servers, 3);
        await expectLocalSessions(servers, shortSessionMs);
        await expectSameTrees(servers);
      },
    );

    ensembleTest(
      `local sessions with ${leader} as leader own nothing where none becomes global`,
      async () => {
        const servers = await create([
          { id: 1, flavor: leader === target ? peer : target },
          { id: 2, flavor: leader },
        ], { cfg: { localSessionsEnabled: "true" } });
        await startLedBy(servers, 2);
        await expectLocalSessionsOwnNothing(servers);
      },
    );
  }

  for (const [voter, observer] of [[peer, target], [target, peer]]) {
    ensembleTest(`${observer} observes two ${voter}`, async () => {
      const servers = await create([
        { id: 1, flavor: voter },
        { id: 2, flavor: voter },
        { id: 3, flavor: observer, observer: true },
      ]);
      await servers.start();
      expect(await servers.member(3).mode()).toBe("observer");
      await expectEverything(servers);
      await servers.member(3).kill();
      await writeSome(servers.member(2), 20);
      await expectJoin(servers, 3, "DIFF");
      await servers.member(3).stop();
      servers.member(3).startAfresh();
      await writeSome(servers.member(2), 600, 2000);
      await expectJoin(servers, 3, "SNAP");
      await writeSome(servers.member(3), 20);
      await expectSameTrees(servers);
      // An observer is no help to one voter that is alone.
      const leader = await servers.settled();
      await leader.stop();
      const [left] = servers.running.filter((member) => !member.isObserver);
      await left.logs(isLooking);
      await until(
        "the voter that is left to serve nobody",
        async () => (await left.mode()) === undefined || undefined,
      );
      await servers.start();
      await expectSameTrees(servers);
    });
  }
}

/** Starts an ensemble without data, the member with the highest id first, so that it is the one that leads. */
async function startLedBy(ensemble: MixedEnsemble, id: number): Promise<void> {
  await ensemble.member(id).start();
  await ensemble.member(id).logs(isLooking);
  expect((await ensemble.start()).id).toBe(id);
}

/** Every request through every member, and sessions, watches and reads across them. */
async function expectEverything(ensemble: MixedEnsemble): Promise<void> {
  const { members } = ensemble;
  for (const member of members) await expectWorkload(member);
  await expectSessionMoves(members);
  await expectWatchesMove(members);
  await expectWatchesMove([...members].reverse());
  await expectSyncedReads(members);
  await expectPipelinedOrder(members);
  await expectExpiry(members, shortSessionMs);
  await expectSameTrees(ensemble);
}

/** As expectSameTrees(), for Apache miscounts digests with a snapshot that was taken while others wrote. */
function expectSameTreesAfterLoad(ensemble: MixedEnsemble): Promise<TreeDump> {
  return expectSameTrees(ensemble, { digests: false });
}

/** Stops everyone and demands that each one's data directory is the same tree to every implementation. */
async function expectReadableByAll(ensemble: MixedEnsemble, tree: TreeDump, peer: Flavor): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "zoon-readable-"));
  try {
    for (const member of ensemble.members) await member.stop();
    for (const member of ensemble.members) {
      for (const flavor of new Set([target, peer])) {
        const dataDir = join(scratch, `${member.id}-${flavor}`);
        cpSync(member.dataDir, dataDir, { recursive: true });
        const server = await startFlavor(flavor, { dataDir, cfg: { ...superCfg, ...workloadCfg } });
        const { "/zookeeper/config": config, ...read } = await dumpTree(server);
        const { "/zookeeper/config": wanted, ...expected } = tree;
        await server.kill();
        // Zoon goes by its own zoo.cfg and not by the snapshot.
        if (flavor !== "zoon") expect(config.data).toBe(wanted.data);
        expect(read).toEqual(expected);
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
