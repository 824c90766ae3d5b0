import { describe, expect, test } from "bun:test";
import { JuteError, JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { decodeAcl, encodeAcl, openAcl, readAcl } from "../../../src/protocol/acl.ts";
import { ErrorCode, errorName } from "../../../src/protocol/error_code.ts";
import { decodeStat, encodeStat, type Stat, statBytes } from "../../../src/protocol/stat.ts";
import { encodeNotification, EventType } from "../../../src/protocol/watch_event.ts";

describe("Stat", () => {
  const stat: Stat = {
    czxid: 1,
    mzxid: 0x500000002,
    ctime: 1_700_000_000_000,
    mtime: 1_700_000_000_001,
    version: 3,
    cversion: -4,
    aversion: 5,
    ephemeralOwner: -6n,
    dataLength: 7,
    numChildren: 8,
    pzxid: 0x500000009,
  };

  test("has 68 bytes in the order of the wire", () => {
    const writer = new JuteWriter();
    encodeStat(writer, stat);
    expect(writer.length).toBe(statBytes);
    expect(writer.view().toHex()).toBe(
      "0000000000000001" + "0000000500000002" + "0000018bcfe56800" + "0000018bcfe56801" + "00000003" +
        "fffffffc" +
        "00000005" + "fffffffffffffffa" + "00000007" + "00000008" + "0000000500000009",
    );
    expect(decodeStat(new JuteReader(writer.copy()))).toEqual(stat);
    for (let length = 0; length < statBytes; length++) {
      expect(() => decodeStat(new JuteReader(writer.bytes, 0, length))).toThrow(JuteError);
    }
  });
});

describe("ACLs", () => {
  test("are read back as they were written, nulls too", () => {
    for (const acl of [...openAcl, ...readAcl, { perms: -1, scheme: null, id: "" }]) {
      const writer = new JuteWriter();
      encodeAcl(writer, acl);
      expect(decodeAcl(new JuteReader(writer.copy()))).toEqual(acl);
      for (let length = 0; length < writer.length; length++) {
        expect(() => decodeAcl(new JuteReader(writer.bytes, 0, length))).toThrow(JuteError);
      }
    }
  });
});

test("a notification is a whole frame with xid -1 and the state SyncConnected", () => {
  const writer = new JuteWriter();
  encodeNotification(writer, EventType.nodeDataChanged, "/a", 0x500000001);
  expect(writer.view().toHex()).toBe(
    "0000001e" + "ffffffff" + "0000000500000001" + "00000000" + "00000003" + "00000003" + "00000002" + "2f61",
  );
  writer.reset();
  encodeNotification(writer, EventType.nodeCreated, "/", -1);
  expect(writer.view().toHex()).toBe(
    "0000001d" + "ffffffff" + "ffffffffffffffff" + "00000000" + "00000001" + "00000003" + "00000001" + "2f",
  );
});

test("every error code has a name of its own", () => {
  const codes = Object.values(ErrorCode);
  const names = codes.map(errorName);
  expect(new Set(codes).size).toBe(codes.length);
  expect(new Set(names).size).toBe(codes.length);
  for (const name of names) expect(name).toMatch(/^[A-Z]+$/);
  expect(errorName(-101)).toBe("NONODE");
  expect(errorName(-42)).toBe("ERROR(-42)");
});
