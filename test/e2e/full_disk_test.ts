/**
 * A full disk, on a small tmpfs: writes are refused, reads go on, nothing acknowledged is lost, and the server
 * recovers by itself once there is room.
 */
import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fourLetterWord } from "../interop/apache_server.ts";
import { WireSession } from "../wire/session.ts";
import { startServer } from "./process.ts";

const mountPoint = mkdtempSync(join(tmpdir(), "zoon-small-disk-"));
const whyNot = mountSmallDisk();
afterAll(() => {
  // Lazily: a server that a failed test left behind may still have files open there.
  if (whyNot === undefined) spawnSync("umount", ["--lazy", mountPoint]);
  rmSync(mountPoint, { recursive: true, force: true });
});

/** SystemError of KeeperException: the server could not, and it is not the client's fault. */
const systemError = -1;

/** Mounts 24 MiB; returns why that cannot be done here. */
function mountSmallDisk(): string | undefined {
  if (process.platform !== "linux") return "only Linux has tmpfs";
  if (process.getuid?.() !== 0) return "mounting needs root";
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", mountPoint], {
    encoding: "utf8",
  });
  return mount.status === 0 ? undefined : `mount is not permitted: ${mount.stderr.trim()}`;
}

/** Fills the disk with one file, to the last byte. */
function fillDisk(): string {
  const ballast = join(mountPoint, "ballast");
  writeFileSync(ballast, "");
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) appendFileSync(ballast, new Uint8Array(size));
    } catch { /* No room for so much: try less. */ }
  }
  return ballast;
}

test.skipIf(whyNot !== undefined)(
  `a full disk refuses writes, not reads, and is forgotten when there is room${whyNot ? ` (${whyNot})` : ""}`,
  async () => {
    const dataDir = join(mountPoint, "data");
    // Small preallocation, or the log would hold room for long.
    const flags = ["--set", "preAllocSize=64", "--four-letter-words", "*", "--set", "tickTime=500"];
    const server = await startServer(dataDir, flags);
    const session = await WireSession.open(server, { timeoutMs: 10_000 });
    const kept = new Map<string, string>();
    const create = async (name: string) => {
      const data = `${name} `.repeat(1000);
      const answer = await session.create(`/${name}`, { data });
      if (answer.name === "OK") kept.set(`/${name}`, data);
      return answer;
    };
    for (let i = 0; i < 20; i++) expect((await create(`before-${i}`)).name).toBe("OK");

    for (let round = 0; round < 2; round++) {
      const ballast = fillDisk();
      // The log's room that was preallocated may still take some.
      let refused = await create(`full-${round}-0`);
      for (let i = 1; refused.name === "OK" && i < 1000; i++) refused = await create(`full-${round}-${i}`);
      expect(refused.lost).toBe(false);
      expect(refused.err).toBe(systemError);

      // Several at once, and of other kinds: none hangs. Only the smallest may still find room.
      const [changed, deleted, made] = await Promise.all([
        session.setData("/before-0", "x".repeat(5000)),
        session.delete(`/before-${round + 1}`),
        create(`full-${round}-more`),
      ]);
      expect([changed.err, made.err]).toEqual([systemError, systemError]);
      expect(deleted.lost).toBe(false);
      expect([0, systemError]).toContain(deleted.err);
      if (deleted.name === "OK") kept.delete(`/before-${round + 1}`);

      // Reads go on, on this connection and in four-letter words, and see none of the refused.
      expect(await fourLetterWord(server, "ruok")).toBe("imok");
      expect((await session.exists(`/full-${round}-more`)).name).toBe("NONODE");
      for (const [path, data] of kept) expect((await session.getData(path)).body.text).toBe(data);
      const log = server.stderr();
      expect(log).toMatch(/full|no space|no room|make room|ENOSPC/i);
      // An event, not a flood: one line for each refused write would fill the next disk.
      expect(log.split("\n").filter((line) => /make room|ENOSPC|disk is full/i.test(line)).length)
        .toBeLessThan(20);

      rmSync(ballast);
      let answer = await create(`after-${round}-0`);
      for (let i = 1; answer.name !== "OK"; i++) {
        expect(answer.lost).toBe(false);
        await Bun.sleep(20);
        answer = await create(`after-${round}-${i}`);
      }
      for (let i = 0; i < 20; i++) expect((await create(`room-${round}-${i}`)).name).toBe("OK");
    }

    await session.close();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    const again = await startServer(dataDir, flags);
    const reader = await WireSession.open(again);
    for (const [path, data] of kept) expect((await reader.getData(path)).body.text).toBe(data);
    const children = (await reader.getChildren("/")).body.children.map((name) => `/${name}`).sort();
    expect(children).toEqual([...kept.keys(), "/zookeeper"].sort());
    await reader.close();
    await again.stop();
  },
  120_000,
);

test.skipIf(whyNot !== undefined)(
  "a kill -9 on a full disk loses nothing, and the restart works once there is room",
  async () => {
    rmSync(join(mountPoint, "ballast"), { force: true });
    const dataDir = join(mountPoint, "killed");
    const flags = ["--set", "preAllocSize=64"];
    const server = await startServer(dataDir, flags);
    const session = await WireSession.open(server, { timeoutMs: 10_000 });
    const kept: string[] = [];
    const ballast = fillDisk();
    for (let i = 0; i < 1000; i++) {
      const answer = await session.create(`/n${i}`, { data: "x".repeat(3000) });
      if (answer.name !== "OK") break;
      kept.push(`n${i}`);
    }
    await server.stop("SIGKILL");
    rmSync(ballast);
    const again = await startServer(dataDir, flags);
    const reader = await WireSession.open(again);
    const children = (await reader.getChildren("/")).body.children.filter((name) => name !== "zookeeper");
    expect(children.sort()).toEqual(kept.sort());
    expect(readdirSync(join(dataDir, "version-2")).length).toBeGreaterThan(0);
    await reader.close();
    await again.stop();
  },
  120_000,
);
