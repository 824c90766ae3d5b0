/**
 * Containers and TTL znodes.
 *
 * @see Fact: apache/zookeeper EphemeralType.java, CreateMode.java, ContainerManager.java
 */
import { expect } from "bun:test";
import { createFlags, opcode } from "../wire/codes.ts";
import { bodies, openAcl, subOps } from "../wire/frames.ts";
import type { WireSession } from "../wire/session.ts";
import { conform, name } from "./harness.ts";
import { until } from "../wire/until.ts";
import { reaperIntervalMs } from "./settings.ts";

/** Longest TTL there is: 40 bits of ms. */
const ttlMsMax = (1n << 40n) - 1n;

const gone = (session: WireSession, path: string) =>
  until(`${path} to be reaped`, async () => (await session.exists(path)).name === "NONODE" || undefined);

/** Lets the reaper come by a few times. */
const reaperRounds = (count: number) => Bun.sleep(count * reaperIntervalMs);

conform("#20 createContainer and createTTL answer path and Stat", async (t) => {
  const container = await t.c.createContainer(t.at("c"), { data: "x" });
  expect(container.body).toMatchObject({
    path: t.at("c"),
    stat: { czxid: container.zxid, dataLength: 1, ephemeralOwner: 0n },
  });
  const ttl = await t.c.createTTL(t.at("t"), 100_000n, { data: "xy" });
  expect(ttl.body).toMatchObject({
    path: t.at("t"),
    stat: { czxid: ttl.zxid, dataLength: 2, ephemeralOwner: 0n },
  });
  const sequential = await t.c.createTTL(t.at("t"), 100_000n, { flags: createFlags.ttlSequential });
  expect(sequential.body.path).toBe(t.at("t0000000002"));
}, { needsPrepared: true });

conform("#36 containers and TTL znodes report ephemeralOwner 0 and outlive their session", async (t) => {
  const session = await t.open();
  await session.createContainer(t.at("c"));
  await session.createTTL(t.at("t"), 100_000n);
  for (const path of [t.at("c"), t.at("t")]) {
    expect((await t.c.exists(path)).body.stat.ephemeralOwner).toBe(0n);
    expect((await t.c.getData(path)).body.stat.ephemeralOwner).toBe(0n);
  }
  expect((await session.getEphemerals(null)).body.paths).toEqual([]);
  await session.close();
  expect(await name(t.c.exists(t.at("c")))).toBe("OK");
  expect(await name(t.c.exists(t.at("t")))).toBe("OK");
}, { needsPrepared: true });

conform("#21 being a container comes from the opcode, not from the flags", async (t) => {
  const byFlags = t.at("flags");
  const byOpcode = t.at("opcode");
  await t.c.create(byFlags, { flags: createFlags.container });
  await t.c.createContainer(byOpcode, { flags: createFlags.persistent });
  for (const path of [byFlags, byOpcode]) {
    await t.c.create(`${path}/kid`);
    await t.c.delete(`${path}/kid`);
  }
  await gone(t.c, byOpcode);
  expect(await name(t.c.exists(byFlags))).toBe("OK");
}, { needsPrepared: true });

conform("a container goes once its last child went, and its watchers see an ordinary deletion", async (t) => {
  const path = t.at("c");
  await t.c.createContainer(path);
  await t.c.create(`${path}/a`);
  await t.c.create(`${path}/b`);
  await t.c.delete(`${path}/a`);
  await reaperRounds(3);
  expect(await name(t.c.exists(path))).toBe("OK");
  await t.c.delete(`${path}/b`);
  await t.c.exists(path, true);
  await t.c.getChildren(t.root, true);
  expect(t.relative(await t.c.waitEvents(2))).toEqual(["deleted /c", "children ."]);
}, { needsPrepared: true });

conform("a container that never had a child stays for now", async (t) => {
  await t.c.createContainer(t.at("c"));
  await reaperRounds(4);
  expect(await name(t.c.exists(t.at("c")))).toBe("OK");
}, { needsPrepared: true });

conform("a TTL znode goes when its time has passed without a change, and not before", async (t) => {
  const path = t.at("t");
  await t.c.createTTL(path, 700n);
  await t.c.createTTL(t.at("long"), 60_000n);
  await t.c.exists(path, true);
  expect(t.relative(await t.c.waitEvents(1))).toEqual(["deleted /t"]);
  expect(await name(t.c.exists(t.at("long")))).toBe("OK");
}, { needsPrepared: true });

conform("a TTL znode with children stays until they are gone", async (t) => {
  const path = t.at("t");
  await t.c.createTTL(path, 1n);
  const child = await t.c.create(`${path}/kid`);
  if (child.name === "NONODE") return; // The reaper came by in between: nothing left to see.
  await reaperRounds(4);
  expect(await name(t.c.exists(path))).toBe("OK");
  await t.c.delete(`${path}/kid`);
  await gone(t.c, path);
}, { needsPrepared: true });

conform("setData gives a TTL znode its time anew", async (t) => {
  const path = t.at("t");
  const ttlMs = 5 * reaperIntervalMs;
  await t.c.createTTL(path, BigInt(ttlMs));
  const start = performance.now();
  while (performance.now() - start < 2 * ttlMs) {
    expect(await name(t.c.setData(path, "x"))).toBe("OK");
    await Bun.sleep(50);
  }
  await gone(t.c, path);
}, { needsPrepared: true });

conform("the TTL is 1 to 2^40-1 ms, anything else is BADARGUMENTS", async (t) => {
  for (const ttlMs of [1n << 40n, 0n, -1n, -0x8000000000000000n, 0x7fffffffffffffffn]) {
    expect([ttlMs, await name(t.c.createTTL(t.at("bad"), ttlMs))]).toEqual([ttlMs, "BADARGUMENTS"]);
    expect(await name(t.c.createTTL("nonsense", ttlMs))).toBe("BADARGUMENTS");
  }
  expect(await name(t.c.createTTL(t.at("most"), ttlMsMax))).toBe("OK");
  expect(await name(t.c.createTTL(t.at("least"), 1n))).toBe("OK");
}, { needsPrepared: true });

conform("create, create2 and createContainer with TTL flags find no TTL and are refused", async (t) => {
  for (const flags of [createFlags.ttl, createFlags.ttlSequential]) {
    for (const type of [opcode.create, opcode.create2, opcode.createContainer]) {
      const reply = await t.c.raw(type, bodies.create(t.at("a"), "", openAcl, flags));
      expect([flags, type, reply.name]).toEqual([flags, type, "BADARGUMENTS"]);
    }
  }
}, { needsPrepared: true });

conform("createTTL without its ttl field is undecodable", async (t) => {
  const body = bodies.create(t.at("a"), "", openAcl, createFlags.ttl);
  expect(await name(t.c.raw(opcode.createTTL, body))).toBe("MARSHALLINGERROR");
}, { needsPrepared: true });

conform("children of containers and TTL znodes are ordinary, ephemerals included", async (t) => {
  await t.c.createContainer(t.at("c"));
  await t.c.createTTL(t.at("t"), 100_000n);
  for (const parent of ["c", "t"]) {
    expect((await t.c.create(t.at(`${parent}/s`), { flags: 3 })).body.path).toBe(
      t.at(`${parent}/s0000000000`),
    );
    expect(await name(t.c.delete(t.at(parent)))).toBe("NOTEMPTY");
  }
}, { needsPrepared: true });

conform("containers and TTL znodes may be deleted by hand", async (t) => {
  await t.c.createContainer(t.at("c"));
  await t.c.createTTL(t.at("t"), 100_000n);
  expect(await name(t.c.delete(t.at("c"), 0))).toBe("OK");
  expect(await name(t.c.delete(t.at("t"), 0))).toBe("OK");
}, { needsPrepared: true });

conform("a container made in a multi is one", async (t) => {
  await t.c.multi([subOps.createContainer(t.at("c")), subOps.create(t.at("c/kid"))]);
  await t.c.delete(t.at("c/kid"));
  await gone(t.c, t.at("c"));
}, { needsPrepared: true });
