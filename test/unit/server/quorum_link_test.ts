import { describe, expect, test } from "bun:test";
import { limits } from "../../../src/base/limits.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import {
  PacketSplitter,
  PacketType,
  type RawConsumer,
  writePacket,
} from "../../../src/protocol/quorum_packet.ts";
import { QuorumLink, type TreeSending } from "../../../src/server/quorum_link.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { TreeSnapshotCursor, TreeSnapshotLoader } from "../../../src/tree/tree_snapshot.ts";
import { create, entryOf, makeTree } from "../tree/_txns.ts";
import { packetsIn, showPacket, zxid } from "../zab/_zab.ts";
import { FakeHub, FakeOwner, FakeSocket, openLink } from "./_link_bench.ts";

const packetBytes = (type: PacketType, at: string, data: Uint8Array | null = null) => {
  const out = new JuteWriter();
  writePacket(out, type, zxid(at), data);
  return out.copy();
};

const sentBy = (socket: FakeSocket) => packetsIn(socket.take()).map(showPacket);

/** A tree whose bytes take several pieces. */
function largeTree(znodes = 20): DataTree {
  const tree = makeTree();
  for (let index = 1; index <= znodes; index++) {
    const entry = entryOf(create(`/n${index}`, { data: new Uint8Array(50_000).fill(index) }), {
      zxid: index,
    });
    tree.apply(entry, 0, entry.length, null, null);
  }
  return tree;
}

const noting = (lines: string[]): TreeSending => ({
  onPiece: () => lines.push("piece"),
  onSent: () => lines.push("sent"),
});

describe("a quorum link", () => {
  test("hands out packets as they come, whatever pieces they come in", () => {
    const bytes = Buffer.concat([
      packetBytes(PacketType.proposal, "5.1", new Uint8Array(300)),
      packetBytes(PacketType.commit, "5.1"),
    ]);
    for (const size of [1, 7, 16, 20, 319, 1000]) {
      const { link, owner } = openLink();
      for (let at = 0; at < bytes.length; at += size) {
        link.onData(Uint8Array.from(bytes.subarray(at, at + size)));
      }
      expect(owner.take()).toEqual(["PROPOSAL 5.1", "COMMIT 5.1"]);
    }
  });

  test("writes once a turn", () => {
    const { link, hub, socket } = openLink();
    link.send(PacketType.proposal, zxid("5.1"), new Uint8Array(10));
    link.sendEntry(PacketType.inform, zxid("5.2"), new Uint8Array(30), 10, 20);
    const data = new JuteWriter(4);
    data.int(0);
    link.sendWithIds(PacketType.request, -1, data, [{ scheme: "ip", id: "10.0.0.1" }]);
    link.write((out) => writePacket(out, PacketType.commit, zxid("5.1"), null));
    expect(socket.take()).toHaveLength(0);
    expect(hub.endTurn()).toBe(1);
    expect(sentBy(socket)).toEqual(["PROPOSAL 5.1", "INFORM 5.2", "REQUEST -1", "COMMIT 5.1"]);
    expect(hub.endTurn()).toBe(0);
    link.flush();
    expect(socket.take()).toHaveLength(0);
  });

  test("keeps what comes before it has an owner, up to a bound", () => {
    const socket = new FakeSocket();
    const link = new QuorumLink(new FakeHub(), socket, undefined);
    const bytes = packetBytes(PacketType.followerInfo, "4.0", new Uint8Array(20));
    link.onData(bytes.slice(0, 9));
    link.onData(bytes.slice(9));
    const owner = new FakeOwner();
    link.setOwner(owner);
    link.onData(packetBytes(PacketType.ack, "5.0"));
    expect(owner.take()).toEqual(["FOLLOWERINFO 4.0", "ACK 5.0"]);

    const noisy = new QuorumLink(new FakeHub(), socket, undefined);
    noisy.onData(new Uint8Array(limits.learnerGreetingBytesMax));
    expect(noisy.isClosed).toBe(false);
    noisy.onData(new Uint8Array(1));
    expect(noisy.isClosed).toBe(true);
    noisy.setOwner(owner);
    expect(owner.take()).toEqual([]);
  });

  test("says when all that came at once is handed out", () => {
    const { link, owner } = openLink();
    const acks = ["5.1", "5.2", "5.3"].map((at) => packetBytes(PacketType.ack, at));
    const inputs: number[] = [];
    owner.hook = () => inputs.push(owner.inputs);
    const before = owner.inputs;
    link.onData(Uint8Array.from(Buffer.concat(acks)));
    link.onData(acks[0]);
    expect(inputs.map((count) => count - before)).toEqual([0, 0, 0, 1]);
    expect(owner.inputs - before).toBe(2);
    owner.hook = () => link.close("enough");
    link.onData(acks[0]);
    expect(owner.inputs - before).toBe(2);
  });

  test("hands out nothing more once its owner has closed it", () => {
    const socket = new FakeSocket();
    const link = new QuorumLink(new FakeHub(), socket, undefined);
    for (const counter of [1, 2, 3]) link.onData(packetBytes(PacketType.ack, `5.${counter}`));
    const owner = new FakeOwner();
    owner.hook = () => link.close("enough");
    link.setOwner(owner);
    expect(owner.take()).toEqual(["ACK 5.1", "closed: enough"]);
    link.onData(packetBytes(PacketType.ack, "5.4"));
    expect(owner.take()).toEqual([]);
  });

  test("is closed by nonsense, and by nothing that follows it", () => {
    const { link, owner, socket } = openLink();
    const bytes = packetBytes(PacketType.ack, "5.1");
    bytes[12] = 0x7f;
    link.onData(Uint8Array.from(Buffer.concat([packetBytes(PacketType.ack, "5.0"), bytes])));
    expect(owner.take()).toEqual([
      "ACK 5.0",
      "closed: it sent what is no packet: unreasonable length 2147483647",
    ]);
    expect(socket.destroyed).toBe(1);
    link.onData(packetBytes(PacketType.ack, "5.2"));
    link.onClose(null);
    expect(owner.take()).toEqual([]);
  });

  test("tells of its end once, whoever ends it, and sends what was said before", () => {
    const { link, owner, socket, hub } = openLink();
    link.send(PacketType.ack, zxid("5.1"), null);
    link.close("the office is over");
    link.close("again");
    link.onClose(new Error("reset"));
    expect(owner.take()).toEqual(["closed: the office is over"]);
    expect([link.isClosed, socket.destroyed]).toEqual([true, 1]);
    expect(sentBy(socket)).toEqual(["ACK 5.1"]);
    link.send(PacketType.ack, zxid("5.2"), null);
    link.write(() => expect("written").toBe("not"));
    hub.settle();
    expect(socket.take()).toHaveLength(0);

    const broken = openLink();
    broken.link.onClose(new Error("reset by peer"));
    broken.link.close("late");
    expect(broken.owner.take()).toEqual(["closed: the connection broke: reset by peer"]);
    const ended = openLink();
    ended.link.onClose(null);
    expect(ended.owner.take()).toEqual(["closed: the connection was closed"]);
  });

  test("begins a turn with all that comes, and with its end", () => {
    const { link, hub } = openLink();
    link.onData(packetBytes(PacketType.ack, "5.1"));
    link.onDrain();
    link.onClose(null);
    expect(hub.turns).toBe(3);
  });

  test("drops a peer that does not take what it is sent", () => {
    const { link, hub, socket, owner } = openLink();
    for (const backlog of [limits.learnerOutboundBytesMax, limits.learnerOutboundBytesMax + 1]) {
      expect(owner.take()).toEqual([]);
      socket.backlog = backlog;
      link.send(PacketType.proposal, zxid("5.1"), new Uint8Array(9));
      hub.endTurn();
    }
    expect(owner.take()).toEqual(["closed: it does not take what it is sent"]);
    expect(socket.destroyed).toBe(1);
  });
});

describe("a quorum link that sends a tree", () => {
  test("puts it between what was said before and what is said meanwhile", () => {
    const tree = largeTree();
    const { link, hub, socket } = openLink();
    const told: string[] = [];
    link.send(PacketType.snap, zxid("0.20"), null);
    link.sendTree(new TreeSnapshotCursor(tree), {
      onPiece: () => told.push("piece"),
      onSent: () => {
        told.push("sent");
        link.send(PacketType.newLeader, zxid("5.0"), new Uint8Array(3));
      },
    });
    link.send(PacketType.proposal, zxid("5.1"), new Uint8Array(10));
    expect(hub.endTurn()).toBe(1);
    link.send(PacketType.commit, zxid("5.1"), null);
    expect(told).toEqual(["piece"]);
    hub.settle();
    expect(told).toEqual(["piece", "piece", "piece", "piece", "sent"]);

    const loaded = makeTree();
    const lines = received(socket.take(), loaded);
    expect(lines).toEqual(["SNAP 0.20", "tree", "PROPOSAL 5.1", "COMMIT 5.1", "NEWLEADER 5.0"]);
    expect(loaded.digest).toBe(tree.digest);
  });

  test("goes on when the network has taken the piece before", () => {
    const { link, hub, socket } = openLink();
    const told: string[] = [];
    socket.full = true;
    link.send(PacketType.snap, zxid("0.20"), null);
    link.sendTree(new TreeSnapshotCursor(largeTree()), noting(told));
    hub.settle();
    expect(told).toEqual([]);
    for (let piece = 1; piece <= 4; piece++) {
      socket.drain(link);
      socket.full = true;
      hub.settle();
      expect(told.filter((line) => line === "piece")).toHaveLength(piece);
      link.send(PacketType.ping, zxid("5.0"), null);
      hub.settle();
      expect(told.filter((line) => line === "piece")).toHaveLength(piece);
    }
    expect(told.at(-1)).toBe("sent");
    socket.drain(link);
    hub.settle();
    const lines = received(socket.take(), makeTree());
    expect(lines).toEqual(["SNAP 0.20", "tree", "PING 5.0", "PING 5.0", "PING 5.0", "PING 5.0"]);
  });

  test("drops a peer that takes nothing of it while too much gathers behind it", () => {
    const { link, hub, socket, owner } = openLink();
    const tree = largeTree(1);
    const told: string[] = [];
    socket.full = true;
    link.send(PacketType.snap, zxid("0.1"), null);
    link.sendTree(new TreeSnapshotCursor(tree), noting(told));
    // As if so much had been written; none of it is looked at.
    for (const bytes of [limits.learnerOutboundBytesMax, limits.learnerOutboundBytesMax + 1]) {
      expect(owner.take()).toEqual([]);
      link.write((out) => out.length = bytes);
      hub.endTurn();
    }
    expect(owner.take()).toEqual(["closed: it does not take what it is sent"]);
    expect([socket.destroyed, told]).toEqual([1, []]);
  });

  test("lets go of the tree when the connection is gone", () => {
    const tree = largeTree();
    const walkers = countWalkers(tree);
    const { link, hub } = openLink();
    const told: string[] = [];
    link.sendTree(new TreeSnapshotCursor(tree), noting(told));
    hub.endTurn();
    expect(walkers()).toBe(1);
    link.onClose(null);
    hub.settle();
    expect([walkers(), told]).toEqual([0, ["piece"]]);
    link.sendTree(new TreeSnapshotCursor(tree), noting(told));
    hub.settle();
    expect([walkers(), told]).toEqual([0, ["piece"]]);
  });
});

describe("a quorum link that receives a tree", () => {
  test("gives it to its consumer, and the packets behind it to its owner", () => {
    const tree = largeTree(8);
    const sender = openLink();
    sender.link.send(PacketType.snap, zxid("0.8"), null);
    sender.link.sendTree(new TreeSnapshotCursor(tree), {
      onPiece: () => {},
      onSent: () => sender.link.send(PacketType.newLeader, zxid("5.0"), null),
    });
    sender.hub.settle();
    const bytes = sender.socket.take();
    for (const size of [977, 65_536, bytes.length]) {
      const { link, owner } = openLink();
      const loaded = makeTree();
      owner.hook = (packet) => {
        if (packet.type === PacketType.snap) link.expectTree(treeConsumer(loaded, owner.lines));
      };
      for (let at = 0; at < bytes.length; at += size) link.onData(bytes.slice(at, at + size));
      expect(owner.take()).toEqual(["SNAP 0.8", "tree", "NEWLEADER 5.0"]);
      expect(loaded.digest).toBe(tree.digest);
    }
  });

  test("is closed when that is no tree", () => {
    const { link, owner } = openLink();
    owner.hook = () => link.expectTree(treeConsumer(makeTree(), owner.lines));
    const out = new JuteWriter();
    out.int(0);
    out.int(0);
    out.string("/not/the/root");
    out.buffer(null);
    out.longNumber(-1);
    out.raw(new Uint8Array(60));
    link.onData(Uint8Array.from(Buffer.concat([packetBytes(PacketType.snap, "0.1"), out.copy()])));
    expect(owner.lines[0]).toBe("SNAP 0.1");
    expect(owner.lines[1]).toStartWith("closed: it sent what is no packet: ");
    expect(owner.lines).toHaveLength(2);
  });
});

/** Loads a tree and its signature. */
function treeConsumer(tree: DataTree, lines: string[]): RawConsumer {
  const loader = new TreeSnapshotLoader(tree);
  const signature = 4 + "BenWasHere".length;
  return {
    done: false,
    push(bytes, start, end) {
      let at = start;
      if (!loader.done) at += loader.push(bytes, at, end);
      if (!loader.done || end - at < signature) return at - start;
      expect(Buffer.from(bytes.subarray(at + 4, at + signature)).toString()).toBe("BenWasHere");
      lines.push("tree");
      (this as { done: boolean }).done = true;
      return at + signature - start;
    },
  };
}

/** Reads a leader's stream: packets, and the tree behind SNAP. */
function received(bytes: Uint8Array, tree: DataTree): string[] {
  const lines: string[] = [];
  const splitter = new PacketSplitter();
  splitter.push(bytes, {
    onPacket: (packet) => {
      lines.push(showPacket(packet));
      if (packet.type === PacketType.snap) splitter.expectRaw(treeConsumer(tree, lines));
    },
    onBadPacket: (reason) => lines.push(reason),
  });
  return lines;
}

/** @returns What tells how many cursors walk a tree. */
function countWalkers(tree: DataTree): () => number {
  let count = 0;
  const add = tree.addWalker.bind(tree);
  const forget = tree.forgetWalker.bind(tree);
  const walking = new Set<unknown>();
  tree.addWalker = (walker) => {
    walking.add(walker);
    count = walking.size;
    add(walker);
  };
  tree.forgetWalker = (walker) => {
    walking.delete(walker);
    count = walking.size;
    forget(walker);
  };
  return () => count;
}
