import { expect, test } from "bun:test";
import { ServerMetrics } from "../../../../src/admin/metrics.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { seededRandom } from "../../../../src/base/random.ts";
import { VolatileDatabase } from "../../../../src/server/workers/volatile_database.ts";
import { MemoryDisk } from "../../../world/memory_disk.ts";
import { load } from "../../config/_load.ts";
import { dirs, stillClock } from "../../storage/_logs.ts";
import { makeTree } from "../../tree/_txns.ts";
import { fill, RecordedUser } from "../_databases.ts";

test("a worker's database keeps what it is told, knows when its tree is none, and never touches its disk", () => {
  const disk = new MemoryDisk(1);
  const tree = makeTree();
  const database = new VolatileDatabase({
    config: load({ cfg: "dataDir=/data" }).config,
    disk,
    dirs,
    tree,
    logger: silentLogger,
    clock: stillClock,
    random: seededRandom(1),
    metrics: new ServerMetrics(),
    trace: undefined,
    packerFor: () => null,
  }, new RecordedUser());
  expect(database.needsTree).toBe(true);
  database.saveEpoch("acceptedEpoch", 7);
  database.saveEpoch("currentEpoch", 6);
  expect([database.acceptedEpoch, database.currentEpoch]).toEqual([7, 6]);
  database.beginReceiving();
  fill(tree, [1, 2]);
  database.replaceByTree();
  expect(database.needsTree).toBe(false);
  // A second tree is on its way when the link breaks.
  database.beginReceiving();
  database.reload();
  expect(database.needsTree).toBe(true);
  database.replaceByTree();
  expect(database.truncate()).toBe(false);
  expect(database.needsTree).toBe(true);
  expect(database.openHistory()).toBeNull();
  database.onTurnEnd();
  database.flush();
  database.close();
  expect(disk.calls).toBe(0);
});
