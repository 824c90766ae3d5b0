import { describe, expect, test } from "bun:test";
import { JuteError, JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { openAcl, readAcl } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import {
  decodeTxnBody,
  decodeTxnHeader,
  encodeTxnBody,
  encodeTxnHeader,
  type TxnBody,
  txnHeaderBytes,
  UnknownTxnError,
} from "../../../src/protocol/txn.ts";

const data = Uint8Array.of(1, 2, 3);
const acl = [...openAcl, ...readAcl, { perms: 0, scheme: null, id: null }];

const bodies: TxnBody[] = [
  { type: OpCode.createSession, timeoutMs: 30_000 },
  { type: OpCode.closeSession, paths: null },
  { type: OpCode.closeSession, paths: [] },
  { type: OpCode.closeSession, paths: ["/a", null, "/b/c"] },
  { type: OpCode.error, code: -101 },
  { type: OpCode.create, path: "/a", data, acl, ephemeral: true, parentCVersion: 7 },
  { type: OpCode.create, path: "/a", data: null, acl: [], ephemeral: false, parentCVersion: -1 },
  { type: OpCode.create2, path: "/é", data: new Uint8Array(0), acl, ephemeral: false, parentCVersion: 1 },
  { type: OpCode.createContainer, path: "/a", data, acl, parentCVersion: 2 },
  { type: OpCode.createTTL, path: "/a", data, acl, parentCVersion: 3, ttlMs: 0xffffffffff },
  { type: OpCode.delete, path: "/a/b" },
  { type: OpCode.deleteContainer, path: "/a/b" },
  { type: OpCode.setData, path: "/a", data: null, version: 3 },
  { type: OpCode.reconfig, path: "/zookeeper/config", data, version: 1 },
  { type: OpCode.setACL, path: "/a", acl, aversion: -2147483648 },
  { type: OpCode.check, path: "/a", version: 5 },
];
const multi: TxnBody = {
  type: OpCode.multi,
  txns: bodies.filter((body) => body.type !== OpCode.createSession && body.type !== OpCode.closeSession),
};
const all: TxnBody[] = [...bodies, multi, { type: OpCode.multi, txns: [] }];
const nameOf = (body: TxnBody) => Object.entries(OpCode).find(([, code]) => code === body.type)![0];

function encoded(body: TxnBody): Uint8Array {
  const writer = new JuteWriter(8);
  encodeTxnBody(writer, body);
  return writer.copy();
}

describe("txn bodies", () => {
  for (const [index, body] of all.entries()) {
    test(`${nameOf(body)} (${index}) is read back as it was written`, () => {
      const reader = new JuteReader(encoded(body));
      expect(decodeTxnBody(body.type, reader)).toEqual(body);
      expect(reader.remaining).toBe(0);
    });

    test(`${nameOf(body)} (${index}) leaves a digest behind it unread`, () => {
      const bytes = encoded(body);
      const digest = "00000002" + "0000000123456789";
      const reader = new JuteReader(Uint8Array.fromHex(bytes.toHex() + digest));
      expect(decodeTxnBody(body.type, reader)).toEqual(body);
      expect(reader.remaining).toBe(12);
    });

    test(`${nameOf(body)} (${index}) cut short at any byte is refused, or an older form`, () => {
      const bytes = encoded(body);
      for (let length = 0; length < bytes.length; length++) {
        const read = () => decodeTxnBody(body.type, new JuteReader(bytes, 0, length));
        const left = bytes.length - length;
        if ((body.type === OpCode.create || body.type === OpCode.create2) && left <= 4) {
          // Before 3.4 there was no parentCVersion (CreateTxnV0).
          expect(read()).toEqual({ ...body, parentCVersion: -1 });
        } else if (body.type === OpCode.closeSession && length < 4) {
          expect(read()).toEqual({ ...body, paths: null });
        } else expect(read).toThrow(JuteError);
      }
    });
  }

  test("bytes of Apache's form are understood: create and multi", () => {
    const create = "00000002" + "2f61" + "00000001" + "78" + "00000001" + "0000001f" + "00000005" +
      "776f726c64" +
      "00000006" + "616e796f6e65" + "00" + "00000001";
    const expected: TxnBody = {
      type: OpCode.create,
      path: "/a",
      data: Uint8Array.of(0x78),
      acl: openAcl,
      ephemeral: false,
      parentCVersion: 1,
    };
    expect(decodeTxnBody(OpCode.create, new JuteReader(Uint8Array.fromHex(create)))).toEqual(expected);
    const length = (create.length / 2).toString(16).padStart(8, "0");
    const multiHex = "00000002" + "00000001" + length + create + "ffffffff" + "00000004" + "fffffffe";
    expect(decodeTxnBody(OpCode.multi, new JuteReader(Uint8Array.fromHex(multiHex)))).toEqual({
      type: OpCode.multi,
      txns: [expected, { type: OpCode.error, code: -2 }],
    });
    expect(encoded({ type: OpCode.multi, txns: [expected, { type: OpCode.error, code: -2 }] }).toHex()).toBe(
      multiHex,
    );
  });

  test("types that no ZooKeeper writes are refused, in a multi too", () => {
    for (const type of [0, 3, 11, 17, 99, -2]) {
      expect(() => decodeTxnBody(type, new JuteReader(new Uint8Array(50)))).toThrow(UnknownTxnError);
    }
    for (const type of ["0000000e", "00000003"]) {
      const bytes = Uint8Array.fromHex("00000001" + type + "00000004" + "00000000");
      expect(() => decodeTxnBody(OpCode.multi, new JuteReader(bytes))).toThrow(UnknownTxnError);
    }
  });

  test("a part of a multi cannot read beyond its own bytes", () => {
    const bytes = Uint8Array.fromHex("00000001" + "00000002" + "00000004" + "00000002" + "2f61");
    expect(() => decodeTxnBody(OpCode.multi, new JuteReader(bytes))).toThrow(JuteError);
  });
});

describe("txn headers", () => {
  test("have 32 bytes, each field at its offset", () => {
    const header = {
      clientId: -2n,
      cxid: -3,
      zxid: 0x500000001,
      timeMs: 1_700_000_000_123,
      type: OpCode.closeSession,
    };
    const writer = new JuteWriter();
    encodeTxnHeader(writer, header);
    expect(writer.length).toBe(txnHeaderBytes);
    expect(writer.view().toHex()).toBe(
      "fffffffffffffffe" + "fffffffd" + "0000000500000001" + "0000018bcfe5687b" + "fffffff5",
    );
    expect(decodeTxnHeader(new JuteReader(writer.copy()))).toEqual(header);
    for (let length = 0; length < txnHeaderBytes; length++) {
      expect(() => decodeTxnHeader(new JuteReader(writer.bytes, 0, length))).toThrow(JuteError);
    }
  });
});
