import { expect, test } from "bun:test";
import { firstSessionId } from "../../../src/protocol/session_id.ts";
import { SessionIds } from "../../../src/session/session_ids.ts";

test("ids begin with the server's first and rise by one", () => {
  const ids = new SessionIds(3, 1_700_000_000_000);
  const first = firstSessionId(3, 1_700_000_000_000);
  expect([ids.next(), ids.next(), ids.next()]).toEqual([first, first + 1n, first + 2n]);
});

test("a server started later gives out ids that an earlier run has not reached", () => {
  const earlier = new SessionIds(1, 1000);
  let last = 0n;
  for (let count = 0; count < 65_536; count++) last = earlier.next();
  expect(new SessionIds(1, 1001).next()).toBe(last + 1n);
});

test("which ids were given out is known", () => {
  const ids = new SessionIds(1, 1000);
  const first = firstSessionId(1, 1000);
  expect(ids.gaveOut(first)).toBe(false);
  ids.next();
  expect([first - 1n, first, first + 1n].map((id) => ids.gaveOut(id))).toEqual([false, true, false]);
});

test("processes of one server deal ids out in turn, and none gives out another's, also after a start of its own", () => {
  const ids = new Set<bigint>();
  for (const [index, startedMs] of [[0, 1000], [1, 1000], [63, 1000], [1, 1001], [1, 2000]]) {
    const own = new SessionIds(3, startedMs, { index, step: 64 });
    for (let count = 0; count < 1024; count++) {
      const id = own.next();
      expect(id % 64n).toBe(BigInt(index));
      expect(own.gaveOut(id)).toBe(true);
      expect(own.gaveOut(id + 1n)).toBe(false);
      ids.add(id);
    }
  }
  expect(ids.size).toBe(5 * 1024);
});
