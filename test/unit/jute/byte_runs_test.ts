import { expect, test } from "bun:test";
import { isSameRun } from "../../../src/jute/byte_runs.ts";

test("runs are the same when all their bytes are, wherever they lie and whatever is around them", () => {
  for (let count = 0; count <= 19; count++) {
    const one = Uint8Array.from({ length: 32 }, (_, index) => index);
    const other = new Uint8Array(32).fill(0xee);
    other.set(one.subarray(3, 3 + count), 5);
    const [oneView, otherView] = [new DataView(one.buffer), new DataView(other.buffer)];
    expect(isSameRun(oneView, 3, otherView, 5, count)).toBe(true);
    for (let index = 0; index < count; index++) {
      other[5 + index] ^= 0x80;
      expect(isSameRun(oneView, 3, otherView, 5, count)).toBe(false);
      other[5 + index] ^= 0x80;
    }
  }
});
