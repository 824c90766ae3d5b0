/**
 * Frames, their limits, and bodies that cannot be decoded.
 *
 * @see Fact: apache/zookeeper NIOServerCnxn.java (readLength), BinaryInputArchive.java, ByteBufferInputStream.java
 */
import { expect } from "bun:test";
import { opcode } from "../wire/codes.ts";
import {
  bodies,
  ByteWriter,
  concat,
  connectFrame,
  connectPayload,
  frame,
  openAcl,
  requestFrame,
} from "../wire/frames.ts";
import { ByteReader } from "../wire/reader.ts";
import { conform, name } from "./harness.ts";

/** Default of jute.maxbuffer: the largest payload a server reads. */
const payloadBytesMax = 0xfffff;

/** A path record that is cut inside its string. */
const cutString = new ByteWriter().int(100).raw(new Uint8Array(3)).bytes();

conform("a connect request arriving one byte at a time opens a session", async (t) => {
  const connection = await t.connect();
  for (const byte of connectFrame()) {
    connection.send(Uint8Array.of(byte));
    await Bun.sleep(0);
  }
  expect((await t.readAnswer(connection)).timeoutMs).toBe(30_000);
});

conform(
  "frames sent right behind the connect request wait for the session and are answered in order",
  async (t) => {
    const connection = await t.connect();
    const requests = [1, 2, 3].map((xid) => requestFrame(xid, opcode.exists, bodies.exists(t.root, false)));
    connection.send(concat(connectFrame(), ...requests));
    expect((await t.readAnswer(connection)).timeoutMs).toBe(30_000);
    for (const xid of [1, 2, 3]) expect(new ByteReader(await connection.nextFrame()).int()).toBe(xid);
  },
);

conform("a hundred requests in one segment are answered in request order", async (t) => {
  const paths = Array.from({ length: 100 }, (_, i) => t.at(`n${i}`));
  const replies = await Promise.all(paths.flatMap((path) => [t.c.create(path), t.c.exists(path)]));
  expect(replies.every((reply) => reply.name === "OK")).toBe(true);
  const xids = t.c.history.filter((item) => item.kind === "reply").map((reply) => reply.xid);
  expect(xids).toEqual([...xids].sort((a, b) => a - b));
});

conform("a request cut anywhere between two segments is understood", async (t) => {
  const request = requestFrame(77, opcode.exists, bodies.exists(t.root, false));
  for (let at = 1; at < request.length; at++) {
    t.c.connection.send(request.slice(0, at));
    await Bun.sleep(0);
    t.c.connection.send(request.slice(at));
  }
  expect(await name(t.c.ping())).toBe("OK");
  expect(t.c.strays.length).toBe(request.length - 1);
});

for (
  const [what, length] of [["negative", -1], ["larger than jute.maxbuffer", payloadBytesMax + 1], [
    "2^31-1",
    0x7fffffff,
  ]] as const
) {
  conform(`a ${what} frame length closes the connection without a reply and keeps the session`, async (t) => {
    const victim = await t.open();
    expect(await name(victim.create(t.at("mine"), { flags: 1 }))).toBe("OK");
    const seen = victim.history.length;
    victim.connection.send(new ByteWriter().int(length).bytes());
    await victim.ended();
    expect(victim.history.length).toBe(seen);
    expect(await name(t.c.exists(t.at("mine")))).toBe("OK");
    const again = await t.open(victim.ticket);
    expect(again.id).toBe(victim.id);
  });
}

conform("an oversized length as the first frame closes the connection without a byte", async (t) => {
  const connection = await t.connect();
  connection.send(new ByteWriter().int(payloadBytesMax + 1).bytes());
  await connection.expectClose();
});

conform("a frame of exactly jute.maxbuffer is accepted and its data is served back whole", async (t) => {
  // setData is header 8, path 4 + n, data 4 + m, version 4.
  const data = new Uint8Array(payloadBytesMax - 8 - 4 - t.root.length - 4 - 4).fill(0x61);
  expect((await t.c.setData(t.root, data)).body.stat.dataLength).toBe(data.length);
  const read = (await t.c.getData(t.root)).body;
  expect(read.data?.length).toBe(data.length);
  expect(read.data?.every((byte) => byte === 0x61)).toBe(true);
});

conform("a child list far over jute.maxbuffer is served whole", async (t) => {
  const count = 1_000;
  const long = "x".repeat(1_100);
  const made = await Promise.all(Array.from({ length: count }, (_, i) => t.c.create(t.at(`${long}${i}`))));
  expect(made.every((reply) => reply.name === "OK")).toBe(true);
  expect((await t.c.getChildren(t.root)).body.children.length).toBe(count);
  await Promise.all(Array.from({ length: count }, (_, i) => t.c.delete(t.at(`${long}${i}`))));
});

for (const size of [0, 1, 7]) {
  conform(
    `a payload of ${size} bytes is too short for a request header and closes the connection`,
    async (t) => {
      const seen = t.c.history.length;
      t.c.connection.send(frame(new Uint8Array(size)));
      await t.c.ended();
      expect(t.c.history.length).toBe(seen);
    },
  );
}

conform("a payload of 8 bytes with a type that needs a body is an undecodable body", async (t) => {
  expect(await name(t.c.raw(opcode.getData, new Uint8Array(0)))).toBe("MARSHALLINGERROR");
});

for (const size of [0, 8, 27]) {
  conform(`a connect request of ${size} bytes closes the connection without a byte`, async (t) => {
    const connection = await t.connect();
    connection.send(frame(connectPayload().slice(0, size)));
    await connection.expectClose();
  });
}

conform("bytes after a connect request's record are ignored", async (t) => {
  const connection = await t.connect();
  connection.send(frame(concat(connectPayload(), new Uint8Array(9).fill(7))));
  const answer = await t.readAnswer(connection);
  expect(answer.timeoutMs).toBe(30_000);
  expect(answer.readOnly).toBe(false);
});

conform("the protocol version of a connect request does not matter", async (t) => {
  for (const protocolVersion of [1, -1, 0x7fffffff]) {
    expect((await t.open({ protocolVersion })).answer.protocolVersion).toBe(0);
  }
});

conform("a null password opens a new session", async (t) => {
  const session = await t.open({ password: null });
  expect(session.answer.password.length).toBe(16);
});

conform(
  "#14 an undecodable body answers MARSHALLINGERROR, keeps the connection, and trailing bytes are ignored",
  async (t) => {
    expect(await name(t.c.raw(opcode.getData, cutString))).toBe("MARSHALLINGERROR");
    expect(await name(t.c.raw(opcode.create, cutString))).toBe("MARSHALLINGERROR");
    expect(await name(t.c.getData(t.root))).toBe("OK");
    const trailing = concat(bodies.getData(t.root, false), new Uint8Array(40).fill(0xff));
    expect(await name(t.c.raw(opcode.exists, trailing))).toBe("OK");
    expect(await name(t.c.raw(opcode.delete, concat(bodies.delete(t.at("none"), -1), cutString)))).toBe(
      "NONODE",
    );
  },
);

const decodable: [string, number][] = [
  ["create", opcode.create],
  ["create2", opcode.create2],
  ["createContainer", opcode.createContainer],
  ["createTTL", opcode.createTTL],
  ["delete", opcode.delete],
  ["exists", opcode.exists],
  ["getData", opcode.getData],
  ["setData", opcode.setData],
  ["getACL", opcode.getACL],
  ["setACL", opcode.setACL],
  ["getChildren", opcode.getChildren],
  ["getChildren2", opcode.getChildren2],
  ["multi", opcode.multi],
  ["multiRead", opcode.multiRead],
  ["checkWatches", opcode.checkWatches],
  ["removeWatches", opcode.removeWatches],
  ["setWatches", opcode.setWatches],
  ["setWatches2", opcode.setWatches2],
  ["addWatch", opcode.addWatch],
  ["getEphemerals", opcode.getEphemerals],
  ["getAllChildrenNumber", opcode.getAllChildrenNumber],
];
for (const [op, type] of decodable) {
  conform(
    `${op} with a body cut in its first field answers MARSHALLINGERROR and keeps the connection`,
    async (t) => {
      // The first field of every one of these is a string, a long or a multi header.
      expect(await name(t.c.raw(type, Uint8Array.of(0, 0, 1)))).toBe("MARSHALLINGERROR");
      expect(await name(t.c.ping())).toBe("OK");
    },
  );
}

conform("a string of negative length other than -1 is undecodable", async (t) => {
  const body = new ByteWriter().int(-2).bool(false).bytes();
  expect(await name(t.c.raw(opcode.getData, body))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.ping())).toBe("OK");
});

conform("a string longer than its frame is undecodable", async (t) => {
  for (const length of [1_000, 3_000_000, 0x7fffffff]) {
    const body = new ByteWriter().int(length).raw(new Uint8Array(10)).bytes();
    expect(await name(t.c.raw(opcode.getData, body))).toBe("MARSHALLINGERROR");
  }
  expect(await name(t.c.ping())).toBe("OK");
});

conform("a vector of negative count other than -1 reads as empty", async (t) => {
  const body = new ByteWriter().long(0).int(-7).int(-3).int(-2).bytes();
  expect(await name(t.c.raw(opcode.setWatches, body))).toBe("OK");
});

conform("a vector whose count exceeds its frame is undecodable", async (t) => {
  const body = new ByteWriter().buffer(t.at("a")).buffer("").int(0x7ffffff0).bytes();
  expect(await name(t.c.raw(opcode.create, body))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.exists(t.at("a")))).toBe("NONODE");
});

conform("any non-zero byte is true", async (t) => {
  const body = new ByteWriter().buffer(t.root).byte(0x55).bytes();
  expect(await name(t.c.raw(opcode.getData, body))).toBe("OK");
  await t.c.setData(t.root, "x");
  expect(await t.events()).toEqual(["data ."]);
});

conform("malformed UTF-8 in a path reads as U+FFFD, which no path may hold", async (t) => {
  const path = concat(new TextEncoder().encode(`${t.root}/a`), Uint8Array.of(0xff, 0xfe));
  const create = new ByteWriter().buffer(path).buffer("").acl(openAcl).int(0).bytes();
  expect(await name(t.c.raw(opcode.create, create))).toBe("BADARGUMENTS");
  expect(await name(t.c.raw(opcode.exists, new ByteWriter().buffer(path).bool(false).bytes()))).toBe(
    "NONODE",
  );
});

conform("#38 null data stays null, empty data stays empty", async (t) => {
  await t.c.create(t.at("null"), { data: null });
  await t.c.create(t.at("empty"), { data: "" });
  expect((await t.c.getData(t.at("null"))).body).toMatchObject({ data: null, stat: { dataLength: 0 } });
  expect((await t.c.getData(t.at("empty"))).body).toMatchObject({
    data: new Uint8Array(0),
    stat: { dataLength: 0 },
  });
  await t.c.setData(t.at("empty"), null);
  expect((await t.c.getData(t.at("empty"))).body.data).toBeNull();
  await t.c.setData(t.at("null"), "");
  expect((await t.c.getData(t.at("null"))).body.data).toEqual(new Uint8Array(0));
});

conform("#13 an unknown opcode answers UNIMPLEMENTED with zxid -1 and closes", async (t) => {
  for (const type of [0, 10, 23, 99, 108, 1_000, -2, -12, 0x7fffffff]) {
    const session = await t.open();
    const reply = await session.raw(type, bodies.exists(t.root, false));
    expect([type, reply.name, reply.zxid, reply.rest.length]).toEqual([type, "UNIMPLEMENTED", -1n, 0]);
    await session.ended();
  }
});

conform("check outside a multi is an unknown opcode", async (t) => {
  const reply = await t.c.raw(opcode.check, bodies.check(t.root, -1));
  expect([reply.name, reply.zxid]).toEqual(["UNIMPLEMENTED", -1n]);
  await t.c.ended();
}, { except: { "apache-3.8": "before 3.8.5 and 3.9.3 a stand-alone check was executed" } });

for (
  const [op, type] of [["createSession", opcode.createSession], [
    "deleteContainer",
    opcode.deleteContainer,
  ]] as const
) {
  const reason = "Apache executes this internal request for any client; refusing it is deliberate";
  conform(`${op} from a client is refused as an unknown opcode`, async (t) => {
    await t.c.create(t.at("a"));
    const body = type === opcode.createSession
      ? new ByteWriter().int(10_000).bytes()
      : bodies.deleteContainer(t.at("a"));
    const reply = await t.c.raw(type, body);
    expect([reply.name, reply.zxid]).toEqual(["UNIMPLEMENTED", -1n]);
    await t.c.ended();
    const other = await t.open();
    expect(await name(other.exists(t.at("a")))).toBe("OK");
  }, { except: { "apache-3.8": reason, "apache-3.9.5": reason } });
}

conform("the xid of a request is echoed, whatever it is", async (t) => {
  for (const xid of [0, 5, 5, -3, -7, 0x7fffffff, -0x80000000]) {
    const reply = await t.c.request(opcode.exists, "stat", bodies.exists(t.root, false), xid);
    expect([reply.xid, reply.name]).toEqual([xid, "OK"]);
  }
});

conform("a client that reads nothing while much is sent to it gets all of it in the end", async (t) => {
  await t.c.setData(t.root, new Uint8Array(100_000).fill(0x62));
  const slow = await t.open();
  slow.connection.pause();
  const reads = Array.from({ length: 200 }, () => slow.getData(t.root));
  expect(await name(t.c.ping())).toBe("OK");
  slow.connection.resume();
  for (const reply of await Promise.all(reads)) expect(reply.body.data?.length).toBe(100_000);
});
