import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { Session, SessionTracker } from "../../../src/session/session_tracker.ts";

function expiredAt(tracker: SessionTracker, nowMs: number): bigint[] {
  const ids: bigint[] = [];
  tracker.expire(nowMs, (session) => ids.push(session.id));
  return ids.sort((a, b) => (a < b ? -1 : 1));
}

describe("SessionTracker", () => {
  test("a session expires at the tick after its timeout, neither before nor twice", () => {
    const tracker = new SessionTracker({ tickMs: 2000 });
    tracker.add(1n, 4000, 1000);
    expect(tracker.nextDeadlineMs()).toBe(6000);
    expect(expiredAt(tracker, 5999)).toEqual([]);
    expect(expiredAt(tracker, 6000)).toEqual([1n]);
    expect(expiredAt(tracker, 1e9)).toEqual([]);
    expect(tracker.nextDeadlineMs()).toBe(Infinity);
  });

  test("a deadline that falls on a tick is moved to the next one", () => {
    const tracker = new SessionTracker({ tickMs: 2000 });
    tracker.add(1n, 4000, 2000);
    expect(expiredAt(tracker, 6000)).toEqual([]);
    expect(expiredAt(tracker, 8000)).toEqual([1n]);
  });

  test("a touch gives the whole timeout again", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const session = tracker.add(1n, 1000, 0);
    for (let nowMs = 0; nowMs < 10_000; nowMs += 90) {
      tracker.touch(session, nowMs);
      expect(expiredAt(tracker, nowMs)).toEqual([]);
    }
    expect(expiredAt(tracker, 9990 + 1000)).toEqual([]);
    expect(expiredAt(tracker, 11_000)).toEqual([1n]);
  });

  test("a shorter timeout takes effect although the session waits in a later bucket", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const session = tracker.add(1n, 100_000, 0);
    tracker.setTimeout(session, 500, 0);
    expect(session.timeoutMs).toBe(500);
    expect(tracker.nextDeadlineMs()).toBe(600);
    expect(expiredAt(tracker, 600)).toEqual([1n]);
  });

  test("an expired session is closing and known until it is removed", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const session = tracker.add(7n, 100, 0);
    expiredAt(tracker, 1000);
    expect(session.closing).toBe(true);
    expect(tracker.get(7n)).toBe(session);
    expect(tracker.remove(7n)).toBe(true);
    expect(tracker.get(7n)).toBeUndefined();
    expect(tracker.remove(7n)).toBe(false);
    expect(tracker.size).toBe(0);
  });

  test("a touch does not revive a closing session", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const session = tracker.add(7n, 100, 0);
    session.closing = true;
    tracker.touch(session, 150);
    expect(expiredAt(tracker, 1e6)).toEqual([]);
    expect(tracker.nextDeadlineMs()).toBe(Infinity);
    expect(tracker.get(7n)).toBe(session);
  });

  test("a closing that could not be committed is tried again at the next tick", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const session = tracker.add(7n, 5000, 0);
    expect(expiredAt(tracker, 5100)).toEqual([7n]);
    tracker.retryClosing(session, 5130);
    expect(session.closing).toBe(false);
    expect(expiredAt(tracker, 5199)).toEqual([]);
    expect(expiredAt(tracker, 5200)).toEqual([7n]);
  });

  test("a client heard after a refused closing keeps its session", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const session = tracker.add(7n, 5000, 0);
    session.closing = true;
    tracker.retryClosing(session, 1000);
    tracker.touch(session, 1050);
    expect(expiredAt(tracker, 6000)).toEqual([]);
    expect(expiredAt(tracker, 6100)).toEqual([7n]);
  });

  test("adding a session that is there touches it with the new timeout", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const session = tracker.add(7n, 500, 0);
    expect(tracker.add(7n, 900, 100)).toBe(session);
    expect(tracker.size).toBe(1);
    expect(expiredAt(tracker, 1000)).toEqual([]);
    expect(expiredAt(tracker, 1100)).toEqual([7n]);
  });

  test("ids that share their low half are told apart, in whatever order they go", () => {
    const ids = [0x0100000012345678n, 0x0200000012345678n, -0x7effffffedcba988n, 0x12345678n];
    expect(ids.map((id) => BigInt.asUintN(32, id))).toEqual(ids.map(() => 0x12345678n));
    for (let first = 0; first < ids.length; first++) {
      const tracker = new SessionTracker({ tickMs: 100 });
      for (const id of ids) tracker.add(id, 1000, 0);
      for (const id of ids) expect(tracker.get(id)!.id).toBe(id);
      const order = [...ids.slice(first), ...ids.slice(0, first)];
      for (const [index, id] of order.entries()) {
        expect(tracker.remove(id)).toBe(true);
        expect(tracker.get(id)).toBeUndefined();
        for (const other of order.slice(index + 1)) expect(tracker.get(other)!.id).toBe(other);
      }
      expect(tracker.size).toBe(0);
    }
  });

  test("a session's halves are its id", () => {
    for (
      const id of [1n, -1n, 0x7fffffffffffffffn, -0x8000000000000000n, 0x0100001335490000n, 0xff80000000n]
    ) {
      const session = new Session(id, 1);
      expect((BigInt(session.idHigh) << 32n) | BigInt.asUintN(32, BigInt(session.idLow))).toBe(id);
      const tracker = new SessionTracker({ tickMs: 1 });
      const tracked = tracker.add(id, 1, 0);
      expect(tracker.find(session.idHigh, session.idLow)).toBe(tracked);
    }
  });

  test("sets() groups the open sessions by the time they expire, earliest first", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    tracker.add(1n, 1000, 0);
    tracker.add(2n, 500, 0);
    const touched = tracker.add(3n, 500, 0);
    tracker.touch(touched, 500);
    tracker.add(4n, 500, 0).closing = true;
    expect([...tracker.sets()]).toEqual([[600, [2n]], [1100, expect.arrayContaining([1n, 3n])]]);
    expect([...tracker.sessions()].length).toBe(4);
  });

  test("expire() hands out as many as it is asked for; the rest is open and can still be heard", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    const sessions = [1n, 2n, 3n, 4n, 5n].map((id) => tracker.add(id, id === 5n ? 200 : 100, 0));
    const expired: Session[] = [];
    expect(tracker.expire(1000, (session) => expired.push(session), 2)).toBe(true);
    expect(expired.length).toBe(2);
    const heard = sessions.find((session) => !session.closing)!;
    tracker.touch(heard, 1000);
    expect(tracker.expire(1000, (session) => expired.push(session), 3)).toBe(false);
    expect(new Set(expired)).toEqual(new Set(sessions.filter((session) => session !== heard)));
    expect(tracker.expire(1000, () => expect.unreachable(), 1)).toBe(false);
    expect(expiredAt(tracker, 1200)).toEqual([heard.id]);
  });

  test("sessions may be removed while they expire", () => {
    const tracker = new SessionTracker({ tickMs: 100 });
    for (let id = 1n; id <= 10n; id++) tracker.add(id, 500, 0);
    const seen: bigint[] = [];
    tracker.expire(600, (session) => {
      seen.push(session.id);
      tracker.remove(session.id);
      tracker.remove(session.id - 1n);
    });
    expect(tracker.size).toBe(0);
    expect(seen.length).toBeGreaterThanOrEqual(5);
    expect(tracker.nextDeadlineMs()).toBe(Infinity);
  });

  test("under random use every session expires at the deadline of its last touch", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const tickMs = 1 + randomBelow(random, 50);
      const tracker = new SessionTracker({ tickMs });
      const deadlines = new Map<bigint, number>();
      const deadline = (nowMs: number, timeoutMs: number) =>
        (Math.floor((nowMs + timeoutMs) / tickMs) + 1) * tickMs;
      let nowMs = randomBelow(random, 1000);
      let nextId = 1n;
      for (let step = 0; step < 400; step++) {
        const ids = [...deadlines.keys()];
        const id = ids[randomBelow(random, Math.max(ids.length, 1))];
        const session = id === undefined ? undefined : tracker.get(id);
        switch (randomBelow(random, 5)) {
          case 0: {
            const timeoutMs = randomBelow(random, 500);
            tracker.add(nextId, timeoutMs, nowMs);
            deadlines.set(nextId++, deadline(nowMs, timeoutMs));
            break;
          }
          case 1:
            if (session === undefined) break;
            tracker.touch(session, nowMs);
            deadlines.set(session.id, deadline(nowMs, session.timeoutMs));
            break;
          case 2: {
            if (session === undefined) break;
            const timeoutMs = randomBelow(random, 500);
            tracker.setTimeout(session, timeoutMs, nowMs);
            deadlines.set(session.id, deadline(nowMs, timeoutMs));
            break;
          }
          case 3:
            if (id === undefined) break;
            tracker.remove(id);
            deadlines.delete(id);
            break;
          default: {
            nowMs += randomBelow(random, 100);
            const due = [...deadlines].filter(([, atMs]) => atMs <= nowMs).map(([due]) => due);
            expect(expiredAt(tracker, nowMs)).toEqual(due.sort((a, b) => (a < b ? -1 : 1)));
            for (const gone of due) {
              tracker.remove(gone);
              deadlines.delete(gone);
            }
            const next = Math.min(...deadlines.values());
            expect(tracker.nextDeadlineMs()).toBeGreaterThan(nowMs);
            expect(tracker.nextDeadlineMs()).toBeLessThanOrEqual(next);
          }
        }
        expect(tracker.size).toBe(deadlines.size);
      }
    }
  });
});
