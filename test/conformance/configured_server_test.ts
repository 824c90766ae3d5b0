/**
 * What depends on a server's settings. These tests start servers of their own, so they run only where the
 * suite knows how to.
 *
 * @see Fact: apache/zookeeper QuorumPeerConfig.java, NIOServerCnxnFactory.java, FourLetterCommands.java
 */
import { expect } from "bun:test";
import { fourLetterWord, type RunningServer } from "../interop/apache_server.ts";
import { createFlags } from "../wire/codes.ts";
import { WireConnection } from "../wire/connection.ts";
import { connectFrame, openAcl, subOps } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { conform, deleteAll, flavor, name } from "./harness.ts";
import { until } from "../wire/until.ts";
import { startPrepared } from "./settings.ts";

/** Whether one more connection gets an answer; one too many may be reset before it has even opened. */
async function isLetIn(server: RunningServer): Promise<boolean> {
  try {
    const connection = await WireConnection.open(server);
    connection.send(connectFrame({ timeoutMs: 1 }));
    const answered = await connection.nextFrame().then(() => true, () => false);
    connection.destroy();
    return answered;
  } catch {
    return false;
  }
}

/** Declares a test on a fresh server with these lines of zoo.cfg over the suite's; "" removes one. */
function onServer(
  title: string,
  cfg: Record<string, string>,
  body: (server: RunningServer) => Promise<void>,
): void {
  conform(title, async () => {
    const server = await startPrepared(flavor, { cfg });
    try {
      await body(server);
    } finally {
      await server.kill();
    }
  }, { needsLaunch: true });
}

onServer("without extended types a TTL create is UNIMPLEMENTED and keeps the connection", {
  extendedTypesEnabled: "false",
}, async (server) => {
  const session = await WireSession.open(server);
  const reply = await session.createTTL("/a", 1_000n);
  expect([reply.name, reply.zxid > 0n]).toEqual(["UNIMPLEMENTED", true]);
  expect(await name(session.create("/a", { flags: createFlags.ttl }))).toBe("UNIMPLEMENTED");
  expect(await name(session.createTTL("nonsense", -1n))).toBe("UNIMPLEMENTED");
  expect(await name(session.createContainer("/c"))).toBe("OK");
  await session.close();
});

onServer("without enforceQuota a hard limit never refuses", { enforceQuota: "" }, async (server) => {
  const session = await WireSession.open(server);
  await session.create("/a");
  await session.create("/zookeeper/quota/a");
  await session.create("/zookeeper/quota/a/zookeeper_limits", {
    data: "count=-1,bytes=-1=;countHardLimit=1",
  });
  await session.create("/zookeeper/quota/a/zookeeper_stats", { data: "count=0,bytes=0" });
  expect(await name(session.create("/a/b"))).toBe("OK");
  expect((await session.getData("/zookeeper/quota/a/zookeeper_stats")).body.text).toBe("count=2,bytes=0");
  await session.close();
});

onServer(
  "the default whitelist of four-letter words has srvr alone",
  { "4lw.commands.whitelist": "srvr" },
  async (server) => {
    expect(await fourLetterWord(server, "srvr")).toContain("Mode: standalone");
    for (const word of ["ruok", "mntr", "stat", "conf", "isro"]) {
      expect(await fourLetterWord(server, word)).toBe(
        `${word} is not executed because it is not in the whitelist.\n`,
      );
    }
  },
);

onServer("maxClientCnxns closes connections over the limit, and lets one in when another leaves", {
  maxClientCnxns: "2",
}, async (server) => {
  const first = await WireSession.open(server);
  const second = await WireSession.open(server);
  expect(await isLetIn(server)).toBe(false);
  expect(await name(first.ping())).toBe("OK");
  await second.close();
  await until("room for another", async () => await isLetIn(server) || undefined);
  await first.close();
});

onServer("minSessionTimeout and maxSessionTimeout bound what is granted", {
  minSessionTimeout: "1500",
  maxSessionTimeout: "5000",
}, async (server) => {
  for (const [wish, granted] of [[1, 1500], [1500, 1500], [3000, 3000], [5000, 5000], [90_000, 5000]]) {
    const session = await WireSession.open(server, { timeoutMs: wish });
    expect(session.answer.timeoutMs).toBe(granted);
    await session.close();
  }
});

onServer(
  "by default sessions are granted 2 to 20 ticks",
  { tickTime: "700", maxSessionTimeout: "" },
  async (server) => {
    const least = await WireSession.open(server, { timeoutMs: 1 });
    const most = await WireSession.open(server, { timeoutMs: 1_000_000 });
    expect([least.answer.timeoutMs, most.answer.timeoutMs]).toEqual([1_400, 14_000]);
  },
);

onServer("without superDigest the super user is nobody special", {
  "DigestAuthenticationProvider.superDigest": "",
}, async (server) => {
  const session = await WireSession.open(server);
  await session.auth("digest", "super:test");
  await session.create("/a", { acl: [{ perms: 0, scheme: "world", id: "anyone" }] });
  expect(await name(session.getData("/a"))).toBe("NOAUTH");
  await session.close();
});

onServer(
  "skipACL=yes lets everybody do everything but have an invalid ACL",
  { skipACL: "yes" },
  async (server) => {
    const session = await WireSession.open(server);
    await session.create("/a", { acl: [{ perms: 0, scheme: "world", id: "anyone" }] });
    expect(await name(session.getData("/a"))).toBe("OK");
    expect(await name(session.setACL("/a", [...openAcl]))).toBe("OK");
    expect(await name(session.create("/b", { acl: [] }))).toBe("INVALIDACL");
    await session.close();
  },
);

onServer(
  "a fresh server: five znodes, / with cversion -1, zxid 0 and ids from server 0's range",
  {},
  async (server) => {
    expect(await fourLetterWord(server, "srvr")).toContain("Node count: 5\n");
    expect(await fourLetterWord(server, "srvr")).toContain("Zxid: 0x0\n");
    const session = await WireSession.open(server);
    expect((await session.ping()).zxid).toBe(1n);
    expect((await session.exists("/")).body.stat).toMatchObject({
      cversion: -1,
      numChildren: 1,
      czxid: 0n,
      pzxid: 0n,
      mzxid: 0n,
    });
    expect(session.id & 0xffffn).toBe(0n);
    expect((await session.getAllChildrenNumber("/")).body.total).toBe(3);
    await session.close();
  },
);

conform("sessions, ephemerals, versions and sequence numbers survive a kill and a restart", async () => {
  const first = await startPrepared(flavor);
  let second: RunningServer | undefined;
  try {
    const session = await WireSession.open(first);
    await session.create("/a", { data: "1" });
    await session.setData("/a", "2");
    await session.create("/a/e", { flags: createFlags.ephemeral });
    await session.create("/a/s", { flags: createFlags.sequential });
    await session.delete("/a/s0000000001");
    await session.multi([subOps.create("/a/m"), subOps.setData("/a", "3")]);
    const { zxid } = await session.create("/a/c", { acl: [{ perms: 1, scheme: "ip", id: "127.0.0.1" }] });
    const before = (await session.getData("/a")).body;
    await first.kill({ keepData: true });
    await session.ended();

    const { port, dataDir } = first;
    second = await startPrepared(flavor, { clientPort: port, dataDir });
    const again = await WireSession.open(second, { ...session.ticket, lastZxidSeen: zxid });
    expect(again.id).toBe(session.id);
    expect((await again.getData("/a")).body).toEqual(before);
    expect((await again.exists("/a/e")).body.stat.ephemeralOwner).toBe(session.id);
    expect((await again.create("/a/s", { flags: createFlags.sequential })).body.path).toBe("/a/s0000000004");
    expect((await again.getACL("/a/c")).body.acl).toEqual([{ perms: 1, scheme: "ip", id: "127.0.0.1" }]);
    await deleteAll(again, "/a");
    await again.close();
  } finally {
    // The second one first: it writes into the directory that goes with the first.
    await second?.kill();
    await first.kill();
  }
}, { needsLaunch: true });
