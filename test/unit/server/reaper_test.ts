import { expect, test } from "bun:test";
import { silentLogger } from "../../../src/base/log.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { Reaper } from "../../../src/server/reaper.ts";
import { DataTree } from "../../../src/tree/data_tree.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import { encodeTxnBody, encodeTxnHeader, type TxnBody } from "../../../src/protocol/txn.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { openAcl } from "../../../src/protocol/acl.ts";

const ownerRules = { extendedTypes: true, emulate353Ttl: false };
const config = { checkEveryMs: 1000, deletionsPerMinuteMax: 600, neverUsedMs: 0 };

function apply(tree: DataTree, timeMs: number, body: TxnBody): void {
  const entry = new JuteWriter();
  encodeTxnHeader(entry, {
    clientId: 0n,
    cxid: 0,
    zxid: tree.lastProcessedZxid + 1,
    timeMs,
    type: body.type,
  });
  encodeTxnBody(entry, body);
  tree.apply(entry.bytes, 0, entry.length, null, null);
}

function treeWithTtls(count: number): DataTree {
  const tree = new DataTree({
    store: new ObjectZnodeStore({ ownerRules }),
    ownerRules,
    digestEnabled: false,
    logger: silentLogger,
  });
  for (let index = 0; index < count; index++) {
    const at = { path: `/t${index}`, data: null, acl: openAcl, parentCVersion: index + 1, ttlMs: 50 };
    apply(tree, 1000, { type: OpCode.createTTL, ...at });
  }
  return tree;
}

test("a TTL znode is deleted at the first look after its time, and not before a look is due", () => {
  const deleted: string[] = [];
  const tree = treeWithTtls(1);
  const reaper = new Reaper(tree, config, {
    submitOwn: (op, body) => op.code === OpCode.deleteContainer && deleted.push(body.string()!) > 0,
  }, 0);
  reaper.tick(999, 5000);
  expect(deleted).toEqual([]);
  reaper.tick(1000, 1040);
  expect(deleted).toEqual([]);
  reaper.tick(2000, 1051);
  expect(deleted).toEqual(["/t0"]);
});

test("deletions are spread by the rate allowed", () => {
  const deleted: string[] = [];
  const reaper = new Reaper(treeWithTtls(30), config, {
    submitOwn: (_op, body) => deleted.push(body.string()!) > 0,
  }, 0);
  reaper.tick(1000, 5000);
  expect(deleted.length).toBe(1);
  reaper.tick(2000, 6000);
  expect(deleted.length).toBe(11);
  reaper.tick(5000, 9000);
  expect(new Set(deleted).size).toBe(30);
});
