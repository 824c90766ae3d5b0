/**
 * Packets of the quorum port: whole, byte by byte, cut short and wrong.
 *
 * @see Fact: apache/zookeeper QuorumPacket (zookeeper.jute), Leader.java, LearnerHandler.java; the golden bytes were
 *   captured between servers of Apache ZooKeeper 3.9.5
 */
import { describe, expect, test } from "bun:test";
import { limits } from "../../../src/base/limits.ts";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { JuteError } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import type { AuthId } from "../../../src/protocol/acl.ts";
import {
  decodeLearnerInfo,
  type PacketHandler,
  packetName,
  PacketSplitter,
  PacketType,
  type QuorumPacket,
  type RawConsumer,
  writeEntryPacket,
  writeLearnerInfo,
  writePacket,
  writePacketWithIds,
} from "../../../src/protocol/quorum_packet.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));

/** What a splitter hands out, packet by packet, as text. */
class Recorder implements PacketHandler {
  readonly lines: string[] = [];
  readonly splitter: PacketSplitter;
  hook: ((packet: QuorumPacket) => void) | null = null;

  constructor(dataBytesMax?: number) {
    this.splitter = new PacketSplitter(dataBytesMax);
  }

  onPacket(packet: QuorumPacket): void {
    const { type, zxid, bytes, dataStart, dataEnd, dataLength } = packet;
    const data = dataLength < 0 ? "null" : Buffer.from(bytes.subarray(dataStart, dataEnd)).toString("hex");
    const ids = packet.authIds().map(({ scheme, id }) => ` ${scheme}:${id}`).join("");
    this.lines.push(`${packetName(type)} ${zxid} ${data}${ids}`);
    this.hook?.(packet);
  }

  onBadPacket(reason: string): void {
    this.lines.push(`bad: ${reason}`);
  }

  push(bytes: Uint8Array): this {
    this.splitter.push(bytes, this);
    return this;
  }
}

const linesOf = (bytes: Uint8Array) => new Recorder().push(bytes).lines;

function written(write: (out: JuteWriter) => void): Uint8Array {
  const out = new JuteWriter(8);
  write(out);
  return out.copy();
}

function holding(bytes: Uint8Array): JuteWriter {
  const writer = new JuteWriter(bytes.length);
  writer.raw(bytes);
  return writer;
}

const ids: readonly AuthId[] = [{ scheme: "ip", id: "127.0.0.1" }, { scheme: "digest", id: "zoë:x=" }];
const request = written((out) =>
  writePacketWithIds(out, PacketType.request, -1, holding(hex("00000000 0102")), ids)
);
const many = Uint8Array.from(Buffer.concat([
  written((out) => writePacket(out, PacketType.commit, makeZxid(5, 1), null)),
  request,
  written((out) => writePacket(out, PacketType.ping, makeZxid(5, 0xfffffffe), new Uint8Array(0))),
  written((out) => writeEntryPacket(out, PacketType.proposal, makeZxid(0x1fffff, 7), hex("aabbccdd"), 1, 3)),
]));
const manyLines = [
  "COMMIT 21474836481 null",
  "REQUEST -1 000000000102 ip:127.0.0.1 digest:zoë:x=",
  "PING 25769803774 ",
  `PROPOSAL ${makeZxid(0x1fffff, 7)} bbcc`,
];

describe("packets", () => {
  test("are the bytes that Apache's servers send", () => {
    const info = { serverId: 3, protocolVersion: 0x10000, configVersion: 0 };
    expect(written((out) => writeLearnerInfo(out, PacketType.followerInfo, 0, info))).toEqual(
      hex("0000000b 0000000000000000 00000014 0000000000000003 00010000 0000000000000000 ffffffff"),
    );
    expect(written((out) => writePacket(out, PacketType.ackEpoch, 0, new Uint8Array(4)))).toEqual(
      hex("00000012 0000000000000000 00000004 00000000 ffffffff"),
    );
    expect(written((out) => writePacket(out, PacketType.upToDate, -1, null))).toEqual(
      hex("0000000c ffffffffffffffff ffffffff ffffffff"),
    );
    // A createSession of Apache's, as its leader proposes it.
    const entry = hex(
      "0100002fbc130000 00000000 0000000100000001 000001a1fb6eda23 fffffff6 00001f40 00000002 0000000051c6d660",
    );
    const zxid = makeZxid(1, 1);
    expect(written((out) => writeEntryPacket(out, PacketType.proposal, zxid, entry, 0, entry.length)))
      .toEqual(
        Uint8Array.from(
          Buffer.concat([hex("00000002 0000000100000001 00000030"), entry, hex("ffffffff")]),
        ),
      );
  });

  test("come out as they went in", () => {
    expect(linesOf(many)).toEqual(manyLines);
    expect(linesOf(written((out) => writePacketWithIds(out, PacketType.request, 0, holding(hex("01")), []))))
      .toEqual([
        "REQUEST 0 01",
      ]);
  });

  test("come out the same, in whatever pieces they come", () => {
    for (let size = 1; size <= many.length; size++) {
      const recorder = new Recorder();
      for (let at = 0; at < many.length; at += size) recorder.push(many.slice(at, at + size));
      expect(recorder.lines).toEqual(manyLines);
    }
  });

  test("each have the ids they came with, be they those of the packet before or others as long", () => {
    const requestOf = (...ids: AuthId[]) =>
      written((out) => writePacketWithIds(out, PacketType.request, 0, holding(hex("01")), ids));
    const [one, other] = [{ scheme: "ip", id: "10.0.0.1" }, { scheme: "ip", id: "10.0.0.2" }];
    const bytes = [
      requestOf(one),
      requestOf(one),
      requestOf(other),
      requestOf(),
      requestOf(other, one),
      requestOf(one),
    ];
    expect(linesOf(Uint8Array.from(Buffer.concat(bytes)))).toEqual([
      "REQUEST 0 01 ip:10.0.0.1",
      "REQUEST 0 01 ip:10.0.0.1",
      "REQUEST 0 01 ip:10.0.0.2",
      "REQUEST 0 01",
      "REQUEST 0 01 ip:10.0.0.2 ip:10.0.0.1",
      "REQUEST 0 01 ip:10.0.0.1",
    ]);
  });

  test("that are cut short are waited for", () => {
    for (let length = 0; length < request.length; length++) {
      const recorder = new Recorder().push(request.slice(0, length));
      expect(recorder.lines).toEqual([]);
      recorder.push(request.slice(length));
      expect(recorder.lines).toEqual([manyLines[1]]);
    }
  });

  test("of megabytes come out whole, and the ones behind them", () => {
    const random = seededRandom(7);
    const large = Uint8Array.from({ length: 1_500_000 }, () => randomBelow(random, 256));
    const bytes = written((out) => {
      for (let count = 0; count < 3; count++) writePacket(out, PacketType.inform, count, large);
      writePacket(out, PacketType.sync, 0, null);
    });
    const recorder = new Recorder();
    let seen = 0;
    recorder.hook = ({ dataLength, bytes, dataStart, dataEnd }) => {
      recorder.lines.length = 0;
      seen++;
      if (dataLength < 0) return;
      expect(Buffer.compare(bytes.subarray(dataStart, dataEnd), large)).toBe(0);
    };
    for (let at = 0; at < bytes.length;) {
      const size = 1 + randomBelow(random, 200_000);
      recorder.push(bytes.slice(at, at + size));
      at += size;
    }
    expect(seen).toBe(4);
  });

  test("have zxids of any 64 bits, in their order", () => {
    const head = (zxid: string) => hex(`00000003 ${zxid} ffffffff ffffffff`);
    const values = [
      "8000000000000000",
      "ffffffffffffffff",
      "0000000000000000",
      "001fffffffffffff",
      "7fffffffffffffff",
    ]
      .map((zxid) => Number(linesOf(head(zxid))[0].split(" ")[1]));
    expect(values).toEqual([-(2 ** 63), -1, 0, 2 ** 53 - 1, 2 ** 63]);
  });

  test("are named as in ZooKeeper's logs, also those that do not exist", () => {
    expect(Object.values(PacketType).map(packetName)).toEqual([
      "REQUEST",
      "PROPOSAL",
      "ACK",
      "COMMIT",
      "PING",
      "REVALIDATE",
      "SYNC",
      "INFORM",
      "COMMITANDACTIVATE",
      "NEWLEADER",
      "FOLLOWERINFO",
      "UPTODATE",
      "DIFF",
      "TRUNC",
      "SNAP",
      "OBSERVERINFO",
      "LEADERINFO",
      "ACKEPOCH",
      "INFORMANDACTIVATE",
    ]);
    expect(packetName(99)).toBe("packet type 99");
  });
});

describe("nonsense", () => {
  test("in a length or a count is told once, and nothing that follows is handed out", () => {
    const cases: [string, string][] = [
      ["00000003 0000000000000000 fffffffe", "unreasonable length -2"],
      ["00000003 0000000000000000 7fffffff", "unreasonable length 2147483647"],
      ["00000003 0000000000000000 001fffff", "unreasonable length 2097151"],
      ["00000003 0000000000000000 ffffffff 00001001", "unreasonable number of ids: 4097"],
      ["00000003 0000000000000000 ffffffff fffffffe", "unreasonable number of ids: -2"],
      ["00000003 0000000000000000 ffffffff 00000001 80000000", "unreasonable length -2147483648"],
      ["00000003 0000000000000000 ffffffff 00000001 00000000 7fffffff", "unreasonable length 2147483647"],
    ];
    for (const [text, reason] of cases) {
      const good = written((out) => writePacket(out, PacketType.ack, 1, null));
      const recorder = new Recorder().push(Uint8Array.from(Buffer.concat([good, hex(text), good])));
      expect(recorder.lines).toEqual(["ACK 1 null", `bad: ${reason}`]);
      expect(recorder.push(good).lines).toHaveLength(2);
    }
  });

  test("of the largest length that is believed is waited for", () => {
    expect(linesOf(hex("00000003 0000000000000000 001ffffe"))).toEqual([]);
  });

  test("of a packet that is too large as a whole is not waited for", () => {
    const head = "00000003 0000000000000000 ffffffff";
    const field = (bytes: number) => written((out) => out.buffer(new Uint8Array(bytes)));
    const withIds = (...fields: number[]) =>
      linesOf(Uint8Array.from(
        Buffer.concat([hex(head), hex("00001000"), ...fields.map(field)]),
      ));
    expect(withIds(limits.authIdBytesMax)).toEqual([]);
    expect(withIds(limits.authIdBytesMax + 1)).toEqual(["bad: unreasonable length 1048576"]);
    expect(withIds(600_000, 400_000)).toEqual([]);
    expect(withIds(600_000, 500_000)).toEqual(["bad: unreasonably long ids"]);
  });

  test("of a packet that is too large at this point is not waited for", () => {
    const small = (bytes: Uint8Array) => {
      const recorder = new Recorder();
      recorder.splitter.packetBytesMax = 100;
      return recorder.push(bytes).lines;
    };
    expect(small(hex("00000003 0000000000000000 00000054"))).toEqual([]);
    expect(small(hex("00000003 0000000000000000 00000055"))).toEqual([
      "bad: unreasonable packet of 101 bytes",
    ]);
    expect(small(hex("00000003 0000000000000000 ffffffff 00000001 00000050"))).toEqual([
      "bad: unreasonably long ids",
    ]);
  });

  test("is what is longer than the configured bound, and nothing shorter", () => {
    const recorder = new Recorder(5_000_000);
    expect(recorder.push(hex("00000003 0000000000000000 004c4b40")).lines).toEqual([]);
    const other = new Recorder(5_000_000);
    expect(other.push(hex("00000003 0000000000000000 004c4b41")).lines).toEqual([
      "bad: unreasonable length 5000001",
    ]);
  });

  test("in the data ends the stream when it is read", () => {
    const recorder = new Recorder();
    recorder.hook = (packet) => packet.data().long();
    recorder.push(written((out) => {
      writePacket(out, PacketType.revalidate, -1, new Uint8Array(8));
      writePacket(out, PacketType.revalidate, -1, new Uint8Array(7));
      writePacket(out, PacketType.revalidate, -1, new Uint8Array(8));
    }));
    expect(recorder.lines).toHaveLength(3);
    expect(recorder.lines[2]).toStartWith("bad: ");
    const none = new Recorder();
    none.hook = (packet) => packet.data().int();
    expect(none.push(written((out) => writePacket(out, PacketType.ackEpoch, 0, null))).lines[1]).toStartWith(
      "bad: ",
    );
  });

  test("of any kind hurts nobody", () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const random = seededRandom(seed);
      const bytes = many.slice();
      for (let count = 1 + randomBelow(random, 3); count > 0; count--) {
        bytes[randomBelow(random, bytes.length)] = randomBelow(random, 256);
      }
      const recorder = new Recorder();
      recorder.hook = (packet) => void decodeLearnerInfo(packet);
      for (let at = 0; at < bytes.length;) {
        const size = 1 + randomBelow(random, 60);
        recorder.push(bytes.slice(at, at + size));
        at += size;
      }
      expect(recorder.lines.filter((line) => line.startsWith("bad")).length).toBeLessThanOrEqual(1);
    }
  });

  test("is not taken for an own bug: what a handler throws else goes through", () => {
    const recorder = new Recorder();
    recorder.hook = () => {
      throw new RangeError("ours");
    };
    expect(() => recorder.push(many)).toThrow("ours");
  });
});

describe("a stream", () => {
  test("hands nothing out once it is stopped, not even what came with the packet before", () => {
    const recorder = new Recorder();
    recorder.hook = () => recorder.splitter.stop();
    recorder.push(many).push(many);
    expect(recorder.lines).toEqual(manyLines.slice(0, 1));
  });

  /** Takes so many bytes, a few at a time. */
  const taker = (wanted: number, atOnce: number, taken: number[]): RawConsumer => ({
    get done() {
      return taken.length === wanted;
    },
    push(bytes, start, end) {
      const count = Math.min(end - start, wanted - taken.length);
      const used = count < wanted - taken.length ? count - count % atOnce : count;
      taken.push(...bytes.subarray(start, start + used));
      return used;
    },
  });

  test("gives what lies between two packets to who asked for it, whatever it looks like", () => {
    const raw = hex("00000003 0000000000000000 fffffffe 7fffffff 00");
    const bytes = Uint8Array.from(Buffer.concat([
      written((out) => writePacket(out, PacketType.snap, 9, null)),
      raw,
      many,
    ]));
    for (const atOnce of [1, 4, 7]) {
      for (let size = 1; size <= bytes.length; size++) {
        const taken: number[] = [];
        const recorder = new Recorder();
        recorder.hook = ({ type }) => {
          if (type === PacketType.snap) recorder.splitter.expectRaw(taker(raw.length, atOnce, taken));
        };
        for (let at = 0; at < bytes.length; at += size) recorder.push(bytes.slice(at, at + size));
        expect(recorder.lines).toEqual(["SNAP 9 null", ...manyLines]);
        expect(Uint8Array.from(taken)).toEqual(raw);
      }
    }
  });

  test("ends when what lies between is none of its kind", () => {
    const recorder = new Recorder();
    recorder.splitter.expectRaw({
      done: false,
      push: () => {
        throw new JuteError("no tree");
      },
    });
    expect(recorder.push(many).push(many).lines).toEqual(["bad: no tree"]);
  });
});

describe("what a learner says of itself", () => {
  const decoded = (data: Uint8Array | null) => {
    let info: ReturnType<typeof decodeLearnerInfo> | null = null;
    const recorder = new Recorder();
    recorder.hook = (packet) => info = decodeLearnerInfo(packet);
    recorder.push(written((out) => writePacket(out, PacketType.followerInfo, 0, data)));
    expect(recorder.lines).toHaveLength(1);
    return info! as ReturnType<typeof decodeLearnerInfo>;
  };

  test("comes out as it went in", () => {
    for (const type of [PacketType.followerInfo, PacketType.observerInfo] as const) {
      const info = { serverId: 255, protocolVersion: 0x10000, configVersion: makeZxid(7, 3) };
      const recorder = new Recorder();
      recorder.hook = (packet) => expect(decodeLearnerInfo(packet)).toEqual(info);
      recorder.push(written((out) => writeLearnerInfo(out, type, makeZxid(4, 0), info)));
      expect(recorder.lines[0]).toStartWith(`${packetName(type)} ${makeZxid(4, 0)} `);
    }
  });

  test("may lack its end, as older servers' does", () => {
    const whole = hex("0000000000000003 00010000 0000000500000002 99");
    const none = { serverId: -1, protocolVersion: 0, configVersion: 0 };
    expect(decoded(null)).toEqual(none);
    for (let length = 0; length <= whole.length; length++) {
      expect(decoded(whole.slice(0, length))).toEqual({
        serverId: length >= 8 ? 3 : -1,
        protocolVersion: length >= 12 ? 0x10000 : 0,
        configVersion: length >= 20 ? makeZxid(5, 2) : 0,
      });
    }
  });
});
