/**
 * Sessions that only their own server knows (`localSessionsEnabled`), and what becomes of one that makes an ephemeral
 * znode (`localSessionsUpgradingEnabled`).
 */
import { expect } from "bun:test";
import { createFlags } from "../wire/codes.ts";
import { subOps } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { caughtUp } from "./ensemble_checks.ts";
import { type Member, type MixedEnsemble } from "./mixed_ensemble.ts";
import { until } from "../wire/until.ts";

/** Lines of zoo.cfg. */
export const localSessionsCfg: Record<string, string> = {
  localSessionsEnabled: "true",
  localSessionsUpgradingEnabled: "true",
};

const ephemeral = { flags: createFlags.ephemeral };
const ephemeralOnLocalSession = -120;

async function zxidAt(member: Member): Promise<string | undefined> {
  return /^Zxid: (\w+)$/m.exec(await member.word("srvr"))?.[1];
}

async function localSessionsAt(member: Member): Promise<number> {
  return Number(await member.metric("local_sessions"));
}

/** A transaction that needs an owner that all know. */
function multiWithEphemeral(session: WireSession, beside: string, path: string) {
  return session.multi([
    subOps.create(beside),
    subOps.create(path, "", undefined, createFlags.ephemeral),
  ]);
}

async function isAlive(member: Member, session: WireSession): Promise<boolean> {
  const again = await WireSession.tryOpen(member, session.ticket);
  await again.vanish();
  return again.answer.timeoutMs > 0;
}

/** Local sessions at every member, whoever leads. */
export async function expectLocalSessions(ensemble: MixedEnsemble, shortSessionMs: number): Promise<void> {
  const { members } = ensemble;
  const setUp = await WireSession.open(members[0]);
  expect((await setUp.create("/local")).name).toBe("OK");
  await setUp.close();
  for (const [i, home] of members.entries()) {
    const elsewhere = members[(i + 1) % members.length];
    const root = `/local/at-${home.id}`;
    await caughtUp(ensemble);
    const before = await zxidAt(home);
    const localBefore = await localSessionsAt(home);
    const session = await WireSession.open(home, { timeoutMs: 20_000 });
    // Nobody else heard of it: no txn made it.
    expect(await zxidAt(home)).toBe(before);
    expect(await localSessionsAt(home)).toBe(localBefore + 1);
    expect((await session.create(root)).name).toBe("OK");
    expect((await session.setData(root, "from a local session")).name).toBe("OK");
    expect((await session.multi([subOps.create(`${root}/multi`), subOps.check(root, 1)])).name).toBe("OK");
    await session.vanish();
    expect(await isAlive(elsewhere, session)).toBe(false);
    const back = await WireSession.open(home, session.ticket);
    expect(back.id).toBe(session.id);

    // What it sends while it becomes global is done in order.
    const path = `${root}/ephemeral`;
    const [created, second, listed] = await Promise.all([
      multiWithEphemeral(back, `${root}/beside`, path),
      back.create(`${path}-1`, ephemeral),
      back.getEphemerals(root),
    ]);
    expect(created.body.entries.map((entry) => entry.err)).toEqual([0, 0]);
    expect(second.name).toBe("OK");
    expect(listed.body.paths.toSorted()).toEqual([path, `${path}-1`]);
    expect(await localSessionsAt(home)).toBe(localBefore);
    const look = await WireSession.open(elsewhere);
    await look.sync(path);
    expect((await look.exists(path)).body.stat.ephemeralOwner).toBe(session.id);
    await back.vanish();
    const moved = await WireSession.open(elsewhere, session.ticket);
    expect(moved.id).toBe(session.id);
    expect((await moved.create(`${path}-2`, ephemeral)).name).toBe("OK");
    await moved.close();
    await look.sync(path);
    expect((await look.exists(path)).name).toBe("NONODE");
    expect(await isAlive(home, session)).toBe(false);

    // Its own server ends a local one that falls silent, the leader one that is global.
    const others = await localSessionsAt(home);
    const silent = await WireSession.open(home, { timeoutMs: shortSessionMs });
    const global = await WireSession.open(home, { timeoutMs: shortSessionMs });
    expect((await global.create(path, ephemeral)).name).toBe("OK");
    await silent.vanish();
    await global.vanish();
    await until("the ephemeral to go with its session", async () => {
      return (await look.exists(path)).name === "NONODE" ? true : undefined;
    });
    // A look by attaching would revive it, so its server is asked how many there are.
    await until(
      "the silent session to expire",
      async () => await localSessionsAt(home) <= others || undefined,
    );
    expect(await isAlive(home, silent)).toBe(false);
    await look.close();
  }
}

/** Local sessions where none may become global: they write, and own nothing. */
export async function expectLocalSessionsOwnNothing(ensemble: MixedEnsemble): Promise<void> {
  for (const member of ensemble.members) {
    const session = await WireSession.open(member);
    expect((await session.create("/one", ephemeral)).err).toBe(ephemeralOnLocalSession);
    // Apache tells it in the results, or that the session has expired, and Zoon in the header.
    await multiWithEphemeral(session, "/beside", "/two");
    expect((await session.getChildren("/")).body.children).toEqual(["zookeeper"]);
    expect((await session.create("/plain")).name).toBe("OK");
    expect((await session.delete("/plain")).name).toBe("OK");
    await session.close();
  }
}
