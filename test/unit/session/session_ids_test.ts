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
