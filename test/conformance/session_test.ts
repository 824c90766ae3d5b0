/**
 * Connecting, reattaching, passwords, timeouts, expiry and closing.
 *
 * @see Fact: apache/zookeeper ZooKeeperServer.java (processConnectRequest, reopenSession, generatePasswd),
 *   SessionTrackerImpl.java, ExpiryQueue.java, NIOServerCnxn.java
 */
import { expect } from "bun:test";
import { fourLetterWord } from "../interop/apache_server.ts";
import { opcode } from "../wire/codes.ts";
import { bodies, concat, connectFrame, requestFrame } from "../wire/frames.ts";
import { ByteReader } from "../wire/reader.ts";
import { conform, name, target } from "./harness.ts";
import { until } from "../wire/until.ts";

const zeroPassword = new Uint8Array(16);

/** tickTime and session timeout window of the server, in ms. */
async function timeLimits(): Promise<{ tickMs: number; minMs: number; maxMs: number }> {
  const conf = await fourLetterWord(target, "conf");
  const of = (key: string) => Number(new RegExp(`^${key}=(\\d+)$`, "m").exec(conf)?.[1]);
  return { tickMs: of("tickTime"), minMs: of("minSessionTimeout"), maxMs: of("maxSessionTimeout") };
}

/** java.util.Random seeded as ZooKeeperServer.generatePasswd does. */
function passwordOf(sessionId: bigint): Uint8Array {
  const mask = (1n << 48n) - 1n;
  let state = ((sessionId ^ 0xb3415c00n) ^ 0x5deece66dn) & mask;
  const out = new Uint8Array(16);
  for (let at = 0; at < 16; at += 4) {
    state = (state * 0x5deece66dn + 0xbn) & mask;
    const word = Number((state >> 16n) & 0xffffffffn);
    for (let i = 0; i < 4; i++) out[at + i] = (word >>> (8 * i)) & 0xff;
  }
  return out;
}

conform("#1 readOnly is in the connect response only when the request had it", async (t) => {
  const plain = await t.open({ readOnly: "absent" });
  expect([plain.answer.readOnly, plain.answer.bytes]).toEqual(["absent", 36]);
  const flagged = await t.open({ readOnly: false });
  expect([flagged.answer.readOnly, flagged.answer.bytes]).toEqual([false, 37]);
  const willing = await t.open({ readOnly: true });
  expect([willing.answer.readOnly, willing.answer.bytes]).toEqual([false, 37]);
});

for (const readOnly of ["absent", false] as const) {
  conform(
    `#2 an unknown session is answered with zeros and an orderly close, readOnly ${readOnly}`,
    async (t) => {
      const connection = await t.connect();
      connection.send(connectFrame({ sessionId: 0x1234n, password: passwordOf(0x1234n), readOnly }));
      const answer = await t.readAnswer(connection);
      expect(answer).toEqual({
        protocolVersion: 0,
        timeoutMs: 0,
        sessionId: 0n,
        password: zeroPassword,
        readOnly,
        bytes: readOnly === "absent" ? 36 : 37,
      });
      expect(await connection.expectClose()).toBe("fin");
    },
  );
}

conform("a wrong password is answered like an unknown session, and the session lives on", async (t) => {
  const session = await t.open();
  expect(await name(session.create(t.at("mine"), { flags: 1 }))).toBe("OK");
  for (const password of [zeroPassword, new Uint8Array(0), null, new Uint8Array(17)]) {
    const refused = await t.tryOpen({ sessionId: session.id, password });
    expect([refused.answer.timeoutMs, refused.answer.sessionId]).toEqual([0, 0n]);
    expect(refused.answer.password).toEqual(zeroPassword);
    expect(await refused.ended()).toBe("fin");
  }
  const again = await t.open(session.ticket);
  expect(again.id).toBe(session.id);
  expect((await again.exists(t.at("mine"))).body.stat.ephemeralOwner).toBe(session.id);
});

conform("#3 a lastZxidSeen ahead of the server closes the connection without a byte", async (t) => {
  const now = (await t.c.ping()).zxid;
  for (const lastZxidSeen of [now + 100_000n, 0x7fffffffffffffffn]) {
    const connection = await t.connect();
    connection.send(connectFrame({ lastZxidSeen }));
    await connection.expectClose();
  }
});

conform("a lastZxidSeen that the server has reached, or a negative one, is welcome", async (t) => {
  const now = (await t.c.ping()).zxid;
  for (const lastZxidSeen of [now, 0n, -1n, -0x8000000000000000n]) {
    expect((await t.open({ lastZxidSeen })).answer.timeoutMs).toBe(30_000);
  }
});

conform(
  "a reattach with a lastZxidSeen ahead is refused and leaves the session and its old connection alone",
  async (t) => {
    const session = await t.open();
    const connection = await t.connect();
    connection.send(connectFrame({ ...session.ticket, lastZxidSeen: 0x7fffffffffffffffn }));
    await connection.expectClose();
    expect(await name(session.ping())).toBe("OK");
  },
);

conform("#4 opening a session is a transaction, reattaching one is not", async (t) => {
  const before = (await t.c.ping()).zxid;
  const session = await t.open();
  const opened = (await session.ping()).zxid;
  expect(opened).toBe(before + 1n);
  await session.vanish();
  const again = await t.open(session.ticket);
  expect((await again.ping()).zxid).toBe(opened);
}, { needsOneProcess: true });

conform("#5 the password follows from the session id as in Apache's generator", async (t) => {
  expect(Buffer.from(passwordOf(0x0100001335490000n)).toString("hex")).toBe(
    "5dbb080e26865efe030ece81dff1b87f",
  );
  for (let i = 0; i < 3; i++) {
    const session = await t.open();
    expect(session.answer.password).toEqual(passwordOf(session.id));
  }
});

conform("session ids are given out in sequence and are never zero", async (t) => {
  const first = (await t.open()).id;
  const second = (await t.open()).id;
  expect(first).not.toBe(0n);
  expect(second).toBeGreaterThan(first);
  expect(second >> 56n).toBe(first >> 56n);
});

conform(
  "#6 a reattach closes the older connection of the session, its watches and auth with it",
  async (t) => {
    const session = await t.open();
    await session.auth("digest", "u:p");
    await session.getData(t.root, true);
    const again = await t.open(session.ticket);
    await session.ended();
    await t.c.setData(t.root, "x");
    expect(await again.takeEvents()).toEqual([]);
    expect((await again.whoAmI()).body.users.map((user) => user.scheme)).toEqual(["ip"]);
  },
);

conform(
  "a session that moved to another connection keeps its ephemerals through a hundred moves",
  async (t) => {
    let session = await t.open();
    await session.create(t.at("mine"), { flags: 1 });
    for (let i = 0; i < 100; i++) session = t.keep(await t.open(session.ticket));
    expect((await t.c.exists(t.at("mine"))).body.stat.ephemeralOwner).toBe(session.id);
  },
);

conform("the timeout a server grants is the wish moved to the nearest edge of its window", async (t) => {
  const { tickMs, minMs, maxMs } = await timeLimits();
  expect(minMs).toBe(2 * tickMs);
  const wishes = [
    -1,
    0,
    1,
    minMs - 1,
    minMs,
    minMs + 1,
    maxMs - 1,
    maxMs,
    maxMs + 1,
    0x7fffffff,
    -0x80000000,
  ];
  for (const timeoutMs of wishes) {
    const granted = (await t.open({ timeoutMs })).answer.timeoutMs;
    expect([timeoutMs, granted]).toEqual([timeoutMs, Math.min(Math.max(timeoutMs, minMs), maxMs)]);
  }
});

conform("#7 the timeout is renegotiated on every reattach", async (t) => {
  const { minMs, maxMs } = await timeLimits();
  const session = await t.open({ timeoutMs: 30_000 });
  expect(session.answer.timeoutMs).toBe(30_000);
  const shorter = await t.open({ ...session.ticket, timeoutMs: minMs });
  expect(shorter.answer.timeoutMs).toBe(minMs);
  const longer = await t.open({ ...session.ticket, timeoutMs: maxMs });
  expect([longer.id, longer.answer.timeoutMs]).toEqual([session.id, maxMs]);
  const shortAgain = await t.open({ ...session.ticket, timeoutMs: minMs });
  await shortAgain.create(t.at("mine"), { flags: 1 });
  await shortAgain.vanish();
  await until(
    "expiry by the last timeout",
    async () => (await t.c.exists(t.at("mine"))).name === "NONODE" || undefined,
    4 * minMs + 10_000,
  );
});

conform(
  "an expired session loses its ephemerals, its connection closes without a byte, and it cannot come back",
  async (t) => {
    const { minMs } = await timeLimits();
    const session = await t.open({ timeoutMs: minMs });
    await session.create(t.at("mine"), { flags: 1 });
    await t.c.sync(t.root);
    await t.c.exists(t.at("mine"), true);
    await t.c.getChildren(t.root, true);
    const seen = session.history.length;
    expect(t.relative(await t.c.waitEvents(2))).toEqual(["deleted /mine", "children ."]);
    await session.ended();
    expect(session.history.length).toBe(seen);
    const refused = await t.tryOpen(session.ticket);
    expect(refused.answer.timeoutMs).toBe(0);
    expect(await refused.ended()).toBe("fin");
  },
);

conform("#9 every packet keeps a session alive, pings included, and silence does not", async (t) => {
  const { minMs } = await timeLimits();
  const pinging = await t.open({ timeoutMs: minMs });
  const reading = await t.open({ timeoutMs: minMs });
  const silent = await t.open({ timeoutMs: minMs });
  await pinging.create(t.at("pinging"), { flags: 1 });
  await reading.create(t.at("reading"), { flags: 1 });
  await silent.create(t.at("silent"), { flags: 1 });
  await until("the silent session's end", async () => {
    await pinging.ping();
    await reading.exists(t.root);
    return (await t.c.exists(t.at("silent"))).name === "NONODE" || undefined;
  });
  // By now each lived through at least one whole timeout on its packets alone.
  expect((await t.c.getChildren(t.root)).body.children.sort()).toEqual(["pinging", "reading"]);
});

conform(
  "#10 a ping is answered with xid -2, no body and the current zxid, whatever xid it had",
  async (t) => {
    const written = await t.c.setData(t.root, "x");
    for (const xid of [-2, 5, 0]) {
      const reply = await t.c.request(opcode.ping, "none", undefined, xid);
      expect([reply.xid, reply.err, reply.rest.length, reply.zxid]).toEqual([-2, 0, 0, written.zxid]);
    }
  },
);

conform("a ping is answered in its turn behind earlier requests", async (t) => {
  const replies = await Promise.all([t.c.create(t.at("a")), t.c.ping(), t.c.create(t.at("b")), t.c.ping()]);
  expect(replies.map((reply) => reply.type)).toEqual([
    opcode.create,
    opcode.ping,
    opcode.create,
    opcode.ping,
  ]);
  const order = t.c.history.filter((item) => item.kind === "reply").slice(-4).map((reply) => reply.type);
  expect(order).toEqual([opcode.create, opcode.ping, opcode.create, opcode.ping]);
});

conform("#39 what a client has seen, another connection with that lastZxidSeen sees too", async (t) => {
  const session = await t.open();
  const { zxid } = await session.create(t.at("seen"));
  await session.vanish();
  const again = await t.open({ ...session.ticket, lastZxidSeen: zxid });
  expect(await name(again.exists(t.at("seen")))).toBe("OK");
});

conform("#39 names come back from getChildren exactly as created, sequence suffix included", async (t) => {
  const guid = "_c_6a0a7c7c-5f3b-4d0a-9b58-1f0c2f5a7f10-lock-";
  const created = (await t.c.create(t.at(guid), { flags: 3 })).body.path;
  expect(created).toBe(`${t.at(guid)}0000000000`);
  expect((await t.c.getChildren(t.root)).body.children).toEqual([`${guid}0000000000`]);
});

conform(
  "#40 closing a session: its deletions are seen first, then the reply with their zxid, then the end",
  async (t) => {
    const session = await t.open();
    const other = await t.open();
    await session.create(t.at("a"), { flags: 1 });
    await session.exists(t.at("a"), true);
    await other.exists(t.at("a"), true);
    await other.getChildren(t.root, true);
    const reply = await session.closeSession();
    expect([reply.name, reply.rest.length]).toEqual(["OK", 0]);
    expect(await session.ended()).toBe("fin");
    const kinds = session.history.slice(-2).map((item) => item.kind);
    expect(kinds).toEqual(["event", "reply"]);
    expect(await name(other.exists(t.at("a")))).toBe("NONODE");
    expect(await t.events(other)).toEqual(["deleted /a", "children ."]);
    expect((await other.getChildren2(t.root)).body.stat.pzxid).toBe(reply.zxid);
    expect((await t.tryOpen(session.ticket)).answer.timeoutMs).toBe(0);
  },
);

conform("requests pipelined behind closeSession come to nothing", async (t) => {
  const session = await t.open();
  const closing = session.closeSession();
  const late = session.create(t.at("late"));
  expect((await closing).name).toBe("OK");
  // Apache mostly drops it without an answer, and now and then gets to say that the session is over.
  expect((await late).name).toBeOneOf(["CLOSED", "SESSIONEXPIRED"]);
  expect(await name(t.c.exists(t.at("late")))).toBe("NONODE");
});

conform("a session survives its connection's end until its timeout", async (t) => {
  const session = await t.open();
  await session.create(t.at("mine"), { flags: 1 });
  await session.connection.close();
  expect(await name(t.c.exists(t.at("mine")))).toBe("OK");
  const again = await t.open(session.ticket);
  expect(await name(again.delete(t.at("mine")))).toBe("OK");
});

conform("a second connect request on a connection is read as a request, and is nonsense", async (t) => {
  // Its first 8 bytes are xid 0 and type 0.
  const session = await t.open();
  session.connection.send(connectFrame());
  await session.ended();
  expect(session.strays.length).toBe(1);
  const input = new ByteReader(session.strays[0]);
  expect([input.int(), input.long(), input.int()]).toEqual([0, -1n, -6]);
});

conform("a write pipelined with the connection's end still happens", async (t) => {
  const connection = await t.connect();
  connection.send(connectFrame());
  await t.readAnswer(connection);
  connection.send(concat(
    requestFrame(
      1,
      opcode.create,
      bodies.create(t.at("a"), "", [{ perms: 31, scheme: "world", id: "anyone" }], 0),
    ),
    requestFrame(2, opcode.closeSession),
  ));
  await until("the write", async () => (await t.c.exists(t.at("a"))).name === "OK" || undefined);
});
