/**
 * `zoon server --workers`: one server of several processes, as its clients and its operator meet it. Which process began
 * a session, its id tells: they deal ids out in turn.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { fourLetterWord } from "../interop/apache_server.ts";
import { createFlags } from "../wire/codes.ts";
import type { Target } from "../wire/connection.ts";
import { WireSession } from "../wire/session.ts";
import { until } from "../wire/until.ts";
import { TestEnsemble } from "./ensemble.ts";
import { freshPath, readyPattern, type ReadyServer, runZoon, startServer } from "./process.ts";

const processesMax = 64n;
const ephemeral = { flags: createFlags.ephemeral };
const words = ["--four-letter-words", "*"];

/** The process that began a session; 0 is the main one. */
const processOf = (session: WireSession) => Number(session.id % processesMax);

/** Processes that this one has started and that still run. */
function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number) : [];
}

const isRunning = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

/** A server whose workers all have clients. */
async function startWorkers(count: number, dataDir: string, flags: string[] = []): Promise<ReadyServer> {
  const server = await startServer(dataDir, ["--workers", String(count), ...words, ...flags]);
  await workersServe(server, count - 1);
  return server;
}

/** So many workers have begun to serve, since the start. */
async function workersServe(server: ReadyServer, count: number): Promise<void> {
  await until(`${count} workers`, () => server.stderr().split("A worker serves").length > count || undefined);
}

/** Sessions of each process, by its number. */
async function sessionsOfAll(target: Target, count: number, timeoutMs = 30_000): Promise<WireSession[]> {
  const found: WireSession[] = [];
  return await until(`a session with each of ${count} processes`, async () => {
    const session = await WireSession.tryOpen(target, { timeoutMs }).catch(() => null);
    if (session === null || session.id === 0n) return undefined;
    if (found[processOf(session)] === undefined) found[processOf(session)] = session;
    else await session.close();
    for (let index = 0; index < count; index++) if (found[index] === undefined) return undefined;
    return found;
  });
}

/** Takes the session up again, at whichever process the system chooses. */
function moved(session: WireSession, lastZxidSeen: bigint): (target: Target) => Promise<WireSession> {
  return (target) =>
    until("the session to be taken up", async () => {
      const again = await WireSession.tryOpen(target, { ...session.ticket, lastZxidSeen }).catch(() => null);
      // One that is behind closes the connection without a word.
      return again !== null && again.id === session.id ? again : undefined;
    });
}

describe.skipIf(process.platform !== "linux")("a server of three processes", () => {
  let server: ReadyServer;
  beforeAll(async () => {
    server = await startWorkers(3, freshPath(), ["--tick-time", "1000"]);
  });
  afterAll(async () => {
    expect(await server?.stop()).toEqual({ code: 0, signal: null });
  });

  test("spreads connections over all of them, and each sees what the others wrote", async () => {
    const sessions = await sessionsOfAll(server, 3);
    for (const [index, session] of sessions.entries()) {
      expect((await session.create(`/by-${index}`, { data: "x" })).name).toBe("OK");
    }
    for (const session of sessions) {
      await session.sync("/");
      const { body } = await session.getChildren("/");
      expect(body.children.filter((name) => name.startsWith("by-")).sort()).toEqual(["by-0", "by-1", "by-2"]);
      await session.close();
    }
  });

  test("a session that goes round the processes under a load of writes never goes back", async () => {
    const [writer, ...others] = await sessionsOfAll(server, 3);
    await writer.create("/counter", { data: "0" });
    let written = 0;
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        await Promise.all(
          Array.from({ length: 16 }, () => writer.setData("/counter", String(++written))),
        );
      }
    })();
    let [reader] = others;
    let [seen, zxid] = [0, 0n];
    for (let move = 0; move < 60; move++) {
      for (let read = 0; read < 5; read++) {
        const { name, body, zxid: at } = await reader.getData("/counter");
        expect(name).toBe("OK");
        expect(Number(body.text)).toBeGreaterThanOrEqual(seen);
        expect(at).toBeGreaterThanOrEqual(zxid);
        [seen, zxid] = [Number(body.text), at];
      }
      await reader.vanish();
      reader = await moved(reader, zxid)(server);
    }
    isOver = true;
    await load;
    expect(seen).toBeGreaterThan(0);
    for (const session of [writer, reader, others[1]]) await session.close();
  });

  test("a process that has not seen what a client has does not take it", async () => {
    const [session] = await sessionsOfAll(server, 1);
    for (let attempt = 0; attempt < 12; attempt++) {
      const ahead = await WireSession.tryOpen(server, { ...session.ticket, lastZxidSeen: 1n << 40n }).catch(
        () => null,
      );
      expect(ahead).toBeNull();
    }
    await session.close();
  });

  test("watches fire before the change can be seen, whoever makes it", async () => {
    const sessions = await sessionsOfAll(server, 3);
    await sessions[0].create("/watched", { data: "0" });
    for (let round = 1; round <= 30; round++) {
      const writer = sessions[round % 3];
      const watcher = sessions[(round + 1) % 3];
      await watcher.sync("/watched");
      await watcher.getData("/watched", true);
      const write = writer.setData("/watched", String(round));
      for (;;) {
        const { body } = await watcher.getData("/watched");
        if (Number(body.text) < round) continue;
        expect(watcher.takeArrivedEvents().map(({ path }) => path)).toEqual(["/watched"]);
        break;
      }
      await write;
    }
    for (const session of sessions) await session.close();
  });

  test("ephemerals go with the sessions of every process, closed or silent", async () => {
    const sessions = await sessionsOfAll(server, 3, 4000);
    const witness = await WireSession.open(server);
    for (const [index, session] of sessions.entries()) await session.create(`/e-${index}`, ephemeral);
    await sessions[0].close();
    await sessions[1].close();
    await sessions[2].vanish();
    await until("the ephemerals to go", async () => {
      await witness.sync("/");
      const { body } = await witness.getChildren("/");
      return body.children.some((name) => name.startsWith("e-")) ? undefined : true;
    });
    await witness.close();
  });

  test("four-letter words and zoon status tell of all of it, whichever process is asked", async () => {
    const sessions = await sessionsOfAll(server, 3);
    for (const session of sessions) await session.getData("/zookeeper", true);
    // The one that asks is counted; one that asked before may still be on its way out.
    const srvr = () => fourLetterWord(server, "srvr");
    for (let asked = 0; asked < 10; asked++) {
      expect(await fourLetterWord(server, "wchs")).toBe("3 connections watching 1 paths\nTotal watches:3\n");
      await until("four connections", async () => /\nConnections: 4\n/.test(await srvr()) || undefined);
      const cons = await fourLetterWord(server, "cons");
      for (const { id } of sessions) expect(cons).toContain(`sid=0x${id.toString(16)},`);
    }
    const status = runZoon(["status", "-s", `${server.host}:${server.port}`, "--json"]);
    expect((await status.ended).code).toBe(0);
    expect(JSON.parse(status.stdout()).servers[0]).toMatchObject({ state: "standalone", watches: 3 });
    for (const session of sessions) await session.close();
  });

  test("a worker that is killed under load is started again, its sessions go on elsewhere, nothing is lost", async () => {
    const sessions = await sessionsOfAll(server, 3);
    const acknowledged: string[] = [];
    const loads = sessions.map(async (session, index) => {
      await session.create(`/mine-${index}`, ephemeral);
      for (let count = 0; count < 2000; count++) {
        const path = `/k-${index}-${count}`;
        const { lost } = await session.create(path).catch(() => ({ lost: true }));
        if (lost) return;
        acknowledged.push(path);
      }
    });
    await until("some writes", () => acknowledged.length > 300 || undefined);
    const [pid] = childrenOf(server.child.pid!);
    const before = server.stderr().split("A worker serves").length;
    process.kill(pid, "SIGKILL");
    await Promise.all(loads);
    await until(
      "a worker in its place",
      () => server.stderr().split("A worker serves").length > before || undefined,
    );
    expect(server.stderr()).toContain("A worker has ended; it is started again worker=");
    for (const [index, session] of sessions.entries()) {
      await session.vanish();
      const again = await moved(session, 0n)(server);
      await again.sync("/");
      expect((await again.exists(`/mine-${index}`)).name).toBe("OK");
      const { body } = await again.getChildren("/");
      const there = new Set(body.children);
      expect(acknowledged.filter((path) => !there.has(path.slice(1)))).toEqual([]);
      await again.close();
    }
  });

  test("a worker that stands still is found out and replaced", async () => {
    const [pid] = childrenOf(server.child.pid!);
    process.kill(pid, "SIGSTOP");
    await until("its end", () => isRunning(pid) ? undefined : true);
    await until("another one", () => childrenOf(server.child.pid!).length === 2 || undefined);
    await sessionsOfAll(server, 3).then((sessions) =>
      Promise.all(sessions.map((session) => session.close()))
    );
  });
});

describe.skipIf(process.platform !== "linux")("a server of two processes", () => {
  test("that is killed leaves no process and no socket, and starts again on its data and port", async () => {
    const dataDir = freshPath();
    // Where the processes' private socket goes.
    const { TMPDIR } = process.env;
    const ownTmpdir = process.env.TMPDIR = freshPath();
    mkdirSync(ownTmpdir);
    let server = await startWorkers(2, dataDir);
    const { port } = server;
    expect(readdirSync(ownTmpdir)).toHaveLength(1);
    for (let round = 0; round < 3; round++) {
      const workers = childrenOf(server.child.pid!);
      const sessions = await sessionsOfAll(server, 2);
      const acknowledged: string[] = [];
      const loads = sessions.map(async (session) => {
        for (let count = 0;; count++) {
          const path = `/r${round}-${processOf(session)}-${count}`;
          const { lost } = await session.create(path).catch(() => ({ lost: true }));
          if (lost) return;
          acknowledged.push(path);
        }
      });
      await until("some writes", () => acknowledged.length > 300 || undefined);
      await server.stop("SIGKILL");
      await Promise.all(loads);
      server = await startWorkers(2, dataDir, ["--client-port", String(port)]);
      for (const pid of workers) expect(isRunning(pid)).toBe(false);
      const again = await sessionsOfAll(server, 2);
      for (const session of again) {
        const there = new Set((await session.getChildren("/")).body.children);
        expect(acknowledged.filter((path) => !there.has(path.slice(1)))).toEqual([]);
        await session.close();
      }
    }
    const workers = childrenOf(server.child.pid!);
    expect(workers).toHaveLength(1);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    for (const pid of workers) expect(isRunning(pid)).toBe(false);
    expect(readdirSync(ownTmpdir)).toEqual([]);
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });

  test("does not share its port with another server", async () => {
    const server = await startWorkers(2, freshPath());
    const other = runZoon([
      "server",
      "--client-port",
      String(server.port),
      "--data-dir",
      freshPath(),
      "--workers",
      "2",
    ]);
    expect((await other.ended).code).toBe(1);
    expect(other.stderr()).toMatch(/cannot listen on 127\.0\.0\.1:\d+: process \d+ .*uses it/);
    await server.stop();
  });

  for (const wrong of ["two", "0", "65", "-1", "1.5"]) {
    test(`is not had by --workers ${wrong}`, async () => {
      const run = runZoon(["server", "--data-dir", freshPath(), `--workers=${wrong}`]);
      expect((await run.ended).code).toBe(2);
      expect(run.stderr()).toContain(`--workers ${wrong} must be a whole number from 1 to 64`);
    });
  }

  test("with --workers 1 is one of one process", async () => {
    const server = await startServer(freshPath(), ["--workers", "1"]);
    expect(childrenOf(server.child.pid!)).toEqual([]);
    await server.stop();
  });

  test("server-worker is nothing to start by hand", async () => {
    const run = runZoon(["server-worker"]);
    expect((await run.ended).code).toBe(2);
    expect(run.stderr()).toContain('is started by "zoon server --workers N" only');
    expect(readyPattern.test(run.stdout())).toBe(false);
  });
});

describe.skipIf(process.platform !== "linux")("three servers of two processes", () => {
  let ensemble: TestEnsemble;
  beforeAll(async () => {
    ensemble = await TestEnsemble.start({ flags: ["--workers", "2"] });
  }, 60_000);
  afterAll(() => ensemble?.close());

  test("each has sessions with both its processes, which write, read and sync", async () => {
    for (const id of ensemble.cluster.ids) {
      const sessions = await sessionsOfAll(ensemble.target(id), 2);
      for (const [index, session] of sessions.entries()) {
        expect((await session.create(`/at-${id}-${index}`, ephemeral)).name).toBe("OK");
      }
      for (const session of sessions) {
        await session.sync("/");
        const there = (await session.getChildren("/")).body.children;
        expect(there.filter((name) => name.startsWith(`at-${id}-`))).toHaveLength(2);
      }
      for (const session of sessions) await session.close();
      expect(await ensemble.ask(id, "srvr")).toMatch(/Mode: (leader|follower)\n/);
    }
  });

  test("a session moves between processes and servers and keeps its ephemeral, and writes once", async () => {
    const [, first] = await sessionsOfAll(ensemble.target(1), 2);
    let { zxid } = await first.create("/mover", ephemeral);
    let session = first;
    for (let move = 0; move < 24; move++) {
      await session.vanish();
      session = await moved(session, zxid)(ensemble.target(move % 3 + 1));
      const { name, body, zxid: at } = await session.setData("/mover", `move ${move}`);
      expect([name, body?.stat.version]).toEqual(["OK", move + 1]);
      zxid = at;
    }
    await session.close();
  });

  test("the leader is killed: its clients go on elsewhere, and its workers are gone with it", async () => {
    const leader = await ensemble.leader();
    const workers = childrenOf(ensemble.cluster.pid(leader)!);
    expect(workers).toHaveLength(1);
    const [, session] = await sessionsOfAll(ensemble.target(leader), 2);
    await session.create("/survivor", ephemeral);
    await ensemble.cluster.kill(leader);
    const other = ensemble.cluster.ids.find((id) => id !== leader)!;
    const again = await moved(session, 0n)(ensemble.target(other));
    await again.sync("/");
    expect((await again.exists("/survivor")).name).toBe("OK");
    await until("its workers to go", () => workers.some(isRunning) ? undefined : true);
    ensemble.cluster.start(leader);
    await ensemble.serving();
    await until("a worker of it", async () => {
      const sessions = await sessionsOfAll(ensemble.target(leader), 2);
      for (const each of sessions) await each.close();
      return true;
    });
    await again.close();
  });
});
