/** Sessions of an ensemble of real processes: moved between servers, kept alive, expired once, closed in any weather. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createFlags, errorCode } from "../wire/codes.ts";
import { WireConnection } from "../wire/connection.ts";
import { type ConnectFields, connectFrame } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { TestEnsemble } from "./ensemble.ts";
import { until } from "../wire/until.ts";

const ephemeral = { flags: createFlags.ephemeral };

describe.skipIf(process.platform === "win32")("sessions of four servers, one of which observes", () => {
  let ensemble: TestEnsemble;
  let leader: number;
  let follower: number;
  let other: number;
  const observer = 4;
  const open: WireSession[] = [];

  beforeAll(async () => {
    ensemble = await TestEnsemble.start({ size: 4, observers: 1 });
    leader = await ensemble.leader();
    follower = await ensemble.follower();
    other = await ensemble.follower(follower);
    const session = await at(leader);
    await session.create("/s");
    await settled();
  }, 60_000);

  afterEach(async () => {
    for (const session of open.splice(0)) await session.vanish();
  });

  afterAll(async () => {
    await ensemble?.close();
  });

  async function at(server: number, fields: ConnectFields = {}): Promise<WireSession> {
    const session = await WireSession.open(ensemble.target(server), fields);
    open.push(session);
    return session;
  }

  /** Every server has applied all that was committed when this was called. */
  async function settled(): Promise<void> {
    for (const server of ensemble.cluster.ids) {
      const session = await WireSession.open(ensemble.target(server));
      await session.sync("/");
      await session.close();
    }
  }

  /** On which servers a path exists, once all are up to date. */
  async function whereIs(path: string): Promise<number[]> {
    await settled();
    const found: number[] = [];
    for (const server of ensemble.cluster.ids) {
      const session = await WireSession.open(ensemble.target(server));
      if ((await session.exists(path)).err === errorCode.OK) found.push(server);
      await session.close();
    }
    return found;
  }

  test("one moves from server to server with its ephemerals, and its order holds", async () => {
    let session = await at(follower, { timeoutMs: 20_000 });
    const { id } = session;
    let seen = 0n;
    let count = 0;
    for (const server of [observer, leader, other, leader, follower, observer]) {
      const writes = Array.from({ length: 20 }, () => session.create(`/s/m${count++}`, ephemeral));
      const replies = await Promise.all(writes);
      expect(replies.map((reply) => reply.err)).toEqual(replies.map(() => 0));
      for (const { zxid } of replies) {
        expect(zxid).toBeGreaterThan(seen);
        seen = zxid;
      }
      const { ticket } = session;
      await session.vanish();
      // A server that is behind sends the client away until it has caught up.
      session = await until(
        `the session at server ${server}`,
        () => at(server, { ...ticket, lastZxidSeen: seen }).catch(() => undefined),
      );
      expect(session.id).toBe(id);
      expect((await session.exists(`/s/m${count - 1}`)).err).toBe(0);
      expect((await session.getEphemerals("/s")).body.paths).toHaveLength(count);
    }
    await session.close();
    expect(await whereIs("/s/m0")).toEqual([]);
    expect((await (await at(leader)).getChildren("/s")).body.children).toEqual([]);
  }, 60_000);

  test("what was watched where it was is told where it is now", async () => {
    const session = await at(follower);
    await session.create("/s/w");
    const { zxid } = await session.getData("/s/w", true);
    await session.vanish();
    const writer = await at(leader);
    await writer.setData("/s/w", "changed meanwhile");
    const moved = await until(
      "the session to move",
      () => at(other, { ...session.ticket, lastZxidSeen: zxid }).catch(() => undefined),
    );
    await moved.sync("/");
    const set = moved.setWatches({ relativeZxid: zxid, data: ["/s/w"], child: ["/s"] });
    expect(await moved.waitEvents(1)).toEqual(["data /s/w"]);
    expect((await set).err).toBe(0);
    await writer.delete("/s/w");
    expect(await moved.waitEvents(1)).toEqual(["children /s"]);
  }, 60_000);

  test("where it was, a write ends the connection; reads there go on", async () => {
    for (const [from, to] of [[follower, leader], [follower, other], [observer, follower]]) {
      const session = await at(from);
      const moved = await at(to, session.ticket);
      expect((await session.exists("/s")).err).toBe(0);
      expect((await session.create("/s/stray", ephemeral)).name).toBe("CLOSED");
      await session.ended();
      expect((await moved.create("/s/stray", ephemeral)).err).toBe(0);
      await moved.close();
    }
  }, 60_000);

  test("a leader ends the old connection itself, and so does a server it comes back to", async () => {
    for (const [from, to] of [[leader, follower], [leader, leader], [follower, follower]]) {
      const session = await at(from);
      const moved = await at(to, session.ticket);
      await session.ended();
      expect((await moved.setData("/s", "x")).err).toBe(0);
      await moved.close();
    }
  }, 60_000);

  test(
    "one that only its follower or observer hears is kept alive, and one that nobody hears expires once",
    async () => {
      const watchers = [await at(leader), await at(follower), await at(other), await at(observer)];
      const quiet = await at(observer, { timeoutMs: 1500 });
      const loud = [await at(follower, { timeoutMs: 1500 }), await at(observer, { timeoutMs: 1500 })];
      await quiet.create("/s/quiet", ephemeral);
      for (const [index, session] of loud.entries()) await session.create(`/s/loud${index}`, ephemeral);
      await settled();
      for (const watcher of watchers) await watcher.exists("/s/quiet", true);
      const before = await ensemble.figure(leader, "stale_sessions_expired");
      const pings = setInterval(() => {
        for (const session of [...loud, ...watchers]) void session.ping();
      }, 200);
      try {
        await Promise.all(
          watchers.map(async (watcher) => expect(await watcher.waitEvents(1)).toEqual(["deleted /s/quiet"])),
        );
        await quiet.ended();
        expect(await ensemble.figure(leader, "stale_sessions_expired")).toBe(before + 1);
        // Twice its timeout and more has passed for those that ping.
        const endMs = performance.now() + 3500;
        while (performance.now() < endMs) {
          for (const session of loud) expect((await session.exists("/s/loud0")).err).toBe(0);
          await Bun.sleep(100);
        }
        for (const watcher of watchers) expect(await watcher.takeEvents()).toEqual([]);
        const { answer } = await WireSession.tryOpen(ensemble.target(follower), quiet.ticket);
        expect(answer.timeoutMs).toBe(0);
      } finally {
        clearInterval(pings);
      }
      for (const session of loud) await session.close();
    },
    60_000,
  );

  test(
    "a client ahead of a server is sent away without a byte; a wrong password is told from an unknown session",
    async () => {
      for (const server of [leader, follower, observer]) {
        const connection = await WireConnection.open(ensemble.target(server));
        connection.send(connectFrame({ lastZxidSeen: 1n << 50n }));
        await connection.closed;
        await expect(connection.nextFrame()).rejects.toThrow();
        const owner = await at(server);
        for (const fields of [{ sessionId: owner.id }, { ...owner.ticket, sessionId: 77n }]) {
          const stranger = await WireSession.tryOpen(ensemble.target(follower), fields);
          expect(stranger.answer).toMatchObject({ timeoutMs: 0, sessionId: 0n });
        }
        expect((await owner.create("/s/own", ephemeral)).err).toBe(0);
        await owner.close();
      }
    },
    60_000,
  );

  test(
    "opened, moved, closed and left by many at once, none is lost and no ephemeral stays behind",
    async () => {
      const servers = ensemble.cluster.ids;
      async function live(number: number): Promise<void> {
        let session = await WireSession.open(ensemble.target(servers[number % 4]), { timeoutMs: 1000 });
        for (let step = 0; step < 4; step++) {
          const { err } = await session.create(`/s/life${number}-${step}`, ephemeral);
          // Slow machines let one expire; then there is nothing more to live for.
          if (err !== 0) return;
          if (step === 3) break;
          const { ticket } = session;
          if (number % 3 !== 0) await session.vanish();
          const next = ensemble.target(servers[(number + step) % 4]);
          session = await WireSession.tryOpen(next, { ...ticket, timeoutMs: 1000 });
          if (session.answer.timeoutMs === 0) return;
        }
        // Some close, at times when they also expire; some are just left.
        if (number % 2 === 0) await session.vanish();
        else await session.closeSession();
      }
      await Promise.all(Array.from({ length: 60 }, (_, number) => live(number)));
      const reader = await at(leader);
      await until(
        "all of them to be over",
        async () => (await reader.getChildren("/s")).body.children.length === 0 || undefined,
      );
      await settled();
      for (const server of servers) {
        expect((await (await at(server)).getChildren("/s")).body.children).toEqual([]);
      }
      // Sessions of other tests may expire while they are counted.
      await until("all servers to know of as many sessions", async () => {
        const figures = servers.map((server) => ensemble.figure(server, "global_sessions"));
        return new Set(await Promise.all(figures)).size === 1 || undefined;
      });
    },
    60_000,
  );

  test(
    "its leader killed, each goes on elsewhere with what it had, and expires in its own time if it does not",
    async () => {
      const moving = await at(leader, { timeoutMs: 30_000 });
      const staying = await at(leader, { timeoutMs: 4000 });
      await moving.create("/s/moving", ephemeral);
      await staying.create("/s/staying", ephemeral);
      await settled();
      await ensemble.cluster.kill(leader);
      await moving.ended();
      const again = await until(
        "the session elsewhere",
        () => at(other, moving.ticket).catch(() => undefined),
      );
      expect(again.id).toBe(moving.id);
      expect((await again.exists("/s/moving")).err).toBe(0);
      // The new leader gives every session its whole timeout anew.
      expect((await again.exists("/s/staying", true)).err).toBe(0);
      expect(await again.waitEvents(1)).toEqual(["deleted /s/staying"]);
      expect((await again.setData("/s/moving", "x")).err).toBe(0);
      ensemble.cluster.start(leader);
      await ensemble.serving();
      expect(await whereIs("/s/moving")).toEqual([1, 2, 3, 4]);
      await again.close();
      expect(await whereIs("/s/moving")).toEqual([]);
    },
    60_000,
  );
});

describe.skipIf(process.platform === "win32")("local sessions of three servers", () => {
  let ensemble: TestEnsemble;
  let leader: number;
  let follower: number;
  let other: number;

  beforeAll(async () => {
    const cfg = { localSessionsEnabled: "true", localSessionsUpgradingEnabled: "true", leaderServes: "yes" };
    ensemble = await TestEnsemble.start({ cfg });
    leader = await ensemble.leader();
    follower = await ensemble.follower();
    other = await ensemble.follower(follower);
    const session = await WireSession.open(ensemble.target(leader));
    await session.create("/l");
    await session.close();
  }, 60_000);

  afterAll(async () => {
    await ensemble?.close();
  });

  test("cost no txn, write, and are unknown elsewhere", async () => {
    for (const server of [leader, follower]) {
      const before = await ensemble.figure(leader, "global_sessions");
      const session = await WireSession.open(ensemble.target(server));
      expect(await ensemble.figure(server, "local_sessions")).toBe(1);
      expect((await session.create("/l/written")).err).toBe(0);
      expect((await session.delete("/l/written")).err).toBe(0);
      expect(await ensemble.figure(leader, "global_sessions")).toBe(before);
      const moved = await WireSession.tryOpen(ensemble.target(other), session.ticket);
      expect(moved.answer.timeoutMs).toBe(0);
      await session.close();
      expect(await ensemble.figure(server, "local_sessions")).toBe(0);
    }
  }, 60_000);

  test("become global with their first ephemeral, and move from then on", async () => {
    for (const server of [leader, follower]) {
      const session = await WireSession.open(ensemble.target(server));
      const replies = await Promise.all([
        session.create("/l/plain"),
        session.create("/l/e", ephemeral),
        session.create("/l/f", ephemeral),
        session.delete("/l/plain"),
      ]);
      expect(replies.map(({ err }) => err)).toEqual([0, 0, 0, 0]);
      expect(await ensemble.figure(server, "local_sessions")).toBe(0);
      const moved = await until(
        "the session elsewhere",
        () => WireSession.open(ensemble.target(other), session.ticket).catch(() => undefined),
      );
      expect((await moved.getEphemerals("/l")).body.paths.toSorted()).toEqual(["/l/e", "/l/f"]);
      await moved.close();
      const reader = await WireSession.open(ensemble.target(other));
      expect((await reader.getChildren("/l")).body.children).toEqual([]);
      await reader.close();
    }
  }, 60_000);

  test("outlive their leader where their own server does", async () => {
    const session = await WireSession.open(ensemble.target(follower), { timeoutMs: 10_000 });
    await ensemble.cluster.kill(leader);
    await session.ended();
    const again = await until(
      "the session under a new leader",
      () => WireSession.open(ensemble.target(follower), session.ticket).catch(() => undefined),
    );
    expect((await again.create("/l/again", ephemeral)).err).toBe(0);
    await again.close();
    ensemble.cluster.start(leader);
    await ensemble.serving();
  }, 60_000);
});

test.skipIf(process.platform === "win32")(
  "a leader that serves no clients sends them away and tells who it is",
  async () => {
    const ensemble = await TestEnsemble.start({ cfg: { leaderServes: "no" } });
    try {
      const leader = await ensemble.leader();
      const connection = await WireConnection.open(ensemble.target(leader));
      connection.send(connectFrame());
      await connection.closed;
      const session = await WireSession.open(ensemble.target(await ensemble.follower()));
      expect((await session.create("/through-a-follower")).err).toBe(0);
      await session.close();
    } finally {
      await ensemble.close();
    }
  },
  60_000,
);
