import { describe, expect, test } from "bun:test";
import { limits } from "../../../src/base/limits.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { learnerProtocolVersion, PacketType, writeLearnerInfo } from "../../../src/protocol/quorum_packet.ts";
import type { ServerId } from "../../../src/quorum/quorum.ts";
import { QuorumPort } from "../../../src/server/quorum_port.ts";
import { FakeClock } from "../client/fake_world.ts";
import { FakeHub } from "./_link_bench.ts";
import { MemoryNetwork } from "./_memory_network.ts";

const port = 2888;

/** A quorum port whose server does not know yet whether it leads. */
class Doorway {
  readonly network = new MemoryNetwork();
  readonly clock = new FakeClock();
  fate: "taken" | "early" | "refused" = "early";
  readonly #port = new QuorumPort({
    network: this.network,
    clock: this.clock,
    links: new FakeHub(),
    trace: undefined,
    onLearner: () => this.fate,
    isMember: (id) => id < 10,
  });

  async open(...hosts: string[]): Promise<this> {
    await this.#port.listen((hosts.length > 0 ? hosts : [""]).map((host) => ({ host, port })));
    return this;
  }

  /** A learner connects and says who it is, or nothing. */
  async connect(id?: ServerId): Promise<{ isClosed(): boolean }> {
    const dialled = this.network.dial("h", port, 1000, () => ({ onData() {}, onDrain() {}, onClose() {} }));
    await this.network.settle();
    const socket = await dialled;
    if (id !== undefined) {
      const out = new JuteWriter();
      const info = { serverId: id, protocolVersion: learnerProtocolVersion, configVersion: 0 };
      writeLearnerInfo(out, PacketType.followerInfo, 0, info);
      socket.write(out.view());
      await this.network.settle();
    }
    const there = this.network.sockets.at(-1)!;
    return { isClosed: () => !there.open };
  }

  async fill(count: number, id?: (index: number) => ServerId | undefined) {
    const all = [];
    for (let index = 0; index < count; index++) all.push(await this.connect(id?.(index)));
    return all;
  }

  /** Who waits when this server learns that it leads. */
  take(): (ServerId | undefined)[] {
    return this.#port.takeEarly().map((link) => link.announcedId);
  }
}

describe("learners that connect before their server knows that it leads", () => {
  test("wait a second, and are refused then", async () => {
    const doorway = await new Doorway().open();
    const learner = await doorway.connect(2);
    doorway.clock.fireNext(doorway.clock.nowMs + 999);
    expect(learner.isClosed()).toBe(false);
    doorway.clock.fireNext(doorway.clock.nowMs + 1000);
    expect([learner.isClosed(), doorway.take()]).toEqual([true, []]);
  });

  test("that are members find a place among any number of others, and keep it", async () => {
    for (const others of [undefined, (index: number) => 1000 + index, () => 2]) {
      const doorway = await new Doorway().open();
      const before = await doorway.connect(3);
      await doorway.fill(limits.earlyLearnersMax, others);
      const behind = await doorway.connect(4);
      await doorway.fill(limits.earlyLearnersMax, others);
      expect([before.isClosed(), behind.isClosed()]).toEqual([false, false]);
      const taken = doorway.take();
      expect([taken.length, taken.filter((id) => id === 3 || id === 4)]).toEqual([
        limits.earlyLearnersMax,
        [3, 4],
      ]);
    }
  });

  test("give way in the order of their age, silent ones first", async () => {
    const doorway = await new Doorway().open();
    const all = await doorway.fill(limits.earlyLearnersMax, (index) => index < 4 ? 1000 + index : undefined);
    await doorway.connect();
    expect(all.map((one) => one.isClosed()).slice(0, 6)).toEqual([false, false, false, false, true, false]);

    const talkers = await new Doorway().open();
    const said = await talkers.fill(limits.earlyLearnersMax, (index) => 1000 + index);
    await talkers.connect();
    expect(said.map((one) => one.isClosed()).slice(0, 3)).toEqual([true, false, false]);
  });

  test("in one member's name have one place for good: the newest", async () => {
    const doorway = await new Doorway().open();
    const first = await doorway.connect(3);
    const second = await doorway.connect(3);
    await doorway.fill(limits.earlyLearnersMax - 1, (index) => 1000 + index);
    expect([first.isClosed(), second.isClosed()]).toEqual([true, false]);
  });
});

describe("a quorum port of two addresses", () => {
  test("needs one of them", async () => {
    const doorway = new Doorway();
    doorway.network.unresolved.add("gone");
    await doorway.open("gone", "h");
    expect((await doorway.connect(1)).isClosed()).toBe(false);
  });

  test("fails without any", async () => {
    const doorway = new Doorway();
    doorway.network.unresolved.add("gone").add("h");
    await expect(doorway.open("gone", "h")).rejects.toThrow("no address for h");
  });
});
