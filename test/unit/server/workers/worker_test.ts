import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../src/protocol/error_code.ts";
import { OpCode } from "../../../../src/protocol/op_code.ts";
import { createBody, Group, setBody } from "./_group.ts";

const syncBody = (out: { string(text: string): void }) => out.string("/");

describe("a worker", () => {
  test("serves the tree of the main process once it has it, and what is written by any process from then on", async () => {
    const group = await Group.start(0);
    const main = await group.session(0);
    await main.create("/before");
    await group.startWorker(1);
    const client = await group.session(1);
    expect(await client.get("/before")).toBe("new");
    expect((await client.create("/through")).error).toBe(ErrorCode.ok);
    expect(await main.get("/through")).toBe("new");
    await main.set("/through", "again");
    expect(await client.get("/through")).toBe("again");
  });

  test("answers its client's writes in their order, with the txns' zxids, errors too", async () => {
    const group = await Group.start(1);
    const client = await group.session(1);
    const xids = [
      client.request(OpCode.create, createBody("/a")),
      client.request(OpCode.create, createBody("/a")),
      client.request(OpCode.getData, (out) => {
        out.string("/a");
        out.bool(false);
      }),
      client.request(OpCode.setData, setBody("/a", "2")),
    ];
    await group.settle();
    const received = client.take();
    expect(received.map(({ xid }) => xid)).toEqual(xids);
    expect(received.map(({ error }) => error)).toEqual([0, ErrorCode.nodeExists, 0, 0]);
    const [create, exists, , set] = received.map(({ zxid }) => zxid);
    expect([exists, set]).toEqual([create + 1, create + 2]);
  });

  test("tells of a change before it shows the changed data", async () => {
    const group = await Group.start(1);
    const writer = await group.session(0);
    await writer.create("/w");
    const watcher = await group.session(1);
    await watcher.get("/w", true);
    writer.request(OpCode.setData, setBody("/w", "2"));
    watcher.request(OpCode.getData, (out) => {
      out.string("/w");
      out.bool(false);
    });
    await group.settle();
    watcher.request(OpCode.getData, (out) => {
      out.string("/w");
      out.bool(false);
    });
    await group.settle();
    const received = watcher.take();
    const event = received.findIndex(({ xid }) => xid === -1);
    const changed = received.findIndex(({ xid, body }) =>
      xid > 0 && new TextDecoder().decode(body.buffer()!) === "2"
    );
    expect(event).toBeGreaterThanOrEqual(0);
    expect(changed).toBeGreaterThan(event);
  });

  test("sync waits for what others were told", async () => {
    const group = await Group.start(2);
    const writer = await group.session(2);
    const reader = await group.session(1);
    await writer.create("/s");
    writer.request(OpCode.setData, setBody("/s", "fresh"));
    reader.request(OpCode.sync, syncBody);
    await group.settle();
    writer.take();
    reader.take();
    expect((await reader.ask(OpCode.sync, syncBody)).error).toBe(0);
    expect(await reader.get("/s")).toBe("fresh");
  });

  test("gives out session ids that no other process does", async () => {
    const group = await Group.start(2);
    const ids = new Set<bigint>();
    for (let round = 0; round < 5; round++) {
      for (const index of [0, 1, 2]) ids.add((await group.session(index)).session!.sessionId);
    }
    expect(ids.size).toBe(15);
  });

  test("listens only while it is up to date", async () => {
    const group = await Group.start(1);
    expect(await group.isOpen(1)).toBe(true);
    const client = await group.session(1);
    group.offices.network.sockets.filter((socket) => socket.open).forEach((socket) => {
      if (socket !== client.socket && socket.other !== client.socket) socket.destroy();
    });
    await group.settle();
    expect(client.closed).toBe(true);
    expect(await group.isOpen(1)).toBe(false);
    await group.offices.pass(1000);
    expect(await group.isOpen(1)).toBe(true);
  });
});

describe("a session", () => {
  test("moves between processes, loses its old connection by that, and keeps its ephemerals", async () => {
    const group = await Group.start(2);
    const before = await group.session(1);
    await before.create("/e", 1);
    const after = await group.connect(2);
    expect((await after.open({ as: before }))?.sessionId).toBe(before.session!.sessionId);
    expect(before.closed).toBe(true);
    expect(await after.get("/e")).toBe("new");
    expect((await after.set("/e", "mine")).error).toBe(0);
    expect((await after.ask(OpCode.closeSession)).error).toBe(0);
    expect(await (await group.session(0)).get("/e")).toBe(ErrorCode.noNode);
  });

  test("that has moved is not written to by what its old connection left behind", async () => {
    const group = await Group.start(2);
    const before = await group.session(1);
    await before.create("/a");
    group.hold(1);
    before.request(OpCode.setData, setBody("/a", "old"));
    await group.settle();
    const after = await group.connect(2);
    await after.open({ as: before });
    await after.set("/a", "new owner's");
    group.release(1);
    await group.settle();
    expect(await after.get("/a")).toBe("new owner's");
    expect(before.closed).toBe(true);
  });

  test("goes round all processes without ever being two clients'", async () => {
    const group = await Group.start(2);
    let client = await group.session(0);
    await client.create("/e", 1);
    for (const index of [1, 2, 1, 0, 2, 0, 1]) {
      const next = await group.connect(index);
      expect((await next.open({ as: client }))?.sessionId).toBe(client.session!.sessionId);
      expect(client.closed).toBe(true);
      expect((await next.set("/e", `at ${index}`)).error).toBe(0);
      client = next;
    }
    expect(await client.get("/e")).toBe("at 1");
  });

  test("is not taken up by a worker that has not seen what its client has", async () => {
    const group = await Group.start(1);
    const client = await group.session(0);
    await client.create("/a");
    const ahead = await group.connect(1);
    expect(await ahead.open({ as: client, lastZxidSeen: client.lastZxid + 1 })).toBeNull();
    expect(ahead.closed).toBe(true);
    expect(client.closed).toBe(false);
  });

  test("lives while its client is heard by a worker, and ends with its ephemerals when it is not", async () => {
    const group = await Group.start(1);
    const client = await group.session(1, { timeoutMs: 4000 });
    const witness = await group.session(0, { timeoutMs: 20_000 });
    await client.create("/e", 1);
    for (let round = 0; round < 6; round++) {
      await group.offices.pass(2000);
      await client.ping();
      await witness.get("/e");
    }
    expect(client.closed).toBe(false);
    await group.offices.pass(8000);
    expect(client.closed).toBe(true);
    expect(await witness.get("/e")).toBe(ErrorCode.noNode);
  });

  test("is known to be heard a fraction of a tick later", async () => {
    const group = await Group.start(1);
    const client = await group.session(1, { timeoutMs: 4000 });
    await group.offices.pass(3500);
    await client.ping();
    await group.offices.pass(250);
    // dump of the main process tells when its sessions expire, in ticks.
    const [, at] = /^1 expire at (.*):\n\t0x/m.exec(await group.ask(0, "dump"))!;
    expect(Date.parse(at)).toBeGreaterThanOrEqual(group.offices.clock.wallMs() + 3000);
  });

  test("that a worker began can be ended through the main process, and is known nowhere then", async () => {
    const group = await Group.start(1);
    const client = await group.session(1);
    const after = await group.connect(0);
    await after.open({ as: client });
    expect((await after.ask(OpCode.closeSession)).error).toBe(0);
    await group.settle();
    const again = await group.connect(1);
    expect((await again.open({ as: client }))?.sessionId).toBe(0n);
  });
});

describe("a disk that is full", () => {
  test("refuses what a worker forwards, in its order, and takes writes again when there is room", async () => {
    const group = await Group.start(1);
    const client = await group.session(1);
    await client.create("/a");
    group.disk.capacityBytes = 0;
    const xids = [
      client.request(OpCode.setData, setBody("/a", "2".repeat(10_000))),
      client.request(OpCode.setData, setBody("/a", "3")),
    ];
    await group.settle();
    expect(client.take().map(({ xid, error }) => [xid, error])).toEqual(
      xids.map((xid) => [xid, ErrorCode.systemError]),
    );
    const beginning = await group.connect(1);
    expect(await beginning.open()).toBeNull();
    expect(beginning.closed).toBe(true);
    expect(await client.get("/a")).toBe("new");
    group.disk.capacityBytes = Infinity;
    expect((await client.set("/a", "4")).error).toBe(0);
    expect(await client.get("/a")).toBe("4");
    expect(client.closed).toBe(false);
  });
});

describe("the main process", () => {
  test("has a worker ended that does not answer, and no other", async () => {
    const group = await Group.start(2);
    await group.offices.pass(10_000);
    expect(group.silent).toEqual([]);
    group.hold(2);
    await group.offices.pass(10_000);
    expect(group.silent).toEqual([2]);
    expect(await group.isOpen(1)).toBe(true);
  });

  test("takes its workers' clients along when it stops", async () => {
    const group = await Group.start(1);
    const client = await group.session(1);
    await group.main.stop();
    await group.settle();
    expect(client.closed).toBe(true);
    expect(await group.isOpen(1)).toBe(false);
  });
});

describe("four-letter words", () => {
  test("tell of the whole server, whichever process is asked", async () => {
    const group = await Group.start(2);
    for (const index of [0, 1, 1, 2]) {
      const client = await group.session(index);
      await client.get("/", true);
    }
    for (const index of [0, 1, 2]) {
      const srvr = await group.ask(index, "srvr");
      expect(srvr).toContain("Mode: standalone\n");
      expect(srvr).toContain("Connections: 5\n");
      expect(await group.ask(index, "wchs")).toBe("4 connections watching 1 paths\nTotal watches:4\n");
      expect((await group.ask(index, "cons")).match(/sid=0x/g)).toHaveLength(4);
      expect(await group.ask(index, "mntr")).toContain("zk_num_alive_connections\t5\n");
      expect(await group.ask(index, "ruok")).toBe("imok");
      expect(await group.ask(index, "isro")).toBe("rw");
      expect((await group.ask(index, "dump")).match(/sessionId: 0x[1-9a-f]/g)).toHaveLength(4);
    }
    const [, received] = /Received: (\d+)/.exec(await group.ask(1, "srvr"))!;
    expect(Number(received)).toBeGreaterThan(8);
    await group.ask(2, "srst");
    expect(await group.ask(0, "srvr")).toContain("Received: 1\n");
  });
});
