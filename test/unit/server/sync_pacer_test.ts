import { expect, test } from "bun:test";
import { ServerMetrics } from "../../../src/admin/metrics.ts";
import type { Clock } from "../../../src/base/clock.ts";
import { SyncPacer } from "../../../src/server/sync_pacer.ts";
import type { LogWriter } from "../../../src/storage/log_writer.ts";

/** A log that says how long its syncs took, and a clock whose timers fire by hand. */
function bench(config = { flushDelayMs: 0, queuePollMs: 0, batchTxnsMax: 1000 }, mayWait = true) {
  const log = {
    syncMode: "blocking",
    counters: { syncs: 0, txns: 0, lastSyncMs: 0 },
    flushes: 0,
    append() {},
    flush() {
      this.flushes++;
    },
  };
  const timers: (() => void)[] = [];
  const clock = {
    setTimer: (_ms: number, fire: () => void) => (timers.push(fire), { cancel() {} }),
  } as unknown as Clock;
  const metrics = new ServerMetrics();
  const pacer = new SyncPacer(log as unknown as LogWriter, metrics, clock, config, mayWait);
  const sync = (ms: number) => {
    log.counters.syncs++;
    log.counters.txns += 3;
    log.counters.lastSyncMs = ms;
    pacer.onTurnEnd();
  };
  return { log, pacer, metrics, timers, sync };
}

const noBytes = new Uint8Array(0);

test("one slow sync sends syncs to a thread, and a long run of quick ones brings them back", () => {
  const { log, sync } = bench();
  sync(0.2);
  expect(log.syncMode).toBe("blocking");
  sync(5);
  expect(log.syncMode).toBe("later");
  for (let count = 0; count < 63; count++) sync(0.2);
  expect(log.syncMode).toBe("later");
  sync(0.2);
  expect(log.syncMode).toBe("blocking");
});

test("a member of an ensemble never waits for its disk, however quick that is", () => {
  const { log, sync } = bench(undefined, false);
  expect(log.syncMode).toBe("later");
  for (let count = 0; count < 200; count++) {
    sync(0.2);
    expect(log.syncMode).toBe("later");
  }
});

test("each sync is counted once, with the txns it covered", () => {
  const { pacer, metrics, sync } = bench();
  sync(0.5);
  pacer.onTurnEnd();
  expect(metrics.fsyncTime.count).toBe(1);
  expect(metrics.syncBatchSize.sum).toBe(3);
});

test("with flushDelay a turn's txns wait for its timer or for a full batch", () => {
  const { log, pacer, timers } = bench({ flushDelayMs: 10, queuePollMs: 3, batchTxnsMax: 2 });
  pacer.onTurnEnd();
  expect([log.flushes, timers.length]).toEqual([0, 0]);
  pacer.append(noBytes, 0, 0, 1);
  pacer.onTurnEnd();
  expect([log.flushes, timers.length]).toEqual([0, 1]);
  timers[0]();
  expect(log.flushes).toBe(1);
  pacer.append(noBytes, 0, 0, 2);
  pacer.append(noBytes, 0, 0, 3);
  pacer.onTurnEnd();
  expect(log.flushes).toBe(2);
});
