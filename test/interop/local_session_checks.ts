/**
 * Sessions that only their own server knows (`localSessionsEnabled`), and what becomes of one that makes an ephemeral
 * znode (`localSessionsUpgradingEnabled`).
 */
import { expect } from "bun:test";
import { createFlags } from "../wire/codes.ts";
import { subOps } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { caughtUp } from "./ensemble_checks.ts";
import { type Member, type MixedEnsemble, until } from "./mixed_ensemble.ts";

/** Lines of zoo.cfg. */
export const localSessionsCfg: Record<string, string> = {
  localSessionsEnabled: "true",
  localSessionsUpgradingEnabled: "true",
};

async function zxidAt(member: Member): Promise<string | undefined> {
  return /^Zxid: (\w+)$/m.exec(await member.word("srvr"))?.[1];
}

async function localSessionsAt(member: Member): Promise<number> {
  return Number(await member.metric("local_sessions"));
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
    const session = await WireSession.open(home, { timeoutMs: 20_000 });
    // Nobody else heard of it: no txn made it.
    expect(await zxidAt(home)).toBe(before);
    expect((await session.create(root)).name).toBe("OK");
    expect((await session.setData(root, "from a local session")).name).toBe("OK");
    expect((await session.multi([subOps.create(`${root}/multi`), subOps.check(root, 1)])).name).toBe("OK");
    await session.vanish();
    expect(await isAlive(elsewhere, session)).toBe(false);
    const back = await WireSession.open(home, session.ticket);
    expect(back.id).toBe(session.id);

    // An ephemeral znode needs an owner that all know.
    const path = `${root}/ephemeral`;
    const created = await back.multi([
      subOps.create(`${root}/beside`),
      subOps.create(path, "", undefined, createFlags.ephemeral),
    ]);
    expect(created.body.entries.map((entry) => entry.err)).toEqual([0, 0]);
    const look = await WireSession.open(elsewhere);
    await look.sync(path);
    expect((await look.exists(path)).body.stat.ephemeralOwner).toBe(session.id);
    await back.vanish();
    const moved = await WireSession.open(elsewhere, session.ticket);
    expect(moved.id).toBe(session.id);
    expect((await moved.create(`${path}-2`, { flags: createFlags.ephemeral })).name).toBe("OK");
    await moved.close();
    await look.sync(path);
    expect((await look.exists(path)).name).toBe("NONODE");
    expect(await isAlive(home, session)).toBe(false);

    // Its own server ends a local one that falls silent, the leader one that is global.
    const others = await localSessionsAt(home);
    const silent = await WireSession.open(home, { timeoutMs: shortSessionMs });
    const global = await WireSession.open(home, { timeoutMs: shortSessionMs });
    expect((await global.create(path, { flags: createFlags.ephemeral })).name).toBe("OK");
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
