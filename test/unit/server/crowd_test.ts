/** When a server has its threads be patient: in a crowd, and only while syncs do not wait long for a core. */
import { expect, test } from "bun:test";
import type { Patience } from "../../../src/base/scheduling.ts";
import { Crowd } from "../../../src/server/crowd.ts";

/** A server that is looked at ten times a second; each call serves so much and tells what was asked of the scheduler. */
function server({ isTold = true, isMember = true } = {}) {
  const asked: Patience[] = [];
  const waits = { waitedMs: 0, turns: 0 };
  const crowd = new Crowd({
    setPatience: (patience) => asked.push(patience),
    syncWaits: () => isTold ? { ...waits } : null,
  }, isMember);
  const total = { requests: 0, txns: 0 };
  let syncs = { count: 100, waitMs: 0.1 };
  return {
    serve(requests: number, { txns = 0, ms = 100 } = {}): Patience[] {
      total.requests += requests;
      total.txns += txns;
      waits.waitedMs += syncs.count * syncs.waitMs;
      waits.turns += syncs.count;
      crowd.look({ ...total }, ms);
      return asked.splice(0);
    },
    /** What happens between two looks from now on. */
    sync(count: number, waitMs: number): void {
      syncs = { count, waitMs };
    },
    resetTotals(): void {
      total.requests = 0;
    },
  };
}

test("many requests a second make it patient, until there are half as many", () => {
  const { serve } = server();
  expect(serve(900)).toEqual([]);
  expect(serve(1000)).toEqual(["serving"]);
  expect(serve(5000)).toEqual([]);
  expect(serve(600)).toEqual([]);
  expect(serve(400)).toEqual(["none"]);
  expect(serve(0)).toEqual([]);
});

test("a look that comes late counts what came by the second", () => {
  const { serve } = server();
  expect(serve(1900, { ms: 200 })).toEqual([]);
  expect(serve(2000, { ms: 200 })).toEqual(["serving"]);
});

test("txns of other servers' clients make a crowd, too", () => {
  const { serve } = server();
  expect(serve(0, { txns: 1000 })).toEqual(["all"]);
  expect(serve(0, { txns: 600 })).toEqual([]);
  expect(serve(300, { txns: 300 })).toEqual(["none"]);
});

test("what syncs is patient only while many share a sync", () => {
  const { serve } = server();
  expect(serve(2000, { txns: 99 })).toEqual(["serving"]);
  expect(serve(2000, { txns: 100 })).toEqual(["all"]);
  expect(serve(2000, { txns: 50 })).toEqual([]);
  expect(serve(2000, { txns: 49 })).toEqual(["serving"]);
  expect(serve(2000, { txns: 99 })).toEqual([]);
});

test("totals that begin anew are no requests", () => {
  const one = server();
  expect(one.serve(2000)).toEqual(["serving"]);
  one.resetTotals();
  expect(one.serve(100)).toEqual(["none"]);
});

/** So many of each, as when all write. */
const txns = 2000;

test("when syncs wait long for a core it is given up after half a second, and tried again ever later", () => {
  const { serve, sync } = server();
  const looksUntil = (wanted: Patience) => {
    for (let looks = 1; looks < 10_000; looks++) {
      const asked = serve(2000, { txns });
      if (asked.length > 0) {
        expect(asked).toEqual([wanted]);
        return looks;
      }
    }
    throw new Error(`not asked for ${wanted}`);
  };
  sync(100, 0.7);
  expect(looksUntil("all")).toBe(1);
  const rests: number[] = [];
  for (let trial = 0; trial < 8; trial++) {
    expect(looksUntil("none")).toBe(5);
    rests.push(looksUntil("all") / 10);
  }
  expect(rests).toEqual([10, 20, 40, 80, 160, 320, 320, 320]);
  // A trial that went well makes the next rest a short one again.
  sync(100, 0.5);
  for (let look = 0; look < 50; look++) expect(serve(2000, { txns })).toEqual([]);
  sync(100, 0.7);
  expect(looksUntil("none")).toBeLessThanOrEqual(10);
  expect(looksUntil("all")).toBe(100);
});

test("patience that ends the crowd itself is given up for a while, but not for readers", () => {
  const { serve, sync } = server();
  sync(100, 3);
  expect(serve(2000, { txns })).toEqual(["all"]);
  expect(serve(100, { txns: 100 })).toEqual(["none"]);
  expect(serve(2000, { txns })).toEqual([]);
  expect(serve(2000)).toEqual(["serving"]);
  expect(serve(2000, { txns })).toEqual(["none"]);
  for (let look = 4; look < 100; look++) expect(serve(2000, { txns })).toEqual([]);
  expect(serve(2000, { txns })).toEqual(["all"]);
});

test("what a lone writer's syncs wait beside readers says nothing, nor what a few wait", () => {
  const { serve, sync } = server();
  sync(100, 3);
  expect(serve(2000)).toEqual(["serving"]);
  for (let look = 0; look < 50; look++) expect(serve(2000)).toEqual([]);
  sync(3, 50);
  expect(serve(2000, { txns })).toEqual(["all"]);
  for (let look = 0; look < 50; look++) expect(serve(2000, { txns })).toEqual([]);
});

test("where the system does not tell what syncs wait they are not patient", () => {
  const { serve } = server({ isTold: false });
  expect(serve(2000)).toEqual(["serving"]);
  expect(serve(2000, { txns })).toEqual(["all", "none"]);
  for (let look = 1; look < 100; look++) expect(serve(2000, { txns })).toEqual([]);
});

test("a server that is alone is patient with readers only", () => {
  const { serve } = server({ isMember: false });
  expect(serve(2000, { txns })).toEqual([]);
  expect(serve(2000)).toEqual(["serving"]);
  expect(serve(2000, { txns })).toEqual(["none"]);
});
