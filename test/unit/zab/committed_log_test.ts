import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { makeZxid, type Zxid } from "../../../src/protocol/zxid.ts";
import { CommittedLog } from "../../../src/zab/committed_log.ts";

const bytesOf = (zxid: Zxid, length: number) => new Uint8Array(length).fill(zxid % 251);

/** Appends from within a larger buffer, which is used for something else afterwards. */
function append(log: CommittedLog, zxid: Zxid, length: number): void {
  const buffer = new Uint8Array(length + 7).fill(0xee);
  buffer.set(bytesOf(zxid, length), 3);
  log.append(zxid, buffer, 3, 3 + length);
  buffer.fill(0xdd);
}

const zxidsOf = (log: CommittedLog) => Array.from({ length: log.length }, (_, index) => log.at(index).zxid);

describe("the committed txns in memory", () => {
  test("are none at first, and follow nothing that is known", () => {
    const log = new CommittedLog(500, 1000);
    expect([log.length, log.min, log.max, log.base, log.firstAfter(0)]).toEqual([0, -1, -1, -1, 0]);
  });

  test("are the newest so many, and the last one dropped is their base", () => {
    const log = new CommittedLog(3, 1000);
    log.clear(4);
    for (let zxid = 5; zxid <= 9; zxid++) append(log, zxid, 10);
    expect([zxidsOf(log), log.min, log.max, log.base]).toEqual([[7, 8, 9], 7, 9, 6]);
  });

  test("take no more bytes than they may, except for one txn, which is kept however large it is", () => {
    const log = new CommittedLog(500, 1000);
    for (let zxid = 1; zxid <= 20; zxid++) append(log, zxid, 100);
    expect(zxidsOf(log)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    append(log, 21, 600_000);
    expect([zxidsOf(log), log.base]).toEqual([[21], 20]);
    append(log, 22, 1);
    expect([zxidsOf(log), log.base]).toEqual([[22], 21]);
  });

  test("lie where they lay before, when nobody overwrites that", () => {
    const log = new CommittedLog(500, 1000);
    const entry = { zxid: 5, bytes: new Uint8Array(30), start: 10, end: 20 };
    log.appendKept(entry);
    log.appendKept({ ...entry });
    expect([log.length, log.at(0)]).toEqual([1, entry]);
  });

  test("come in order: what is not newer is passed over, also than what they follow", () => {
    const log = new CommittedLog(500, 1000);
    log.clear(makeZxid(2, 3));
    for (const zxid of [makeZxid(2, 2), makeZxid(2, 3)]) append(log, zxid, 1);
    expect([log.length, log.base]).toEqual([0, makeZxid(2, 3)]);
    for (const zxid of [makeZxid(2, 4), makeZxid(2, 4), makeZxid(3, 1), makeZxid(2, 5)]) append(log, zxid, 1);
    expect(zxidsOf(log)).toEqual([makeZxid(2, 4), makeZxid(3, 1)]);
  });

  test("may be none at all, as for a server that nobody follows", () => {
    const log = new CommittedLog(0, 1000);
    for (let zxid = 1; zxid <= 3; zxid++) append(log, zxid, 10);
    expect([log.length, log.max, log.base]).toEqual([0, -1, 3]);
  });

  test("are forgotten when another history begins", () => {
    const log = new CommittedLog(500, 1000);
    for (let zxid = 1; zxid <= 3; zxid++) append(log, zxid, 10);
    log.clear(2);
    expect([log.length, log.min, log.max, log.base]).toEqual([0, -1, -1, 2]);
    append(log, 3, 5);
    expect([...log.at(0).bytes.subarray(log.at(0).start, log.at(0).end)]).toEqual([3, 3, 3, 3, 3]);
  });

  test("are found by what they follow", () => {
    const log = new CommittedLog(500, 1e6);
    const zxids = [makeZxid(1, 1), makeZxid(1, 2), makeZxid(3, 1), makeZxid(3, 2)];
    for (const zxid of zxids) append(log, zxid, 1);
    const found = [
      -1,
      0,
      makeZxid(1, 1),
      makeZxid(1, 2),
      makeZxid(2, 9),
      makeZxid(3, 1),
      makeZxid(3, 2),
      2 ** 60,
    ]
      .map((zxid) => log.firstAfter(zxid));
    expect(found).toEqual([0, 0, 1, 2, 2, 3, 4, 4]);
  });

  test("are those of a plain array, whatever comes", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const countMax = 1 + randomBelow(random, 2000);
      const bytesMax = 1 + randomBelow(random, 200_000);
      const log = new CommittedLog(countMax, bytesMax);
      let model: { zxid: Zxid; length: number }[] = [];
      let base = -1;
      let zxid = 0;
      for (let step = 0; step < 3000; step++) {
        if (randomBelow(random, 1500) === 0) {
          base = zxid;
          model = [];
          log.clear(zxid);
        }
        zxid += randomBelow(random, 3) - (randomBelow(random, 20) === 0 ? 2 : 0);
        const length = randomBelow(random, 50) === 0
          ? randomBelow(random, 100_000)
          : randomBelow(random, 120);
        append(log, zxid, length);
        if (zxid > Math.max(base, model.at(-1)?.zxid ?? -1)) {
          model.push({ zxid, length });
          const bytes = () => model.reduce((sum, entry) => sum + entry.length, 0);
          while (model.length > countMax || (model.length > 1 && bytes() > bytesMax)) {
            base = model.shift()!.zxid;
          }
        }
        if (step % 100 > 0) continue;
        expect([zxidsOf(log), log.base, log.min, log.max]).toEqual([
          model.map((entry) => entry.zxid),
          base,
          model[0]?.zxid ?? -1,
          model.at(-1)?.zxid ?? -1,
        ]);
        for (const [index, entry] of model.entries()) {
          const { bytes, start, end } = log.at(index);
          expect(Buffer.compare(bytes.subarray(start, end), bytesOf(entry.zxid, entry.length))).toBe(0);
        }
        const wanted = zxid - randomBelow(random, 100);
        const found = model.findIndex((entry) => entry.zxid > wanted);
        expect(log.firstAfter(wanted)).toBe(found < 0 ? model.length : found);
      }
    }
  });
});
