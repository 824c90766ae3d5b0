import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { basePortMax } from "../../../../cli/ensemble/limits.ts";
import { planLayout } from "../../../../cli/ensemble/layout.ts";
import {
  busyPorts,
  busyPortsText,
  freeBasePort,
  nextBasePorts,
  type NodePort,
  randomBasePorts,
} from "../../../../cli/ensemble/ports.ts";

const size = { voters: 2, observers: 0 };
const scratch = mkdtempSync(join(tmpdir(), "zoon-ports-"));
const listeners: Server[] = [];
afterAll(() => {
  for (const listener of listeners) listener.close();
  rmSync(scratch, { recursive: true });
});

/** Takes a port of all addresses. */
function take(port: number): Promise<void> {
  const listener = createServer();
  listeners.push(listener);
  return new Promise((done, fail) => {
    listener.once("error", fail);
    listener.listen(port, done);
  });
}

async function freeBase(): Promise<number> {
  const base = await freeBasePort(size, randomBasePorts());
  if (base === undefined) throw new Error("No free ports");
  return base;
}

describe("busyPorts()", () => {
  test("names each port that somebody listens on, with its node and use", async () => {
    const basePort = await freeBase();
    await take(basePort + 1);
    await take(basePort + 200);
    expect(await busyPorts(planLayout({ ...size, basePort }))).toEqual([
      { port: basePort + 1, id: 2, use: "clients" },
      { port: basePort + 200, id: 1, use: "elections" },
    ]);
  });
});

test("nextBasePorts() goes on below the ports of outgoing connections, where all may be in use", () => {
  const bases = [...nextBasePorts(40_000)];
  expect(bases.slice(0, 2)).toEqual([41_000, 42_000]);
  expect(bases.filter((base) => base < 32_768).length).toBeGreaterThan(100);
});

describe("freeBasePort()", () => {
  test("takes the first base at which all ports are free, and none that is too great", async () => {
    const [busy, free] = [await freeBase(), await freeBase()];
    await take(busy + 101);
    expect(await freeBasePort(size, [basePortMax + 1, busy, free])).toBe(free);
    expect(await freeBasePort(size, [busy])).toBeUndefined();
  });
});

describe("busyPortsText()", () => {
  const busy: NodePort[] = [1, 2, 3, 4, 5].map((id) => ({ port: 2180 + id, id, use: "clients" }));

  test("names who uses a port, or admits that it cannot know, and what may be done", () => {
    const ownerOf = (port: number) => port === 2181 ? { pid: 999_999_999, name: "java" } : undefined;
    expect(busyPortsText(busy, { zoon: "zoon", retry: "zoon ensemble --base-port 3181", ownerOf })).toBe(
      "port 2181 (node 1, clients) is used by process 999999999 (java)\n" +
        "port 2182 (node 2, clients) is used by another process, or not allowed\n" +
        "port 2183 (node 3, clients) is used by another process, or not allowed\n" +
        "and so are 2 others\n" +
        "Stop what uses them\n" +
        "or take other ports: zoon ensemble --base-port 3181",
    );
  });

  test.if(process.platform === "linux")(
    "recognizes the node of another ensemble, and how to stop that",
    async () => {
      const directory = join(scratch, "other");
      mkdirSync(join(directory, "2"), { recursive: true });
      writeFileSync(join(directory, "ensemble.json"), "{}");
      // Words are all that tells a process from another; this one has those of a node.
      const child = Bun.spawn(["/bin/sh", "-c", "echo up; read -r _", "server", `${directory}/2/zoo.cfg`], {
        stdin: "pipe",
        stdout: "pipe",
      });
      await child.stdout.getReader().read();
      const ownerOf = () => ({ pid: child.pid, name: "zoon" });
      expect(busyPortsText(busy.slice(0, 1), { zoon: "zoon", retry: undefined, ownerOf })).toBe(
        `port 2181 (node 1, clients) is used by process ${child.pid} (zoon), node 2 of the ensemble in ${directory}\n` +
          `Stop that: zoon ensemble down --data-dir ${directory}`,
      );
      child.kill();
      await child.exited;
    },
  );
});
