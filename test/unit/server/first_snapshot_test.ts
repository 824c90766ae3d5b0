import { expect, test } from "bun:test";
import { startServer } from "../../../src/server/server.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { load } from "../config/_load.ts";
import { worldOfDisk } from "./_world.ts";

/** Apache's servers show of /zookeeper/config what the snapshot holds that they begin with. */
test("the first snapshot that a member of an ensemble writes holds the membership", async () => {
  const disk = new MemoryDisk();
  const members = [1, 2, 3].map((id) => `server.${id}=h${id}:2888:3888:participant`);
  const cfg = ["dataDir=/data", "clientPort=2181", "initLimit=5", "syncLimit=2", ...members].join("\n");
  const { config } = load({ cfg, serverId: 1 });
  const starting = startServer(config, worldOfDisk(disk));
  await expect(starting).rejects.toThrow("no port");
  const snapshot = Buffer.from(disk.bytesOf("/data/version-2/snapshot.0")).toString("latin1");
  expect(snapshot).toContain([...members, "version=0"].join("\n"));
});
