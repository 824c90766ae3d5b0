import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { EntryArena } from "../../../src/zab/entry_arena.ts";

const bytesOf = ({ bytes, start, end }: LoggedEntry) => bytes.slice(start, end);

describe("entries that are looked at until they are released", () => {
  test("are copied side by side and stay what they were, whatever becomes of where they came from", () => {
    const arena = new EntryArena();
    const source = new Uint8Array(600_000);
    const lengths = [100, 0, 2000, 50_000, 600_000, 7];
    const kept = lengths.map((length, index) => {
      source.fill(index + 1);
      return arena.keep(index, source, 600_000 - length, 600_000);
    });
    source.fill(0xee);
    kept.forEach((entry, index) => {
      expect(entry.zxid).toBe(index);
      expect(bytesOf(entry)).toEqual(new Uint8Array(lengths[index]).fill(index + 1));
    });
    expect([kept[1].bytes, kept[2].bytes].every((bytes) => bytes === kept[0].bytes)).toBe(true);
    expect(kept[3].bytes).not.toBe(kept[0].bytes);
  });

  test("leave their memory to those that come after", () => {
    const arena = new EntryArena();
    const source = new Uint8Array(1000);
    const memory = new Set<Uint8Array>();
    for (let zxid = 1; zxid <= 10_000; zxid++) {
      memory.add(arena.keep(zxid, source, 0, 1000).bytes);
      arena.release(zxid - 300);
    }
    // It begins with small chunks; in the end 300 of them take three large ones, and one is being filled.
    expect(memory.size).toBeLessThanOrEqual(12);
  });

  test("leave it all at once, when nobody looks at any", () => {
    const arena = new EntryArena();
    const first = arena.keep(1, new Uint8Array(100), 0, 100);
    arena.clear();
    const next = arena.keep(2, new Uint8Array(100), 0, 100);
    expect([next.bytes === first.bytes, next.start]).toEqual([true, 0]);
  });

  test("may be longer than was foreseen", () => {
    const arena = new EntryArena();
    const first = arena.keep(1, new Uint8Array(2000).fill(1), 0, 2000);
    const writer = arena.begin(10);
    const at = writer.length;
    writer.raw(new Uint8Array(20_000).fill(2));
    arena.onWritten(2);
    expect(writer.bytes.slice(at, writer.length)).toEqual(new Uint8Array(20_000).fill(2));
    arena.keep(3, new Uint8Array(126_000).fill(3), 0, 126_000);
    expect(bytesOf(first)).toEqual(new Uint8Array(2000).fill(1));
  });

  test("are never overwritten before that, whatever comes", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const arena = new EntryArena();
      let held: { entry: LoggedEntry; copy: Uint8Array }[] = [];
      for (let zxid = 1; zxid <= 2000; zxid++) {
        const length = randomBelow(random, 20) === 0
          ? randomBelow(random, 300_000)
          : randomBelow(random, 2000);
        const copy = new Uint8Array(length).fill(zxid);
        held.push({ entry: arena.keep(zxid, copy, 0, length), copy });
        const step = randomBelow(random, 60);
        if (step === 0) {
          arena.clear();
          held = [];
        } else if (step < 10) {
          const upTo = zxid - randomBelow(random, 40);
          arena.release(upTo);
          held = held.filter(({ entry }) => entry.zxid > upTo);
        }
        if (zxid % 50 > 0) continue;
        for (const { entry, copy } of held) expect(Buffer.compare(bytesOf(entry), copy)).toBe(0);
      }
    }
  });
});
