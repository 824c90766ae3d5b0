/**
 * Local sessions in ensembles of the server under test and Apache 3.9.5, either of which leads: they write, cost no
 * txn, and become global with their first ephemeral.
 */
import { expect, test } from "bun:test";
import { createFlags, opcode } from "../wire/codes.ts";
import { bodies, openAcl } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { type Member, MixedEnsemble, until } from "./mixed_ensemble.ts";
import { type Flavor, target } from "./target.ts";

const peer: Flavor = "apache-3.9.5";
const ephemeral = { flags: createFlags.ephemeral };
const ephemeralOnLocalSession = -120;

async function withEnsemble(
  leads: Flavor,
  follows: Flavor,
  cfg: Record<string, string>,
  run: (leader: Member, follower: Member) => Promise<void>,
): Promise<void> {
  await using servers = await MixedEnsemble.create([
    { id: 1, flavor: follows },
    { id: 2, flavor: leads },
  ], { cfg: { localSessionsEnabled: "true", ...cfg } });
  try {
    const leader = await servers.start();
    expect(leader.flavor).toBe(leads);
    await run(leader, servers.member(1));
  } catch (error) {
    console.error(await servers.describe());
    throw error;
  }
}

function multi(session: WireSession, path: string) {
  return session.multi([
    { type: opcode.check, body: bodies.check("/", -1) },
    { type: opcode.create, body: bodies.create(path, "", openAcl, createFlags.ephemeral) },
  ]);
}

const sides: [Flavor, Flavor][] = [[target, peer], [peer, target]];
for (const [leads, follows] of sides) {
  test(`a local session under ${leads} with ${follows} becomes global with its first ephemeral`, async () => {
    await withEnsemble(
      leads,
      follows,
      { localSessionsUpgradingEnabled: "true" },
      async (leader, follower) => {
        for (const [server, other] of [[leader, follower], [follower, leader]]) {
          const before = await leader.metric("global_sessions");
          const session = await WireSession.open(server);
          expect((await session.create("/plain", { data: "x" })).err).toBe(0);
          expect((await session.delete("/plain")).err).toBe(0);
          expect(await server.metric("local_sessions")).toBe("1");
          expect(await leader.metric("global_sessions")).toBe(before!);
          const lost = await WireSession.tryOpen(other, session.ticket);
          expect(lost.answer.timeoutMs).toBe(0);

          const replies = await Promise.all([
            session.create("/one", ephemeral),
            multi(session, "/two"),
            session.getEphemerals("/"),
          ]);
          expect(replies.map(({ err }) => err)).toEqual([0, 0, 0]);
          expect(replies[2].body.paths.toSorted()).toEqual(["/one", "/two"]);
          expect(await server.metric("local_sessions")).toBe("0");
          const moved = await until(
            "the session elsewhere",
            () => WireSession.open(other, session.ticket).catch(() => undefined),
          );
          expect((await moved.create("/three", ephemeral)).err).toBe(0);
          expect((await moved.closeSession()).err).toBe(0);
          const reader = await WireSession.open(server);
          await reader.sync("/");
          expect((await reader.getChildren("/")).body.children).toEqual(["zookeeper"]);
          await reader.close();
        }
      },
    );
  });

  test(`a local session under ${leads} with ${follows} may not own an ephemeral unless it may become global`, async () => {
    await withEnsemble(leads, follows, {}, async (leader, follower) => {
      for (const server of [leader, follower]) {
        const session = await WireSession.open(server);
        expect((await session.create("/one", ephemeral)).err).toBe(ephemeralOnLocalSession);
        // Apache tells it in the results, or that the session has expired, and Zoon in the header.
        await multi(session, "/two");
        expect((await session.getChildren("/")).body.children).toEqual(["zookeeper"]);
        expect((await session.create("/plain")).err).toBe(0);
        expect((await session.delete("/plain")).err).toBe(0);
        await session.close();
      }
    });
  });
}
