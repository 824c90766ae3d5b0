import { expect, test } from "bun:test";
import { EntryArena } from "../../../src/zab/entry_arena.ts";

test("entries are copied side by side and stay what they were, whatever becomes of where they came from", () => {
  const arena = new EntryArena();
  const source = new Uint8Array(600_000);
  const lengths = [100, 0, 200_000, 100_000, 600_000, 7];
  const kept = lengths.map((length, index) => {
    source.fill(index + 1);
    return arena.keep(index, source, 600_000 - length, 600_000);
  });
  arena.clear();
  source.fill(0xee);
  arena.keep(9, source, 0, 100);
  kept.forEach(({ zxid, bytes, start, end }, index) => {
    expect([zxid, end - start]).toEqual([index, lengths[index]]);
    expect(bytes.subarray(start, end).every((byte) => byte === index + 1)).toBe(true);
  });
  expect([kept[1].bytes, kept[2].bytes].every((bytes) => bytes === kept[0].bytes)).toBe(true);
  expect(kept[3].bytes).not.toBe(kept[0].bytes);
});
