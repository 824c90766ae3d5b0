/** When a server has its thread be patient: in a crowd of readers, and at no other time. */
import { expect, test } from "bun:test";
import { ReadCrowd } from "../../../src/server/read_crowd.ts";

/** A server that is looked at ten times a second; each call serves so much and tells what was asked of the scheduler. */
function server() {
  const asked: boolean[] = [];
  const crowd = new ReadCrowd({ setPatient: (isPatient) => asked.push(isPatient) });
  let requests = 0;
  let txns = 0;
  return {
    serve(reads: number, writes = 0, ms = 100): boolean[] {
      requests += reads + writes;
      txns += writes;
      crowd.look({ requests, txns }, ms);
      return asked.splice(0);
    },
    resetTotals(): void {
      requests = 0;
    },
  };
}

test("many reads a second make it patient, until there are half as many", () => {
  const { serve } = server();
  expect(serve(900)).toEqual([]);
  expect(serve(1000)).toEqual([true]);
  expect(serve(5000)).toEqual([]);
  expect(serve(600)).toEqual([]);
  expect(serve(400)).toEqual([false]);
  expect(serve(0)).toEqual([]);
});

test("a look that comes late counts what came by the second", () => {
  const { serve } = server();
  expect(serve(1900, 0, 200)).toEqual([]);
  expect(serve(2000, 0, 200)).toEqual([true]);
});

test("one write to ten reads ends it, and one to twenty keeps it from beginning", () => {
  const { serve } = server();
  expect(serve(10_000, 600)).toEqual([]);
  expect(serve(10_000, 400)).toEqual([true]);
  expect(serve(10_000, 1000)).toEqual([]);
  expect(serve(10_000, 1200)).toEqual([false]);
  expect(serve(0, 5000)).toEqual([]);
});

test("writes of other servers' clients count, too, and so does another epoch", () => {
  const asked: boolean[] = [];
  const crowd = new ReadCrowd({ setPatient: (isPatient) => asked.push(isPatient) });
  crowd.look({ requests: 10_000, txns: 0x1_0000_0000 }, 100);
  expect(asked).toEqual([]);
  crowd.look({ requests: 20_000, txns: 0x1_0000_0000 }, 100);
  expect(asked).toEqual([true]);
  crowd.look({ requests: 30_000, txns: 0x2_0000_0000 }, 100);
  expect(asked).toEqual([true, false]);
});

test("totals that begin anew are no requests", () => {
  const one = server();
  expect(one.serve(2000)).toEqual([true]);
  one.resetTotals();
  expect(one.serve(100)).toEqual([false]);
});
