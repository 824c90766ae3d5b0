import { expect, test } from "bun:test";
import { AssertionError } from "../../../src/base/assert.ts";
import { counterOf, epochOf, makeZxid, zxidToHex } from "../../../src/protocol/zxid.ts";

test("epoch and counter are put together and taken apart", () => {
  for (const epoch of [0, 1, 5, 0x1fffff]) {
    for (const counter of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const zxid = makeZxid(epoch, counter);
      expect(Number.isSafeInteger(zxid)).toBe(true);
      expect([epochOf(zxid), counterOf(zxid)]).toEqual([epoch, counter]);
      expect(zxid).toBe(Number((BigInt(epoch) << 32n) | BigInt(counter)));
    }
  }
});

test("an epoch that no number could hold exactly is a bug", () => {
  for (const epoch of [-1, 0x200000]) expect(() => makeZxid(epoch, 0)).toThrow(AssertionError);
});

test("negative zxids split as 64-bit arithmetic does", () => {
  expect([epochOf(-1), counterOf(-1)]).toEqual([-1, 0xffffffff]);
});

test("zxids are shown in hexadecimal as file names have them", () => {
  expect([0, 1, 0x500000001, -1].map(zxidToHex)).toEqual(["0", "1", "500000001", "ffffffffffffffff"]);
});
