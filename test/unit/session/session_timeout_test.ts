import { expect, test } from "bun:test";
import { grantSessionTimeout } from "../../../src/session/session_timeout.ts";

const limits = { minMs: 4000, maxMs: 40_000 };

test("a timeout inside the window is granted as asked", () => {
  for (const asked of [4000, 4001, 39_999, 40_000]) expect(grantSessionTimeout(asked, limits)).toBe(asked);
});

test("a timeout outside the window moves to its nearest edge", () => {
  for (const asked of [-0x80000000, -1, 0, 3999]) expect(grantSessionTimeout(asked, limits)).toBe(4000);
  for (const asked of [40_001, 0x7fffffff]) expect(grantSessionTimeout(asked, limits)).toBe(40_000);
});

test("a window turned inside out is refused", () => {
  expect(() => grantSessionTimeout(5000, { minMs: 2, maxMs: 1 })).toThrow(RangeError);
});
