import { expect, test } from "bun:test";
import { int64Of } from "../../../src/jute/int_at.ts";
import {
  containerOwner,
  firstSessionId,
  sessionIdHalves,
  sessionIdToHex,
  sessionPassword,
} from "../../../src/protocol/session_id.ts";

test("passwords are those of Apache's servers", () => {
  expect(sessionPassword(0x0100001335490000n).toHex()).toBe("5dbb080e26865efe030ece81dff1b87f");
  expect(sessionPassword(0x0100002fbc130000n).toHex()).toBe("2f0c4cf0909b3c6d256852e759de6535");
});

test("an id has one password, written signed or not, and its low 48 bits decide", () => {
  const id = 0xfe00002fbc130001n;
  expect(sessionPassword(BigInt.asIntN(64, id))).toEqual(sessionPassword(id));
  expect(sessionPassword(id & 0xffffffffffffn)).toEqual(sessionPassword(id));
  for (const bit of [0n, 17n, 31n, 32n, 47n]) {
    expect(sessionPassword(id ^ (1n << bit))).not.toEqual(sessionPassword(id));
  }
});

test("a first id has the server's on top, 40 bits of milliseconds below, and 16 bits to count", () => {
  expect(firstSessionId(1, 0x133549)).toBe(0x0100001335490000n);
  expect(firstSessionId(3, 1.9)).toBe(0x0300000000010000n);
  expect(firstSessionId(1, 0x12_3456789abc)).toBe(0x013456789abc0000n);
  expect(firstSessionId(0x1ff, 0)).toBe(-0x100000000000000n);
});

test("no session gets the id that marks containers", () => {
  expect(firstSessionId(0x80, 0)).toBe(containerOwner + 1n);
});

test("ids are shown as 64 bits in hexadecimal without padding", () => {
  expect(sessionIdToHex(0x0100001335490000n)).toBe("0x100001335490000");
  expect(sessionIdToHex(-1n)).toBe("0xffffffffffffffff");
  expect(sessionIdToHex(0n)).toBe("0x0");
});

test("an id is taken apart into signed halves, and put together again", () => {
  expect(sessionIdHalves(-2n)).toEqual([-1, -2]);
  for (const id of [0n, 1n, -1n, 0x0100001335490000n, 0x01ffffff_80000001n, -0x7fffffff_00000001n]) {
    expect(int64Of(...sessionIdHalves(id))).toBe(id);
  }
});
