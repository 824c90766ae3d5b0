/** What may get into the log: every kind of txn as it is written, and nothing that is cut, padded wrongly or unknown. */
import { describe, expect, test } from "bun:test";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { openAcl } from "../../../src/protocol/acl.ts";
import type { TxnBody } from "../../../src/protocol/txn.ts";
import { txnProblem } from "../../../src/protocol/txn_check.ts";
import { create, entryOf } from "../tree/_txns.ts";

const data = new TextEncoder().encode("data");
const bodies: readonly TxnBody[] = [
  create("/a"),
  { type: OpCode.createTTL, path: "/t", data, acl: openAcl, parentCVersion: 1, ttlMs: 5 },
  { type: OpCode.createContainer, path: "/c", data: null, acl: openAcl, parentCVersion: 1 },
  { type: OpCode.delete, path: "/a" },
  { type: OpCode.setData, path: "/a", data, version: 3 },
  { type: OpCode.reconfig, path: "/zookeeper/config", data, version: -1 },
  { type: OpCode.setACL, path: "/a", acl: openAcl, aversion: 2 },
  { type: OpCode.createSession, timeoutMs: 4000 },
  { type: OpCode.closeSession, paths: ["/e", "/f"] },
  { type: OpCode.closeSession, paths: null },
  { type: OpCode.error, code: -101 },
  { type: OpCode.multi, txns: [create("/m"), { type: OpCode.check, path: "/a", version: 1 }] },
];

describe("txnProblem()", () => {
  for (const body of bodies) {
    test(`lets type ${body.type} pass whole, and never throws however it is cut`, () => {
      const entry = entryOf(body, { zxid: 7 });
      expect(txnProblem(entry, 0, entry.length)).toBeNull();
      for (let end = 0; end < 32; end++) expect(txnProblem(entry, 0, end)).not.toBeNull();
      for (let end = 32; end < entry.length; end++) expect(() => txnProblem(entry, 0, end)).not.toThrow();
    });
  }

  test("refuses what no ZooKeeper writes: a lone check, an unknown type, odd parts, impossible paths", () => {
    const problemOf = (body: TxnBody) => {
      const entry = entryOf(body, { zxid: 7 });
      return txnProblem(entry, 0, entry.length);
    };
    expect(problemOf({ type: OpCode.check, path: "/a", version: 1 })).toContain("13");
    expect(problemOf({ type: OpCode.multi, txns: [{ type: OpCode.createSession, timeoutMs: 1 }] })).toContain(
      "-10",
    );
    expect(problemOf({ type: OpCode.delete, path: "a" })).toContain('"a"');
    expect(problemOf({ type: OpCode.closeSession, paths: ["e"] })).toContain('"e"');
    const odd = entryOf(create("/a"), { zxid: 7 });
    new DataView(odd.buffer, odd.byteOffset).setInt32(28, 99);
    expect(txnProblem(odd, 0, odd.length)).toContain("99");
  });
});
