import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import {
  decodeHandshake,
  decodeNotification,
  encodeHandshake,
  encodeNotification,
  handshakeBytesMax,
  longMin,
  type Notification,
  notificationVersion,
} from "../../../src/protocol/notification.ts";

const config =
  "server.1=127.0.0.1:2881:3881:participant\nserver.2=bücher.example:2881:3881:observer\nversion=0";

const vote: Notification = {
  state: "FOLLOWING",
  leader: 3,
  zxid: 0x500000007,
  electionEpoch: 4,
  peerEpoch: 5,
  version: notificationVersion,
  configText: config,
};

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));
}

/** The fields up to peerEpoch, with state LOOKING. */
const fields = "00000000 0000000000000003 0000000500000007 0000000000000004";

describe("a notification", () => {
  test("has its fields where FastLeaderElection reads them", () => {
    expect(hex(encodeNotification({ ...vote, configText: "version=0" }))).toBe(
      hex(fromHex(
        `00000001 0000000000000003 0000000500000007 0000000000000004 0000000000000005 00000002 00000009
         ${hex(new TextEncoder().encode("version=0"))}`,
      )),
    );
  });

  test("comes back as it was sent, with any state, vote and configuration", () => {
    for (const state of ["LOOKING", "FOLLOWING", "LEADING", "OBSERVING"] as const) {
      for (const number of [0, 1, -1, 0xffffffff, 0x100000000, 0x1ffffffffffffc, -0x100000001, longMin]) {
        for (const configText of ["", config]) {
          const sent = { ...vote, state, leader: number, zxid: number, peerEpoch: number, configText };
          expect(decodeNotification(encodeNotification(sent))).toEqual(sent);
        }
      }
    }
  });

  test("of an observer has Java's Long.MIN_VALUE to the bit", () => {
    const sent = { ...vote, leader: longMin, zxid: longMin, peerEpoch: longMin };
    const bytes = hex(encodeNotification(sent));
    for (const at of [4, 12, 28]) expect(bytes.slice(2 * at, 2 * at + 16)).toBe("8000000000000000");
  });

  test("of version 1 ends behind the version and is read as version 0, since its length is that of older ones", () => {
    const bytes = encodeNotification({ ...vote, version: 1, configText: null });
    expect(bytes.length).toBe(40);
    expect(decodeNotification(bytes)).toEqual({ ...vote, version: 0, configText: null });
  });

  test("of 28 bytes has the epoch of its zxid", () => {
    expect(decodeNotification(fromHex(fields))).toEqual({
      ...vote,
      state: "LOOKING",
      version: 0,
      configText: null,
    });
  });

  test("of 40 bytes has its epoch and no version, whatever stands there", () => {
    const bytes = fromHex(`${fields} 0000000000000009 00000002`);
    expect(decodeNotification(bytes)).toEqual({
      ...vote,
      state: "LOOKING",
      peerEpoch: 9,
      version: 0,
      configText: null,
    });
  });

  test("with a version below 2 and more bytes has no configuration", () => {
    const bytes = fromHex(`${fields} 0000000000000009 00000001 00000003 616263`);
    expect(decodeNotification(bytes)).toMatchObject({ version: 1, configText: null });
  });

  test("with bytes behind its configuration is read without them", () => {
    const bytes = fromHex(`${fields} 0000000000000009 00000002 00000003 616263 646566`);
    expect(decodeNotification(bytes)).toMatchObject({ configText: "abc" });
  });

  // ZOOKEEPER-3769: a reader that threw lost its thread, and the server took part in no election any more.
  test("cut off anywhere is passed over, except where an older one ends", () => {
    const bytes = encodeNotification(vote);
    for (let length = 0; length < bytes.length; length++) {
      const read = decodeNotification(bytes.subarray(0, length));
      if (length === 28 || length === 40) expect(read).not.toBeNull();
      else expect(read).toBeNull();
    }
  });

  test("of random bytes and any length up to 60 never throws", () => {
    const random = seededRandom(3769);
    let whole = 0;
    for (let round = 0; round < 200; round++) {
      for (let length = 0; length <= 60; length++) {
        const bytes = Uint8Array.from(
          { length },
          () => randomBelow(random, 3) === 0 ? randomBelow(random, 256) : 0,
        );
        if (decodeNotification(bytes) !== null) whole++;
      }
    }
    expect(whole).toBeGreaterThan(100);
  });

  test("with a configuration length that cannot be is passed over", () => {
    for (const length of ["ffffffff", "7fffffff", "00000004", "80000000"]) {
      const bytes = fromHex(`${fields} 0000000000000009 00000002 ${length} 616263`);
      expect(decodeNotification(bytes)).toBeNull();
    }
  });

  test("with an unknown state is passed over", () => {
    for (const state of ["00000004", "ffffffff", "7fffffff"]) {
      expect(decodeNotification(fromHex(`${state} ${fields.slice(9)}`))).toBeNull();
    }
  });

  test("of a round that is none is passed over", () => {
    const read = (state: string, round: string) =>
      decodeNotification(
        fromHex(`${state} 0000000000000003 0000000500000007 ${round} 0000000000000001 00000001`),
      )?.electionEpoch;
    for (const round of ["0010000000000000", "0020000000000000", "7fffffffffffffff", "fffffffffffffffe"]) {
      expect(read("00000000", round)).toBeUndefined();
    }
    expect(read("00000000", "000fffffffffffff")).toBe(2 ** 52 - 1);
    // Of one that follows whom a reconfiguration designated.
    expect(read("00000001", "ffffffffffffffff")).toBe(-1);
  });

  test("with the greatest zxid is passed on without turning negative", () => {
    const bytes = fromHex(
      "00000000 0000000000000003 7fffffffffffffff 0000000000000001 0000000000000001 00000001",
    );
    const read = decodeNotification(bytes)!;
    expect(read.zxid).toBeGreaterThan(0);
    expect(hex(encodeNotification({ ...read, version: 1 }))).toBe(hex(bytes));
  });

  test("is read in the middle of other bytes", () => {
    const bytes = encodeNotification(vote);
    const around = new Uint8Array(bytes.length + 20).fill(0xff);
    around.set(bytes, 7);
    expect(decodeNotification(around, 7, 7 + bytes.length)).toEqual(vote);
  });
});

describe("a handshake", () => {
  const golden = fromHex("ffffffffffff0000 0000000000000001 0000000e 3132372e302e302e313a33383831");

  test("is what Apache's server 1 sends", () => {
    expect(hex(encodeHandshake(1, [{ host: "127.0.0.1", port: 3881 }]))).toBe(hex(golden));
  });

  test("with several addresses is of the newer form", () => {
    const bytes = encodeHandshake(7, [{ host: "a.example", port: 1 }, { host: "2001:db8::1", port: 2 }]);
    expect(hex(bytes.subarray(0, 8))).toBe("ffffffffffff0001");
    expect(new TextDecoder().decode(bytes.subarray(20))).toBe("a.example:1|[2001:db8::1]:2");
    expect(decodeHandshake(bytes)).toEqual({
      kind: "done",
      size: bytes.length,
      handshake: { sid: 7, addresses: [{ host: "a.example", port: 1 }, { host: "2001:db8::1", port: 2 }] },
    });
  });

  test("asks for more until its last byte, and leaves alone what follows", () => {
    for (let length = 0; length < golden.length; length++) {
      expect(decodeHandshake(golden.subarray(0, length))).toEqual({ kind: "more" });
    }
    const done = {
      kind: "done" as const,
      size: golden.length,
      handshake: { sid: 1, addresses: [{ host: "127.0.0.1", port: 3881 }] },
    };
    expect(decodeHandshake(golden)).toEqual(done);
    expect(decodeHandshake(Uint8Array.from([...golden, 0, 0, 0, 44]))).toEqual(done);
  });

  test("of a server before 3.5 is its id alone", () => {
    expect(decodeHandshake(fromHex("0000000000000005 0000002c"))).toEqual({
      kind: "done",
      size: 8,
      handshake: { sid: 5, addresses: [] },
    });
  });

  test("of an observer without an id has none", () => {
    for (const bytes of ["7fffffffffffffff", "ffffffffffff0000 7fffffffffffffff 00000003 613a31"]) {
      const result = decodeHandshake(fromHex(bytes));
      expect(result).toMatchObject({ kind: "done", handshake: { sid: undefined } });
    }
  });

  test("with a name beyond ASCII keeps it (ZOOKEEPER-4787)", () => {
    const bytes = encodeHandshake(2, [{ host: "bücher.example", port: 3888 }]);
    expect(decodeHandshake(bytes)).toMatchObject({
      handshake: { sid: 2, addresses: [{ host: "bücher.example", port: 3888 }] },
    });
  });

  test("with a wildcard address gives none to dial", () => {
    for (const host of ["0.0.0.0", "0", "::", "0:0:0:0:0:0:0:0"]) {
      const bytes = encodeHandshake(2, [{ host, port: 3888 }]);
      expect(decodeHandshake(bytes)).toMatchObject({ handshake: { sid: 2, addresses: [] } });
    }
    const bytes = encodeHandshake(2, [{ host: "10.0.0.1", port: 3888 }]);
    expect(decodeHandshake(bytes)).toMatchObject({ handshake: { addresses: [{ host: "10.0.0.1" }] } });
  });

  test("of nonsense is bad", () => {
    const address = (text: string) => {
      const bytes = new TextEncoder().encode(text);
      return `ffffffffffff0000 0000000000000001 ${bytes.length.toString(16).padStart(8, "0")} ${hex(bytes)}`;
    };
    const nonsense = [
      "fffffffffffeffff", // protocol
      "ffffffffffffffff",
      "8000000000000000",
      "0020000000000000", // sid
      "ffffffffffff0000 ffffffffffffffff 00000003 613a31",
      "ffffffffffff0000 0000000000000001 00000000", // address length
      "ffffffffffff0000 0000000000000001 ffffffff",
      "ffffffffffff0000 0000000000000001 00000801",
      address("a"),
      address("a:"),
      address(":1"),
      address("a:b"),
      address("a:65536"),
      address("a:1:2"),
      address("[::1"),
      address("a:1|"),
      address("a:1|b"),
    ];
    for (const bytes of nonsense) {
      expect([bytes, decodeHandshake(fromHex(bytes)).kind]).toEqual([bytes, "bad"]);
    }
  });

  test("is never longer than its bound", () => {
    const longest = encodeHandshake(1, [{ host: "h".repeat(2043), port: 3888 }]);
    expect(longest.length).toBe(handshakeBytesMax);
    expect(decodeHandshake(longest).kind).toBe("done");
  });

  test("of random bytes never throws", () => {
    const random = seededRandom(1);
    for (let round = 0; round < 2000; round++) {
      const bytes = Uint8Array.from({ length: randomBelow(random, 64) }, () => randomBelow(random, 256));
      if (randomBelow(random, 2) === 0) bytes.set(golden.subarray(0, Math.min(bytes.length, 20)));
      expect(["more", "bad", "done"]).toContain(decodeHandshake(bytes).kind);
    }
  });
});
