/** A whole server on a disk in memory: what it makes of the data it finds, and what it leaves. */
import { describe, expect, test } from "bun:test";
import { loadServerConfig } from "../../../src/config/zoo_cfg.ts";
import { startServer } from "../../../src/server/server.ts";
import { logHeader } from "../../../src/storage/txn_log_format.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { entryFor, join, record } from "../storage/_logs.ts";
import { worldOfDisk } from "./_world.ts";

function start(disk: MemoryDisk, settings: readonly string[] = [], holder = "10 a") {
  const text = ["dataDir=/data", ...settings].join("\n");
  const { config } = loadServerConfig({
    file: "zoo.cfg",
    overrides: [],
    serverId: undefined,
    readFile: (path) => path === "zoo.cfg" ? new TextEncoder().encode(text) : undefined,
  });
  return startServer(config, {
    ...worldOfDisk(disk),
    lockHolder: { identity: holder, isRunning: () => true },
  });
}

const namesIn = (disk: MemoryDisk) => disk.list("/data/version-2").sort();

/** A server made its database and was killed after so many txns. */
async function usedDisk(txns: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await (await start(disk)).stop();
  const entries = Array.from({ length: txns }, (_, at) => record(entryFor(at + 1)));
  disk.put("/data/version-2/log.1", join(logHeader, ...entries));
  return disk;
}

describe("a server that starts", () => {
  test("makes a database where there is none, and leaves only that when it stops", async () => {
    const disk = new MemoryDisk();
    const server = await start(disk);
    expect(namesIn(disk)).toEqual(["snapshot.0"]);
    expect(disk.list("/data").sort()).toEqual([".zoon.lock", "version-2"]);
    await server.stop();
    expect(disk.list("/data")).toEqual(["version-2"]);
    expect(disk.openFiles).toBe(0);
  });

  test("takes a snapshot behind its back when it had half of snapCount to replay, and none for less", async () => {
    const some = await usedDisk(9);
    expect((await start(some, ["snapCount=20"])).zxid).toBe(9);
    expect(some.laterCount).toBe(0);
    const many = await usedDisk(10);
    const server = await start(many, ["snapCount=20"]);
    expect(many.laterCount).toBe(1);
    many.settle();
    expect(namesIn(many)).toEqual(["log.1", "snapshot.0", "snapshot.a"]);
    await server.stop();
    const again = await start(many, ["snapCount=20"]);
    expect(again.zxid).toBe(10);
    expect(many.laterCount).toBe(0);
  });

  test("and stops while it writes a snapshot leaves nothing of that", async () => {
    const disk = await usedDisk(10);
    const server = await start(disk, ["snapCount=20"]);
    await server.stop();
    disk.settle();
    expect(namesIn(disk)).toEqual(["log.1", "snapshot.0"]);
    expect(disk.openFiles).toBe(0);
  });

  test("is refused where another one serves, be it only the logs they share", async () => {
    const disk = new MemoryDisk();
    await start(disk, ["dataLogDir=/logs"]);
    await expect(start(disk, [], "20 b")).rejects.toThrow("/data belongs to a running server");
    await expect(start(disk, ["dataDir=/other", "dataLogDir=/logs"], "20 b"))
      .rejects.toThrow("/logs belongs to a running server");
    expect(disk.list("/other")).toEqual(["version-2"]);
  });

  test("and fails lets go of the directory", async () => {
    const disk = await usedDisk(1);
    disk.remove("/data/version-2/snapshot.0");
    await expect(start(disk)).rejects.toThrow("no snapshot");
    expect(disk.list("/data")).toEqual(["version-2"]);
    await expect(start(await usedDisk(1), ["clientPort=2181"])).rejects.toThrow("no port");
  });
});
