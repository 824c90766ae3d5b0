import { afterEach, describe, expect, test } from "bun:test";
import { limits } from "../../../src/base/limits.ts";
import { encodeHandshake } from "../../../src/protocol/notification.ts";
import type { ServerId } from "../../../src/quorum/quorum.ts";
import { bytes, frame, handshake, portOf, type Raw, Station, text, World } from "./_election_station.ts";

let world = new World();
afterEach(() => {
  expect(world.clock.uncaught).toEqual([]);
  world = new World();
});

describe("between two servers there is one link", () => {
  for (const [how, starts] of [["smaller", [1, 2]], ["greater", [2, 1]]] as const) {
    test(`when the ${how} id starts first`, async () => {
      const stations = new Map<ServerId, Station>();
      for (const sid of starts) {
        stations.set(sid, await world.station(sid));
        stations.get(sid)!.port.connect([3 - sid]);
        await world.pass(100);
      }
      await world.pass(3000);
      for (const sid of starts) expect(stations.get(sid)!.port.linked).toEqual([3 - sid]);
      expect(stations.get(starts[0])!.seen()).toEqual([`down ${starts[1]}`, `up ${starts[1]}`]);
      expect(stations.get(starts[1])!.seen()).toEqual([`up ${starts[0]}`]);
      expect(world.network.openConnections).toBe(1);
    });
  }

  test("when both dial at the same moment", async () => {
    const [one, two] = [await world.station(1), await world.station(2)];
    one.port.connect([2]);
    two.port.connect([1]);
    await world.pass(3000);
    expect([one.seen(), two.seen()]).toEqual([["up 2"], ["up 1"]]);
    expect(world.network.openConnections).toBe(1);
  });

  test("when only one of them looks for the other, whichever it is", async () => {
    for (const seeker of [1, 2]) {
      world = new World();
      const [one, two] = [await world.station(1), await world.station(2)];
      (seeker === 1 ? one : two).port.send(3 - seeker, bytes("hello"));
      await world.pass(3000);
      expect([one.port.linked, two.port.linked]).toEqual([[2], [1]]);
      expect([...one.seen(), ...two.seen()]).toContain(`${seeker}: hello`);
      expect(world.network.openConnections).toBe(1);
    }
  });

  test("and among five, ten links", async () => {
    const stations: Station[] = [];
    for (const sid of [3, 1, 5, 2, 4]) {
      const station = await world.station(sid);
      station.port.connect([1, 2, 3, 4, 5].filter((other) => other !== sid));
      stations.push(station);
      await world.pass(7);
    }
    await world.pass(3000);
    for (const station of stations) expect(station.port.linked.length).toBe(4);
    expect(world.network.openConnections).toBe(10);
  });
});

describe("messages", () => {
  test("go both ways, each behind its length", async () => {
    const [one, two] = [await world.station(1), await world.station(2)];
    two.port.connect([1]);
    await world.pass(10);
    one.port.send(2, bytes("from one"));
    two.port.send(1, bytes("from two"));
    two.port.send(1, bytes("again"));
    await world.pass(10);
    expect(one.seen()).toEqual(["up 2", "2: from two", "2: again"]);
    expect(two.seen()).toEqual(["up 1", "1: from one"]);
    const written = world.network.sockets.flatMap((socket) => socket.writes).map((part) => Buffer.from(part));
    expect(written.map((part) => part.toString("hex"))).toContain("0000000866726f6d206f6e65");
  });

  test("and handshakes arrive whole when they come byte by byte", async () => {
    world.network.chunkBytes = 1;
    const [one, two] = [await world.station(1), await world.station(2)];
    one.port.send(2, bytes("from one"));
    two.port.send(1, bytes("from two"));
    await world.pass(2000);
    expect(one.seen()).toEqual(["up 2", "2: from two"]);
    expect(two.seen()).toEqual(["up 1", "1: from one"]);
  });

  test("that come in one piece with the handshake are not lost", async () => {
    const one = await world.station(1);
    await world.raw(
      portOf(1),
      Uint8Array.from([...handshake(2), ...frame(2, bytes("hi")), ...frame(3, bytes("you"))]),
    );
    expect(one.seen()).toEqual(["up 2", "2: hi", "2: you"]);
  });

  test("wait for the link, and only the newest does", async () => {
    const two = await world.station(2);
    two.port.send(1, bytes("old"));
    two.port.send(1, bytes("new"));
    await world.pass(100);
    const one = await world.station(1);
    one.port.connect([2]);
    await world.pass(100);
    expect(one.seen()).toEqual(["up 2", "2: new"]);
  });

  test("are sent again over a new link, since the old one may have broken before they arrived", async () => {
    const one = await world.station(1);
    const first = await world.raw(portOf(1), handshake(2));
    one.port.send(2, bytes("a"));
    one.port.send(2, bytes("b"));
    const second = await world.raw(portOf(1), handshake(2));
    expect([first.closed, second.closed]).toEqual([true, false]);
    expect([first.hex, second.hex]).toEqual(["00000001610000000162", "0000000162"]);
    expect(one.seen()).toEqual(["up 2", "up 2"]);
  });

  test("of an election that is over are not", async () => {
    const one = await world.station(1);
    await world.raw(portOf(1), handshake(2));
    one.port.send(2, bytes("a"));
    one.port.rest();
    expect((await world.raw(portOf(1), handshake(2))).hex).toBe("");
    one.port.send(2, bytes("b"));
    expect((await world.raw(portOf(1), handshake(2))).hex).toBe("0000000162");
  });

  test("to a server that does not read do not pile up: the newest goes when it reads again", async () => {
    const one = await world.station(1);
    const two = await world.raw(portOf(1), handshake(2));
    const socket = two.socket.other;
    socket.stalled = true;
    for (const word of ["a", "b", "c", "d"]) one.port.send(2, bytes(word));
    expect(socket.writes.length).toBe(1);
    socket.drain();
    await world.network.settle();
    expect(two.hex).toBe("00000001610000000164");
    one.port.send(2, bytes("e"));
    await world.network.settle();
    expect(two.hex).toEndWith("0000000165");
  });

  test("to a server of no configuration go nowhere", async () => {
    const one = await world.station(1);
    one.port.send(99, bytes("a"));
    await world.pass(5000);
    expect(world.network.dials).toEqual([]);
    expect(one.seen()).toEqual(["down 99"]);
  });
});

describe("the handshake", () => {
  test("goes out in a single write, with this server's own address", async () => {
    const taken = await world.takes(portOf(1));
    const two = await world.station(2);
    two.port.send(1, bytes("a"));
    await world.pass(10);
    expect(taken[0].received.map((part) => Buffer.from(part).toString("hex"))).toEqual([
      Buffer.from(handshake(2)).toString("hex"),
      "0000000161",
    ]);
  });

  test("names all addresses where several are configured", async () => {
    const taken = await world.takes(portOf(1));
    const two = await world.station(2);
    two.addresses.set(2, [{ host: "here", electionPort: 1 }, { host: "there", electionPort: 2 }]);
    two.port.connect([1]);
    await world.pass(10);
    const expected = encodeHandshake(2, [{ host: "here", port: 1 }, { host: "there", port: 2 }]);
    expect(taken[0].hex).toBe(Buffer.from(expected).toString("hex"));
  });

  test("to a greater id is followed by hanging up", async () => {
    const taken = await world.takes(portOf(2));
    const one = await world.station(1);
    one.port.connect([2]);
    await world.pass(10);
    expect(taken[0].hex).toBe(Buffer.from(handshake(1)).toString("hex"));
    expect(taken[0].closed).toBe(true);
    // It has a second to dial back.
    one.port.connect([2]);
    one.port.send(2, bytes("a"));
    await world.pass(900);
    expect(taken.length).toBe(1);
    expect(one.seen()).toEqual([]);
    await world.pass(200);
    expect(taken.length).toBe(2);
    expect(one.seen()).toEqual(["down 2"]);
  });

  test("is taken in all its forms", async () => {
    const one = await world.station(1);
    await world.raw(portOf(1), handshake(2));
    await world.raw(portOf(1), encodeHandshake(3, [{ host: "a", port: 1 }, { host: "b", port: 2 }]));
    await world.raw(portOf(1), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 4));
    expect(one.seen()).toEqual(["up 2", "up 3", "up 4"]);
  });

  test("of a smaller id is answered by dialling back, where it says it is, even if it is of no configuration", async () => {
    const six = await world.station(6);
    const taken = await world.takes(777);
    const raw = await world.raw(portOf(6), handshake(0, { host: "elsewhere", port: 777 }));
    await world.pass(10);
    expect(raw.closed).toBe(true);
    expect(world.network.dials.slice(1)).toEqual(["elsewhere:777"]);
    expect(six.seen()).toEqual(["up 0"]);
    six.port.send(0, bytes("a"));
    await world.pass(10);
    expect(taken[0].hex).toEndWith("0000000161");
  });

  test("of a smaller id with an address that nobody can dial is answered at the configured one", async () => {
    const two = await world.station(2);
    await world.takes(portOf(1));
    await world.raw(portOf(2), handshake(1, { host: "0.0.0.0", port: 777 }));
    await world.pass(10);
    expect(world.network.dials.slice(1)).toEqual(["host1:3001"]);
    expect(two.seen()).toEqual(["up 1"]);
  });

  test("of an observer that gives no id gets it a number of its own", async () => {
    const two = await world.station(2);
    await world.takes(777);
    const anonymous = handshake(0, { host: "elsewhere", port: 777 });
    anonymous.set([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 8);
    await world.raw(portOf(2), anonymous);
    await world.raw(portOf(2), anonymous);
    await world.pass(10);
    expect(two.seen()).toEqual(["up -1", "up -2"]);
  });

  test("of a smaller id that has a link replaces it: it would not dial if the link were good", async () => {
    const two = await world.station(2);
    const taken = await world.takes(portOf(1));
    two.port.connect([1]);
    await world.pass(1000);
    two.port.rest();
    await world.raw(portOf(2), handshake(1));
    await world.pass(10);
    expect(taken.map((raw) => raw.closed)).toEqual([true, false]);
    expect(two.seen()).toEqual(["up 1", "up 1"]);
  });

  test("of a smaller id that cannot be dialled back ends its link", async () => {
    const two = await world.station(2);
    const taken = await world.takes(portOf(1));
    two.port.connect([1]);
    await world.pass(1000);
    two.port.rest();
    two.addresses.set(1, []);
    await world.raw(portOf(2), handshake(1, { host: "elsewhere", port: 777 }));
    await world.pass(10);
    expect(taken[0].closed).toBe(true);
    expect(two.seen()).toEqual(["up 1", "down 1"]);
  });

  test("with this server's own id is refused", async () => {
    const one = await world.station(1);
    const raw = await world.raw(portOf(1), handshake(1));
    expect(raw.closed).toBe(true);
    expect(one.seen()).toEqual([]);
    expect(one.warnings()).toEqual(["Closed an election connection"]);
  });
});

describe("nonsense costs one connection", () => {
  test("when it comes in place of a handshake", async () => {
    const one = await world.station(1);
    const good = await world.raw(portOf(1), handshake(2));
    for (
      const nonsense of [
        bytes("GET / HTTP/1.1\r\n\r\n"),
        bytes("ruok"),
        new Uint8Array(64).fill(0xff),
        handshake(2).fill(0, 16, 20),
      ]
    ) {
      const raw = await world.raw(portOf(1), nonsense);
      await world.pass(10_000);
      expect(raw.closed).toBe(true);
    }
    one.port.send(2, bytes("a"));
    await world.pass(10);
    expect(good.hex).toBe("0000000161");
    expect(one.seen()).toEqual(["up 2"]);
  });

  test("when it comes in place of a length", async () => {
    const one = await world.station(1);
    await world.raw(portOf(1), handshake(3));
    for (const length of [0, -1, -0x80000000, limits.electionMessageBytesMax + 1, 0x7fffffff]) {
      const raw = await world.raw(portOf(1), handshake(2));
      raw.socket.write(frame(length, bytes("abcd")));
      await world.network.settle();
      expect(raw.closed).toBe(true);
      expect(one.seen().slice(-2)).toEqual(["up 2", "down 2"]);
    }
    expect(one.port.linked).toEqual([3]);
  });

  test("but the longest message allowed is none", async () => {
    const one = await world.station(1);
    const raw = await world.raw(portOf(1), handshake(2));
    const longest = bytes("x".repeat(limits.electionMessageBytesMax));
    raw.socket.write(frame(longest.length, longest));
    await world.network.settle();
    expect(one.seen()).toEqual(["up 2", `2: ${text(longest)}`]);
  });

  test("when nothing comes at all for the time of a handshake", async () => {
    const one = await world.station(1);
    const raw = await world.raw(portOf(1), handshake(2).subarray(0, 29));
    await world.pass(9_999);
    expect(raw.closed).toBe(false);
    await world.pass(1);
    expect(raw.closed).toBe(true);
    expect(one.seen()).toEqual([]);
  });

  test("when there are too many that say nothing: the one that has for longest is hung up on", async () => {
    const one = await world.station(1);
    const raws: Raw[] = [];
    for (let count = 0; count < limits.electionGreetingsMax; count++) {
      raws.push(await world.raw(portOf(1), new Uint8Array(0)));
    }
    raws.push(await world.raw(portOf(1), handshake(2)));
    expect([raws[0].closed, raws[1].closed, raws.at(-1)!.closed]).toEqual([true, false, false]);
    expect(one.seen()).toEqual(["up 2"]);
    await world.raw(portOf(1), new Uint8Array(0));
    expect(raws[1].closed).toBe(false);
    await world.raw(portOf(1), new Uint8Array(0));
    expect(raws[1].closed).toBe(true);
  });

  test("when a server of no configuration sends a message as long as only others may", async () => {
    const one = await world.station(1);
    const raw = await world.raw(portOf(1), handshake(99));
    raw.socket.write(frame(limits.electionStrangerBytesMax, new Uint8Array(limits.electionStrangerBytesMax)));
    await world.network.settle();
    expect(raw.closed).toBe(false);
    raw.socket.write(frame(limits.electionStrangerBytesMax + 1));
    await world.network.settle();
    expect(raw.closed).toBe(true);
    expect(one.seen().at(-1)).toBe("down 99");
  });
});

test("servers of no configuration are known as long as they are connected, and not more of them than allowed", async () => {
  const one = await world.station(1);
  const raws: Raw[] = [];
  const comeAndStay = async (from: ServerId, count: number) => {
    for (let sid = from; sid < from + count; sid++) raws.push(await world.raw(portOf(1), handshake(sid)));
  };
  await comeAndStay(1000, limits.electionPeersMax);
  expect(one.port.linked.length).toBe(limits.electionPeersMax);
  await comeAndStay(5000, 1);
  expect(raws.at(-1)!.closed).toBe(true);
  raws[0].socket.end();
  await world.network.settle();
  await comeAndStay(5000, 1);
  expect(raws.at(-1)!.closed).toBe(false);
  // Those of a configuration find a place however many others there are.
  await comeAndStay(2, 1);
  expect(raws.at(-1)!.closed).toBe(false);
  expect(one.port.linked).toContain(2);
});
