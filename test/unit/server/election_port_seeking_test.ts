import { afterEach, describe, expect, test } from "bun:test";
import { bytes, frame, handshake, portOf, Raw, Station, World } from "./_election_station.ts";

let world = new World();
afterEach(() => {
  expect(world.clock.uncaught).toEqual([]);
  world = new World();
});

describe("while a leader is looked for", () => {
  test("a server that refuses is dialled soon and then ever more rarely, at most once a second", async () => {
    const two = await world.station(2);
    two.port.connect([1]);
    await world.pass(0);
    expect(two.seen()).toEqual(["down 1"]);
    const counts: number[] = [];
    for (const ms of [10, 20, 40, 80, 160, 320, 640, 1000, 1000]) {
      await world.pass(ms);
      counts.push(world.network.dials.length);
    }
    expect(counts).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(two.seen()).toEqual([]);
  });

  test("dials are frequent again after each link, and in each election", async () => {
    const two = await world.station(2);
    const dialsWithin = async (ms: number) => {
      const before = world.network.dials.length;
      await world.pass(ms);
      return world.network.dials.length - before;
    };
    two.port.connect([1]);
    await world.pass(10_000);
    expect(await dialsWithin(100)).toBeLessThanOrEqual(1);
    two.port.rest();
    two.port.connect([1]);
    expect(await dialsWithin(100)).toBe(3);

    await world.pass(10_000);
    const listener = await world.network.listen("", portOf(1), (socket) => new Raw(socket));
    await world.pass(1000);
    listener.close();
    const sockets = world.network.sockets.filter((socket) => socket.open);
    for (const socket of sockets) socket.destroy();
    expect(await dialsWithin(100)).toBe(3);
  });

  test("each call of connect() dials at once, but no server twice at the same time", async () => {
    const two = await world.station(2);
    world.network.silent.add(portOf(1));
    two.port.connect([1]);
    await world.pass(3000);
    two.port.connect([1]);
    two.port.send(1, bytes("a"));
    await world.pass(0);
    expect(world.network.dials.length).toBe(1);
    world.network.giveUpSilent();
    await world.pass(0);
    two.port.connect([1]);
    await world.pass(0);
    expect(world.network.dials.length).toBe(2);
  });

  test("a link that breaks is made anew", async () => {
    const two = await world.station(2);
    const taken = await world.takes(portOf(1));
    two.port.connect([1]);
    two.port.send(1, bytes("a"));
    await world.pass(10);
    taken[0].socket.destroy();
    await world.pass(10);
    expect(two.seen()).toEqual(["up 1", "down 1", "up 1"]);
    expect(taken[1].hex).toEndWith("0000000161");
  });

  test("a link that leads nowhere is made anew, ever more rarely until the server is heard", async () => {
    const two = await world.station(2);
    const taken = await world.takes(portOf(1));
    two.port.connect([1]);
    two.port.send(1, bytes("a"));
    await world.pass(999);
    expect(taken.length).toBe(1);
    const counts: number[] = [];
    for (const ms of [1, 1999, 1, 3999, 1]) {
      await world.pass(ms);
      counts.push(taken.length);
    }
    expect(counts).toEqual([2, 2, 3, 3, 4]);
    expect(taken[0].closed).toBe(true);
    expect(taken[3].hex).toEndWith("0000000161");

    // Who has spoken may be silent until it is told something again.
    taken[3].socket.write(frame(1, bytes("b")));
    await world.pass(30_000);
    expect(taken.length).toBe(4);
    two.port.send(1, bytes("c"));
    await world.pass(1000);
    expect(taken.length).toBe(5);
    expect(two.seen()).toEqual(["up 1", "up 1", "up 1", "up 1", "1: b", "up 1"]);
  });

  test("a silent server with a greater id is asked to dial back, and is gone if it does not", async () => {
    const one = await world.station(1);
    const taken = await world.takes(portOf(2));
    const link = await world.raw(portOf(1), handshake(2));
    one.port.connect([2]);
    one.port.send(2, bytes("a"));
    await world.pass(1000);
    expect(taken.map(({ hex }) => hex)).toEqual([Buffer.from(handshake(1)).toString("hex")]);
    expect(link.closed).toBe(false);
    const next = await world.raw(portOf(1), handshake(2));
    expect(link.closed).toBe(true);
    expect(next.hex).toBe("0000000161");
    expect(one.seen()).toEqual(["up 2", "up 2"]);

    await world.pass(2000);
    expect(taken.length).toBe(2);
    await world.pass(1000);
    expect(next.closed).toBe(true);
    expect(one.seen()).toEqual(["down 2"]);
  });

  test("a silent server that was asked to dial back is dialled again when the old link breaks meanwhile", async () => {
    const one = await world.station(1);
    const taken = await world.takes(portOf(2));
    const link = await world.raw(portOf(1), handshake(2));
    one.port.connect([2]);
    one.port.send(2, bytes("a"));
    await world.pass(1000);
    expect(taken.length).toBe(1);
    link.socket.destroy();
    await world.pass(20);
    expect(taken.length).toBe(2);
    await world.pass(1100);
    expect(taken.length).toBe(3);
    expect(one.seen()).toEqual(["up 2", "down 2"]);
  });

  test("a link that was only slow to speak stays, though a new one cannot be made", async () => {
    const two = await world.station(2);
    const listener = await world.network.listen("", portOf(1), (socket) => new Raw(socket));
    two.port.connect([1]);
    two.port.send(1, bytes("a"));
    await world.pass(10);
    listener.close();
    world.network.silent.add(portOf(1));
    await world.pass(1000);
    world.network.sockets.find((socket) => socket.open)!.other.write(frame(1, bytes("b")));
    await world.pass(10);
    world.network.giveUpSilent();
    await world.pass(10);
    expect(two.seen()).toEqual(["up 1", "1: b"]);
  });

  test("nobody is doubted once the election is over", async () => {
    const two = await world.station(2);
    const taken = await world.takes(portOf(1));
    two.port.connect([1]);
    two.port.send(1, bytes("a"));
    await world.pass(10);
    two.port.rest();
    two.port.send(1, bytes("b"));
    await world.pass(60_000);
    expect(taken.length).toBe(1);
  });

  test("only those that are looked for are dialled", async () => {
    const five = await world.station(5);
    five.port.connect([1, 2]);
    five.port.connect([2]);
    await world.pass(0);
    const before = world.network.dials.length;
    await world.pass(5000);
    expect(new Set(world.network.dials.slice(before))).toEqual(new Set(["host2:3002"]));
  });

  test("names are asked for anew at each dial", async () => {
    const two = await world.station(2);
    two.port.connect([1]);
    await world.pass(0);
    two.addresses.set(1, [{ host: "elsewhere", electionPort: 5 }]);
    await world.pass(10);
    expect(world.network.dials).toEqual(["host1:3001", "elsewhere:5"]);
  });

  test("of several addresses each is tried", async () => {
    const two = await world.station(2);
    await world.takes(6);
    two.addresses.set(1, [{ host: "a", electionPort: 5 }, { host: "b", electionPort: 6 }]);
    two.port.connect([1]);
    await world.pass(0);
    expect(two.seen()).toEqual(["up 1"]);
  });

  test("a server that cannot be reached, or has no address yet, is one line until it is reached", async () => {
    const two = await world.station(2);
    world.network.unresolved.add("host1");
    two.port.connect([1]);
    await world.pass(20_000);
    expect(two.warnings()).toEqual(["Cannot reach a server for elections 1"]);
    world.network.unresolved.clear();
    await world.takes(portOf(1));
    await world.pass(2000);
    const told = ["Cannot reach a server for elections 1", "Linked for elections 1"];
    expect(two.warnings()).toEqual(told);
    world.network.unresolved.add("host1");
    for (const socket of world.network.sockets) socket.destroy();
    await world.pass(20_000);
    expect(two.warnings()).toEqual([...told, told[0]]);
  });

  test("a dial that fails late does not end the link that was made meanwhile", async () => {
    const one = await world.station(1);
    world.network.silent.add(portOf(2));
    one.port.connect([2]);
    await world.pass(10);
    await world.raw(portOf(1), handshake(2));
    world.network.giveUpSilent();
    await world.pass(5000);
    expect(one.seen()).toEqual(["up 2"]);
    expect(one.port.linked).toEqual([2]);
  });

  test("a dial that succeeds late hangs up without a handshake, which would cut that link", async () => {
    const one = await world.station(1);
    world.network.silent.add(portOf(2));
    one.port.connect([2]);
    await world.pass(10);
    await world.raw(portOf(1), handshake(2));
    const taken = await world.takes(portOf(2));
    world.network.giveUpSilent();
    await world.pass(5000);
    expect([taken[0].hex, taken[0].closed]).toEqual(["", true]);
    expect(one.port.linked).toEqual([2]);
  });
});

describe("when the election is over", () => {
  test("nobody is dialled any more", async () => {
    const two = await world.station(2);
    two.port.connect([1]);
    await world.pass(5);
    two.port.rest();
    await world.pass(10_000);
    expect(world.network.dials.length).toBe(1);
    expect(world.clock.timers.size).toBe(0);
  });

  test("links stay; one that breaks is noticed, and made again when there is something to say", async () => {
    const two = await world.station(2);
    const taken = await world.takes(portOf(1));
    two.port.connect([1]);
    await world.pass(5);
    two.port.rest();
    taken[0].socket.destroy();
    await world.pass(10_000);
    expect(two.seen()).toEqual(["up 1", "down 1"]);
    expect(taken.length).toBe(1);
    two.port.send(1, bytes("a"));
    await world.pass(5);
    expect(two.seen()).toEqual(["up 1"]);
    expect(taken[1].hex).toEndWith("0000000161");
  });
});

describe("listening", () => {
  test("is tried again, a second apart, while another program holds the port", async () => {
    const station = new Station(world, 1);
    world.network.busy.add(portOf(1));
    const listening = station.port.listen([{ host: "host1", port: portOf(1) }]);
    await world.pass(1500);
    world.network.busy.clear();
    expect(station.port.ports).toEqual([]);
    await world.pass(500);
    await listening;
    expect(station.port.ports).toEqual([portOf(1)]);
    expect(station.warnings()).toEqual(["Cannot open the election port"]);
  });

  test("fails after the attempts allowed, and says what for and why", async () => {
    const station = new Station(world, 1);
    world.network.busy.add(portOf(1));
    const listening = station.port.listen([{ host: "host1", port: portOf(1) }]);
    listening.catch(() => {});
    await world.pass(2000);
    await expect(listening).rejects.toThrow(
      "Cannot listen on host1:3001: the port is in use; this is the election port, tried 3 times",
    );
  });

  test("is tried for ever while its own name has no address, as a name that is new has none yet", async () => {
    const station = new Station(world, 1);
    world.network.unresolved.add("host1");
    const listening = station.port.listen([{ host: "host1", port: portOf(1) }]);
    await world.pass(100_000);
    world.network.unresolved.clear();
    await world.pass(1000);
    await listening;
    expect(station.port.ports).toEqual([portOf(1)]);
    expect(station.warnings()).toEqual(["Cannot open the election port"]);
  });

  test("is tried for ever when so configured", async () => {
    const station = new Station(world, 1, { bindAttempts: 0 });
    world.network.busy.add(portOf(1));
    const listening = station.port.listen([{ host: "host1", port: portOf(1) }]);
    await world.pass(100_000);
    world.network.busy.clear();
    await world.pass(1000);
    await listening;
    expect(station.port.ports).toEqual([portOf(1)]);
  });

  test("is not tried any more when it has moved, or the port is closed", async () => {
    const station = new Station(world, 1);
    world.network.busy.add(portOf(1));
    const first = station.port.listen([{ host: "host1", port: portOf(1) }]);
    await world.pass(500);
    await station.port.listen([{ host: "host1", port: 888 }]);
    world.network.busy.clear();
    await world.pass(5000);
    await first;
    expect(station.port.ports).toEqual([888]);

    const other = new Station(world, 2);
    world.network.busy.add(portOf(2));
    const second = other.port.listen([{ host: "host2", port: portOf(2) }]);
    await world.pass(500);
    other.port.close();
    world.network.busy.clear();
    await world.pass(5000);
    await second;
    expect(other.port.ports).toEqual([]);
  });

  test("on one of two addresses is enough", async () => {
    const station = new Station(world, 1);
    world.network.unresolved.add("gone");
    const listening = station.port.listen([{ host: "gone", port: 1 }, { host: "host1", port: portOf(1) }]);
    await world.pass(5000);
    await listening;
    expect(station.port.ports).toEqual([portOf(1)]);
  });

  test("moves to other addresses and leaves links alone", async () => {
    const one = await world.station(1);
    const raw = await world.raw(portOf(1), handshake(2));
    await one.port.listen([{ host: "host1", port: 888 }]);
    expect(one.port.ports).toEqual([888]);
    await expect(world.raw(portOf(1), handshake(3))).rejects.toThrow("refuses");
    await world.raw(888, handshake(3));
    expect([raw.closed, one.port.linked]).toEqual([false, [2, 3]]);
  });
});

test("a port that is closed lets go of everything and says nothing more", async () => {
  const one = await world.station(1);
  one.port.connect([2, 3]);
  const linked = await world.raw(portOf(1), handshake(4));
  const silent = await world.raw(portOf(1), new Uint8Array(0));
  world.network.silent.add(portOf(5));
  one.port.send(5, bytes("a"));
  await world.pass(5);
  one.seen();
  one.port.close();
  const dialled = world.network.dials.length;
  const taken = await world.takes(portOf(5));
  world.network.giveUpSilent();
  one.port.send(2, bytes("a"));
  one.port.connect([2]);
  await world.pass(20_000);
  expect([linked.closed, silent.closed]).toEqual([true, true]);
  expect(taken.map((raw) => [raw.hex, raw.closed])).toEqual([["", true]]);
  expect(world.network.dials.length).toBe(dialled);
  expect(one.seen()).toEqual([]);
  await expect(world.raw(portOf(1), handshake(2))).rejects.toThrow("refuses");
  expect(world.clock.timers.size).toBe(0);
});
