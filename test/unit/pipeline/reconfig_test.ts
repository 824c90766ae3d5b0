import { describe, expect, test } from "bun:test";
import { JuteReader } from "../../../src/jute/reader.ts";
import type { JuteWriter } from "../../../src/jute/writer.ts";
import type { ReconfigContext } from "../../../src/pipeline/preparation.ts";
import { encodeAcl } from "../../../src/protocol/acl.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { decodeStat } from "../../../src/protocol/stat.ts";
import { decodeTxnBody, decodeTxnHeader, txnHeaderBytes } from "../../../src/protocol/txn.ts";
import { membershipText } from "../../../src/quorum/membership.ts";
import { parseMembershipText } from "../../../src/quorum/membership_text.ts";
import { createBody, multiBody, pathAndVersion, PipelineBench } from "./pipeline_bench.ts";

const membership = parseMembershipText(
  "server.1=a:1:2;5\nserver.2=b:1:2;5\nserver.3=zoë:1:2;5\nversion=100000000",
);

function reconfigBody(request: { joining?: string; leaving?: string; newMembers?: string; from?: number }) {
  return (body: JuteWriter) => {
    body.string(request.joining ?? null);
    body.string(request.leaving ?? null);
    body.string(request.newMembers ?? null);
    body.longNumber(request.from ?? -1);
  };
}

/** A bench whose client is the super user, and whose leader may change this membership. */
function benchOf(change: Partial<ReconfigContext> = {}) {
  const bench = new PipelineBench();
  bench.authIds = [{ scheme: "super", id: "" }];
  const refusals: string[] = [];
  bench.preparation.reconfigContext = {
    committed: membership,
    lastSeen: membership,
    standaloneEnabled: true,
    multiAddress: false,
    isSynced: () => true,
    onRefused: ({ reason }) => refusals.push(reason),
    ...change,
  };
  return { bench, refusals };
}

const expectedText =
  "server.1=a:1:2:participant;0.0.0.0:5\nserver.3=zoë:1:2:participant;0.0.0.0:5\nversion=1";

function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}

describe("reconfig", () => {
  test("becomes a txn that sets /zookeeper/config, with its own zxid for a version", () => {
    const { bench } = benchOf();
    expect(bench.prepare(OpCode.reconfig, reconfigBody({ leaving: "2" }))).toBe(ErrorCode.ok);
    const { preparation } = bench;
    const entry = new JuteReader(preparation.entryBytes, preparation.entryStart, preparation.entryEnd);
    const header = decodeTxnHeader(entry);
    expect(header).toMatchObject({ clientId: 0x100n, cxid: 1, zxid: 1, type: OpCode.reconfig });
    expect(decodeTxnBody(header.type, entry)).toEqual({
      type: OpCode.reconfig,
      path: "/zookeeper/config",
      data: new TextEncoder().encode(expectedText),
      version: -1,
    });
    expect(preparation.newMembership).not.toBeNull();
    expect(membershipText(preparation.newMembership!)).toBe(expectedText);
  });

  /** From log.100000001 of an Apache 3.9.5 leader of three, to which server 4 was added; behind the txn header. */
  const apacheTxn = "000000112f7a6f6f6b65657065722f636f6e666967000000fa" + hexOf(
    "server.1=127.0.0.1:28288:28109:participant;127.0.0.1:24546\n" +
      "server.2=127.0.0.1:23493:27653:participant;127.0.0.1:21420\n" +
      "server.3=127.0.0.1:22490:25941:participant;127.0.0.1:29160\n" +
      "server.4=127.0.0.1:27469:28496:observer;127.0.0.1:21071\nversion=100000002",
  ) + "ffffffff" + "000000020000000051c6d660";

  test("is the txn that Apache makes, byte by byte", () => {
    const { bench } = benchOf();
    const before = parseMembershipText(
      "server.1=127.0.0.1:28288:28109:participant;127.0.0.1:24546\n" +
        "server.2=127.0.0.1:23493:27653:participant;127.0.0.1:21420\n" +
        "server.3=127.0.0.1:22490:25941:participant;127.0.0.1:29160\nversion=100000000",
    );
    const { preparation } = bench;
    preparation.reconfigContext = { ...preparation.reconfigContext!, committed: before, lastSeen: before };
    preparation.zxid = 0x100000001;
    const joining = "server.4=127.0.0.1:27469:28496:observer;127.0.0.1:21071";
    expect(bench.prepare(OpCode.reconfig, reconfigBody({ joining }))).toBe(ErrorCode.ok);
    const bytes = preparation.entryBytes.slice(preparation.entryStart + txnHeaderBytes, preparation.entryEnd);
    expect(Buffer.from(bytes).toString("hex")).toBe(apacheTxn);
  });

  test("answers the data and Stat of the znode", () => {
    const { bench } = benchOf();
    bench.create("/before");
    const { error, body } = bench.run(OpCode.reconfig, reconfigBody({ leaving: "2" }));
    expect(error).toBe(ErrorCode.ok);
    const data = new TextDecoder().decode(body.buffer()!);
    expect(data).toBe(expectedText.replace("version=1", "version=2"));
    expect(decodeStat(body)).toMatchObject({
      mzxid: 2,
      czxid: 0,
      version: -1,
      aversion: -1,
      dataLength: new TextEncoder().encode(data).length,
    });
    expect(body.remaining).toBe(0);
    expect(bench.run(OpCode.create, createBody("/after")).error).toBe(ErrorCode.ok);
    expect(bench.preparation.newMembership).toBeNull();
  });

  test("leaves the digest as it is", () => {
    const { bench } = benchOf();
    const before = [bench.tree.digestHigh, bench.tree.digestLow];
    bench.prepare(OpCode.reconfig, reconfigBody({ leaving: "2" }));
    expect([bench.preparation.pending.digestHigh, bench.preparation.pending.digestLow]).toEqual(before);
    bench.applyAll();
    expect([bench.tree.digestHigh, bench.tree.digestLow]).toEqual(before);
  });

  test("is refused as disabled without a context, whatever it asks", () => {
    const bench = new PipelineBench();
    expect(bench.run(OpCode.reconfig, reconfigBody({ leaving: "x" })).error).toBe(ErrorCode.reconfigDisabled);
  });

  test("needs leave to write the znode, which is looked at last", () => {
    const { bench } = benchOf();
    bench.authIds = [{ scheme: "ip", id: "127.0.0.1" }];
    expect(bench.run(OpCode.reconfig, reconfigBody({ leaving: "x" })).error).toBe(ErrorCode.badArguments);
    expect(bench.run(OpCode.reconfig, reconfigBody({ leaving: "2" })).error).toBe(ErrorCode.noAuth);
    expect(bench.preparation.newMembership).toBeNull();
    bench.authIds = [{ scheme: "super", id: "" }];
    const worldMayWrite = (body: JuteWriter) => {
      body.string("/zookeeper/config");
      body.vector([{ perms: 2, scheme: "world", id: "anyone" }], encodeAcl);
      body.int(-1);
    };
    expect(bench.run(OpCode.setACL, worldMayWrite).error).toBe(ErrorCode.ok);
    bench.authIds = [];
    expect(bench.run(OpCode.reconfig, reconfigBody({ leaving: "2" })).error).toBe(ErrorCode.ok);
  });

  test("answers each refusal by its code, tells the leader why, and uses up a zxid", () => {
    const lastSeen = { ...membership, version: 0x100000009 };
    for (
      const [change, request, code, reason] of [
        [
          { lastSeen },
          {},
          ErrorCode.reconfigInProgress,
          "the change to version 0x100000009 is not committed",
        ],
        [{}, { from: 4 }, ErrorCode.badVersion, "asked for from version 0x4, at version 0x100000000"],
        [{}, { leaving: "1,2" }, ErrorCode.badArguments, "it would leave 1 voter, and 2 are needed"],
        [
          { isSynced: (id: number) => id === 1 },
          { leaving: "2" },
          ErrorCode.newConfigNoQuorum,
          "of its voters only 1 are connected and in step",
        ],
      ] as const
    ) {
      const { bench, refusals } = benchOf(change);
      expect(bench.run(OpCode.reconfig, reconfigBody(request)).error).toBe(code);
      expect(refusals).toEqual([reason]);
      expect(bench.tree.lastProcessedZxid).toBe(1);
    }
  });

  test("is no part of a multi", () => {
    const { bench } = benchOf();
    expect(() => bench.prepare(OpCode.multi, multiBody([OpCode.reconfig, reconfigBody({ leaving: "2" })])))
      .toThrow();
    expect(bench.run(OpCode.delete, pathAndVersion("/none")).error).toBe(ErrorCode.noNode);
  });
});
