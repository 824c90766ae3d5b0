/** `zoon status` as a process, against servers that answer as a test says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
let cwd = "";
const listeners: Server[] = [];

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "zoon-status-"));
});
afterAll(() => {
  for (const listener of listeners) listener.close();
  rmSync(cwd, { recursive: true });
});

async function zoon(...words: string[]) {
  const child = Bun.spawn([process.execPath, main, ...words], { stdout: "pipe", stderr: "pipe", cwd });
  const [out, err, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, exitCode };
}

/** A server with answers to words; others are forbidden. @returns Its address. */
async function server(answers: Record<string, string>): Promise<string> {
  const listener = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const word = String(bytes);
      socket.end(answers[word] ?? `${word} is not executed because it is not in the whitelist.\n`);
    });
  });
  listeners.push(listener);
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("Not a TCP server");
  return `127.0.0.1:${address.port}`;
}

const srvr = (mode: string) =>
  "Zookeeper version: 3.8.4-x, built on 2024\nLatency min/avg/max: 0/0.5/3\nReceived: 9\nSent: 8\n" +
  `Connections: 2\nOutstanding: 0\nZxid: 0x100000007\nMode: ${mode}\nNode count: 5\n`;

describe("zoon status", () => {
  test("asks all servers of -s and exits 0 as one of them leads", async () => {
    const leader = await server({
      srvr: srvr("leader"),
      mntr: "zk_server_state\tleader\nzk_synced_followers\t1\n",
    });
    const follower = await server({ srvr: srvr("follower"), mntr: "zk_server_state\tfollower\n" });
    const { out, err, exitCode } = await zoon("status", "-s", `${leader},${follower}`);
    expect(out).toMatch(new RegExp(`^${leader} +leader +0x100000007 +0/0.5/3 +1 `, "m"));
    expect(out).toMatch(new RegExp(`^${follower} +follower `, "m"));
    expect(out).toEndWith(`\n${leader} leads, with 1 follower in step.\n`);
    expect(out).not.toContain("\x1b");
    expect(err).toBe("");
    expect(exitCode).toBe(0);
  });

  test("exits 1 when none leads, and says of each server why", async () => {
    const looking = await server({ srvr: "This ZooKeeper instance is not currently serving requests\n" });
    const mute = await server({});
    const { out, exitCode } = await zoon("status", "-s", `${looking},${mute},127.0.0.1:1`);
    expect(out).toContain(`${looking}: runs, but serves nobody`);
    expect(out).toContain(`${mute}: runs, but may not tell: add srvr`);
    expect(out).toContain("127.0.0.1:1: connection refused");
    expect(exitCode).toBe(1);
  });

  test("prints one JSON object that leaves out what a server does not tell", async () => {
    const alone = await server({ srvr: srvr("standalone") });
    const { out, exitCode } = await zoon("status", "--json", "-s", `${alone},127.0.0.1:1`);
    expect(JSON.parse(out)).toEqual({
      leader: alone,
      servers: [
        {
          server: alone,
          state: "standalone",
          version: "3.8.4-x",
          zxid: "0x100000007",
          latencyMs: { min: 0, avg: 0.5, max: 3 },
          received: 9,
          sent: 8,
          connections: 1,
          outstanding: 0,
          znodes: 5,
        },
        {
          server: "127.0.0.1:1",
          state: "unreachable",
          problem: "connection refused, nothing listens there",
        },
      ],
    });
    expect(exitCode).toBe(0);
  });

  test("refuses a connection string or flag that makes no sense with exit code 2", async () => {
    const bad = await zoon("status", "-s", "a:b:c");
    expect(bad.err).toContain('"a:b:c" is ambiguous');
    expect(bad.exitCode).toBe(2);
    expect((await zoon("status", "--timeout", "soon")).exitCode).toBe(2);
    expect((await zoon("status", "--jsn")).err).toContain("(Did you mean --json?)");
  });
});
