import { expect, test } from "bun:test";
import type { Clock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { packerFor } from "../../../src/io/packers.ts";
import { systemHasher } from "../../../src/io/system_hasher.ts";
import { startServer } from "../../../src/server/server.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { load } from "../config/_load.ts";

const clock: Clock = {
  wallMs: () => 1_700_000_000_000,
  monotonicMs: () => 0,
  setTimer: () => ({ cancel() {} }),
  endOfTurn: (run) => run(),
};

/** Apache's servers show of /zookeeper/config what the snapshot holds that they begin with. */
test("the first snapshot that a member of an ensemble writes holds the membership", async () => {
  const disk = new MemoryDisk();
  const members = [1, 2, 3].map((id) => `server.${id}=h${id}:2888:3888:participant`);
  const cfg = ["dataDir=/data", "clientPort=2181", "initLimit=5", "syncLimit=2", ...members].join("\n");
  const { config } = load({ cfg, serverId: 1 });
  const starting = startServer(config, {
    clock,
    disk,
    network: {
      listen: () => Promise.reject(new Error("no port")),
      dial: () => Promise.reject(new Error("nobody")),
    },
    hasher: systemHasher,
    random: seededRandom(1),
    logger: silentLogger,
    process: { version: "test", environment: () => [], openFiles: () => 0, openFilesMax: () => 0 },
    lockHolder: { identity: "10 a", isRunning: () => true },
    absolutePath: (path) => path,
    makeStore: (ownerRules) => new ObjectZnodeStore({ ownerRules }),
    packerFor,
  });
  await expect(starting).rejects.toThrow("no port");
  const snapshot = Buffer.from(disk.bytesOf("/data/version-2/snapshot.0")).toString("latin1");
  expect(snapshot).toContain([...members, "version=0"].join("\n"));
});
