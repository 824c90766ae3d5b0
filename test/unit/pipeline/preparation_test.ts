import { describe, expect, test } from "bun:test";
import { type Random, randomBelow, seededRandom } from "../../../src/base/random.ts";
import { JuteError, JuteReader } from "../../../src/jute/reader.ts";
import { openAcl } from "../../../src/protocol/acl.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { PendingZnode } from "../../../src/pipeline/pending_znode.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import {
  createBody,
  createTtlBody,
  multiBody,
  pathAndVersion,
  PipelineBench,
  setAclBody,
  setDataBody,
} from "./pipeline_bench.ts";

const emptyBody = () => {};

describe("create", () => {
  test("a failed request uses up a zxid and leaves an error txn", () => {
    const bench = new PipelineBench();
    expect(bench.create("/a/b").error).toBe(ErrorCode.noNode);
    expect(bench.tree.lastProcessedZxid).toBe(1);
    expect(bench.create("/a").error).toBe(ErrorCode.ok);
    expect(bench.tree.lastProcessedZxid).toBe(2);
  });

  test("a body that cannot be decoded uses no zxid and changes nothing", () => {
    const bench = new PipelineBench();
    expect(() => bench.prepare(OpCode.create, (body) => body.int(100))).toThrow(JuteError);
    expect(bench.preparation.zxid).toBe(0);
  });

  test("checks come in ZooKeeper's order", () => {
    const bench = new PipelineBench();
    const digest = [{ perms: 31, scheme: "digest", id: "bob:x" }];
    bench.create("/mine", 0, digest);
    bench.create("/e", 1);
    bench.create("/a");
    const error = (path: string | null, flags = 0, acl: Parameters<typeof createBody>[2] = openish) =>
      bench.run(OpCode.create, createBody(path, flags, acl)).error;
    expect(error("/missing/x", 7)).toBe(ErrorCode.badArguments);
    expect(error("nope", 0, null)).toBe(ErrorCode.badArguments);
    expect(error("/missing/x", 0, [])).toBe(ErrorCode.invalidACL);
    expect(error("/missing/x")).toBe(ErrorCode.noNode);
    expect(error("/mine/../x")).toBe(ErrorCode.noNode);
    expect(error("/mine/x")).toBe(ErrorCode.noAuth);
    expect(error("/a//")).toBe(ErrorCode.noNode);
    expect(error("/a/")).toBe(ErrorCode.badArguments);
    expect(error("/")).toBe(ErrorCode.nodeExists);
    expect(error("/e/x")).toBe(ErrorCode.noChildrenForEphemerals);
    expect(error(null)).toBe(ErrorCode.marshallingError);
  });

  test("a sequential name counts every create under the parent, pending ones too", () => {
    const bench = new PipelineBench();
    bench.create("/s");
    bench.prepare(OpCode.create, createBody("/s/plain"));
    bench.prepare(OpCode.create, createBody("/s/n-", 2));
    bench.prepare(OpCode.create, createBody("/s/", 2));
    const paths = bench.applyAll().map((outcome) => outcome.body.string());
    expect(paths).toEqual(["/s/plain", "/s/n-0000000001", "/s/0000000002"]);
    bench.run(OpCode.delete, pathAndVersion("/s/plain"));
    expect(bench.create("/s/n-", 2).body.string()).toBe("/s/n-0000000003");
  });

  test("a TTL must fit its mode", () => {
    const bench = new PipelineBench();
    expect(bench.run(OpCode.createTTL, createTtlBody("/t", 5, 0)).error).toBe(ErrorCode.badArguments);
    expect(bench.run(OpCode.createTTL, createTtlBody("/t", 0, 5)).error).toBe(ErrorCode.badArguments);
    expect(bench.run(OpCode.createTTL, createTtlBody("/t", 0, -5)).error).toBe(ErrorCode.badArguments);
    expect(bench.run(OpCode.create, createBody("/t", 5)).error).toBe(ErrorCode.badArguments);
    expect(bench.run(OpCode.createTTL, createTtlBody("/t", 5, 5)).error).toBe(ErrorCode.ok);
  });

  const openish = [{ perms: 31, scheme: "world", id: "anyone" }];
});

describe("setData", () => {
  test("of what is no path is refused as such, of what is not there as missing", () => {
    const bench = new PipelineBench();
    bench.create("/a");
    const error = (path: string) => bench.run(OpCode.setData, setDataBody(path, "x")).error;
    expect(error("/a")).toBe(ErrorCode.ok);
    expect(error("/b")).toBe(ErrorCode.noNode);
    for (const path of ["", "a", "/a/", "//a", "/a/."]) {
      expect(error(path), path).toBe(ErrorCode.badArguments);
    }
  });
});

describe("pending changes", () => {
  test("requests see what was prepared before them and is not applied yet", () => {
    const bench = new PipelineBench();
    bench.prepare(OpCode.create, createBody("/a"));
    bench.prepare(OpCode.create, createBody("/a/b"));
    bench.prepare(OpCode.setData, setDataBody("/a/b", "x", 0));
    bench.prepare(OpCode.delete, pathAndVersion("/a"));
    bench.prepare(OpCode.delete, pathAndVersion("/a/b", 1));
    bench.prepare(OpCode.delete, pathAndVersion("/a"));
    bench.prepare(OpCode.create, createBody("/a"));
    expect(bench.applyAll().map((outcome) => outcome.error)).toEqual([0, 0, 0, ErrorCode.notEmpty, 0, 0, 0]);
  });

  test("a failed multi takes back what its parts did, and only that", () => {
    const bench = new PipelineBench();
    bench.prepare(OpCode.create, createBody("/keep"));
    bench.prepare(
      OpCode.multi,
      multiBody(
        [OpCode.create, createBody("/gone")],
        [OpCode.setData, setDataBody("/keep", "y", 0)],
        [OpCode.check, pathAndVersion("/keep", 7)],
        [OpCode.delete, pathAndVersion("/keep")],
      ),
    );
    expect(bench.prepare(OpCode.setData, setDataBody("/keep", "z", 0))).toBe(ErrorCode.ok);
    expect(bench.prepare(OpCode.create, createBody("/gone"))).toBe(ErrorCode.ok);
    const [, multi] = bench.applyAll();
    expect(multi.error).toBe(ErrorCode.ok);
    const codes: number[] = [];
    for (let part = 0; part < 4; part++) {
      expect(multi.body.int()).toBe(-1);
      multi.body.skip(5);
      codes.push(multi.body.int());
    }
    expect(codes).toEqual([0, 0, ErrorCode.badVersion, ErrorCode.runtimeInconsistency]);
    expect(bench.tree.digestMismatches).toBe(0);
  });

  test("a multi with an operation that does not belong makes no txn", () => {
    const bench = new PipelineBench();
    const bad = multiBody([OpCode.create, createBody("/a")], [OpCode.getData, pathAndVersion("/a")]);
    expect(() => bench.prepare(OpCode.multi, bad)).toThrow(JuteError);
    expect(bench.prepare(OpCode.create, createBody("/a"))).toBe(ErrorCode.ok);
    expect(bench.preparation.zxid).toBe(1);
  });

  test("closing a session that has no ephemerals looks at nothing of what is pending", () => {
    const bench = new PipelineBench();
    for (let index = 0; index < 50; index++) bench.prepare(OpCode.create, createBody(`/p${index}`));
    let looks = 0;
    const { get } = Object.getOwnPropertyDescriptor(PendingZnode.prototype, "owner")!;
    Object.defineProperty(PendingZnode.prototype, "owner", {
      configurable: true,
      get(this: PendingZnode) {
        looks++;
        return get!.call(this);
      },
    });
    bench.prepare(OpCode.closeSession, emptyBody);
    Object.defineProperty(PendingZnode.prototype, "owner", { configurable: true, get });
    expect(looks).toBe(0);
    bench.applyAll();
    expect(bench.tree.store.findPath("/p49")).not.toBe(noZnode);
    expect(bench.tree.digestMismatches).toBe(0);
  });

  test("closing a session deletes the ephemerals it has and those still pending", () => {
    const bench = new PipelineBench();
    bench.create("/applied", 1);
    bench.create("/deleted", 1);
    bench.prepare(OpCode.create, createBody("/pending", 1));
    bench.prepare(OpCode.delete, pathAndVersion("/deleted"));
    bench.prepare(OpCode.create, createBody("/deleted", 0));
    bench.prepare(OpCode.closeSession, emptyBody);
    bench.applyAll();
    expect(bench.tree.store.findPath("/applied")).toBe(noZnode);
    expect(bench.tree.store.findPath("/pending")).toBe(noZnode);
    expect(bench.tree.store.findPath("/deleted")).not.toBe(noZnode);
    expect(bench.tree.digestMismatches).toBe(0);
  });

  test("the digest foretold for each txn is the one the tree then has, whatever is pending", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const bench = new PipelineBench();
      // Everything is applied at once there: what is pending must make no difference.
      const prompt = new PipelineBench();
      const random = seededRandom(seed);
      for (let step = 0; step < 200; step++) {
        const request = drawRequest(random);
        const error = bench.prepare(...request);
        expect(error, `seed ${seed}, step ${step}`).toBe(prompt.prepare(...request));
        prompt.applyAll();
        if (randomBelow(random, 6) === 0) bench.applyAll(randomBelow(random, 8));
      }
      bench.applyAll();
      expect(bench.tree.digestMismatches, `seed ${seed}`).toBe(0);
      const { pending } = bench.preparation;
      const foretold = (BigInt(pending.digestHigh >>> 0) << 32n) | BigInt(pending.digestLow >>> 0);
      expect(foretold, `seed ${seed}`).toBe(BigInt.asUintN(64, bench.tree.digest));
      expect(bench.tree.digest, `seed ${seed}`).toBe(prompt.tree.digest);
    }
  });

  test("what the disk refused is forgotten, and its zxids are given out again", () => {
    const bench = new PipelineBench();
    bench.create("/a");
    bench.preparation.prepare(
      { kind: "write", code: OpCode.delete, name: "DELE", reply: "nothing", prepare: () => ErrorCode.noNode },
      { sessionId: 1n, authIds: [] },
      1,
      new JuteReader(new Uint8Array(0)),
      0,
    );
    bench.preparation.forgetAfter(1);
    expect(bench.create("/b").error).toBe(ErrorCode.ok);
    expect(bench.tree.lastProcessedZxid).toBe(2);
    expect(bench.tree.digestMismatches).toBe(0);
  });
});

describe("an entry", () => {
  test("stays what it is until it is applied, however many come after it; then its memory is used again", () => {
    const bench = new PipelineBench();
    const { preparation } = bench;
    const held: { bytes: Uint8Array; start: number; copy: Uint8Array; zxid: number }[] = [];
    const memory = new Set<Uint8Array>();
    for (let number = 1; number <= 3000; number++) {
      bench.prepare(OpCode.create, createBody(`/n${number}`, 0, undefined, "x".repeat(400)));
      const { entryBytes: bytes, entryStart: start, entryEnd, zxid } = preparation;
      memory.add(bytes);
      held.push({ bytes, start, copy: bytes.slice(start, entryEnd), zxid });
      if (held.length > 1000) preparation.onApplied(zxid, held.shift()!.zxid);
    }
    for (const { bytes, start, copy } of held) {
      expect(Buffer.compare(bytes.subarray(start, start + copy.length), copy)).toBe(0);
    }
    // It begins with small chunks; in the end 1000 of them take four large ones, and one is being filled.
    expect(memory.size).toBeLessThanOrEqual(15);
  });
});

describe("a txn larger than learners and logs take", () => {
  const long = "x".repeat(300);

  test("is refused, whatever made it grow, and nothing has changed", () => {
    const bench = new PipelineBench({ entryBytesMax: 400 });
    bench.create("/a");
    const ids = Array.from({ length: 20 }, (_, index) => ({ scheme: "digest", id: `user${index}:hash` }));
    const own = [{ perms: 31, scheme: "auth", id: "" }];
    expect(() => bench.prepare(OpCode.create, createBody("/b", 0, undefined, long + long))).toThrow(
      JuteError,
    );
    expect(() => bench.prepare(OpCode.setData, setDataBody("/a", long + long))).toThrow(JuteError);
    expect(() => bench.prepare(OpCode.create, createBody("/b", 0, own), { authIds: ids })).toThrow(JuteError);
    expect(() => bench.prepare(OpCode.setACL, setAclBody("/a", own), { authIds: ids })).toThrow(JuteError);
    expect(bench.preparation.zxid).toBe(1);
    expect(bench.create("/b").error).toBe(ErrorCode.ok);
    expect(bench.tree.digestMismatches).toBe(0);
  });

  test("is refused as a whole multi when its parts are too much together", () => {
    const bench = new PipelineBench({ entryBytesMax: 400 });
    const part = (path: string): [number, ReturnType<typeof createBody>] => [
      OpCode.create,
      createBody(path, 0, undefined, "x".repeat(100)),
    ];
    bench.prepare(OpCode.create, createBody("/pending"));
    expect(() => bench.prepare(OpCode.multi, multiBody(part("/a"), part("/b"), part("/c")))).toThrow(
      JuteError,
    );
    expect(bench.prepare(OpCode.multi, multiBody(part("/a")))).toBe(ErrorCode.ok);
    bench.prepare(OpCode.create, createBody("/b"));
    expect(bench.applyAll().map(({ error }) => error)).toEqual([0, 0, 0]);
    expect(bench.tree.digestMismatches).toBe(0);
  });

  test("closes a session all the same, with all its ephemerals", () => {
    const bench = new PipelineBench({ entryBytesMax: 400 });
    for (let index = 0; index < 20; index++) bench.create(`/${"e".repeat(40)}${index}`, 1);
    bench.prepare(OpCode.closeSession, emptyBody);
    expect(bench.preparation.entryEnd - bench.preparation.entryStart).toBeLessThan(400);
    bench.applyAll();
    expect([...bench.tree.ephemerals.of(bench.session)]).toEqual([]);
    expect(bench.tree.digestMismatches).toBe(0);
  });
});

describe("quotas", () => {
  test("a hard limit refuses creates and growing data, and nothing else", () => {
    const bench = new PipelineBench({ enforceQuota: true });
    for (const path of ["/q", "/zookeeper/quota/q"]) bench.create(path);
    bench.run(
      OpCode.create,
      createBody(
        "/zookeeper/quota/q/zookeeper_limits",
        0,
        undefined,
        "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=2",
      ),
    );
    bench.run(
      OpCode.create,
      createBody("/zookeeper/quota/q/zookeeper_stats", 0, undefined, "count=0,bytes=0"),
    );
    expect(bench.create("/q/1").error).toBe(ErrorCode.ok);
    expect(bench.create("/q/2").error).toBe(ErrorCode.quotaExceeded);
    expect(bench.run(OpCode.setData, setDataBody("/q/1", "123456")).error).toBe(ErrorCode.quotaExceeded);
    expect(bench.run(OpCode.setData, setDataBody("/q/1", "1234")).error).toBe(ErrorCode.ok);
    expect(bench.create("/other").error).toBe(ErrorCode.ok);
  });
});

/** Something on one of few paths, that meets what others have done there. */
function drawRequest(random: Random): [number, ReturnType<typeof createBody>] {
  const pick = () => `/${"abc"[randomBelow(random, 3)]}${["", "/x", "/y", "/x/z"][randomBelow(random, 4)]}`;
  const parts: (() => [number, ReturnType<typeof createBody>])[] = [
    () => [OpCode.create, createBody(pick(), [0, 0, 1, 2, 3][randomBelow(random, 5)])],
    () => [OpCode.create2, createBody(pick(), 0)],
    () => [OpCode.createContainer, createBody(pick(), 4)],
    () => [OpCode.createTTL, createTtlBody(pick(), 5, 1000)],
    () => [OpCode.delete, pathAndVersion(pick())],
    () => [
      OpCode.setData,
      setDataBody(pick(), randomBelow(random, 4) === 0 ? null : "v", randomBelow(random, 3) - 1),
    ],
    () => [OpCode.check, pathAndVersion(pick(), randomBelow(random, 3) - 1)],
  ];
  const draw = (kinds: number) => parts[randomBelow(random, kinds)]();
  const kind = randomBelow(random, 12);
  if (kind === 0) return [OpCode.multi, multiBody(draw(7), draw(7), draw(7))];
  if (kind === 1) return [OpCode.closeSession, emptyBody];
  if (kind === 2) return [OpCode.setACL, setAclBody(pick(), openAcl)];
  return draw(6);
}
