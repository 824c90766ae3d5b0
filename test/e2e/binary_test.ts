/** The executable as an operator meets it: how it starts, stops, and says what is wrong. */
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import manifest from "../../package.json";
import { fourLetterWord, zoonBinary } from "../interop/apache_server.ts";
import { WireSession } from "../wire/session.ts";
import { freshPath, readyPattern, runZoon, startServer } from "./process.ts";

/** Takes a port of 127.0.0.1, any when 0; undefined when it is taken already. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(undefined));
    server.listen(port, "127.0.0.1", () => done(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Not a TCP server");
  return address.port;
}

const defaultPort = await listen(2181);
defaultPort?.close();

describe("zoon server", () => {
  test.skipIf(defaultPort === undefined)(
    "without any configuration serves on 127.0.0.1:2181 and keeps its data in ./zoon-data",
    async () => {
      const cwd = freshPath();
      mkdirSync(cwd);
      const server = runZoon(["server"], { cwd });
      const [, mode, host, port] = await server.line(readyPattern);
      expect([mode, host, port]).toEqual(["standalone", "127.0.0.1", "2181"]);
      expect(existsSync(join(cwd, "zoon-data", "version-2"))).toBe(true);
      expect(await server.stop()).toEqual({ code: 0, signal: null });
    },
  );

  test("picks a free port when told 0, prints it, serves there and says how long it took", async () => {
    const dataDir = freshPath();
    const server = await startServer(dataDir);
    console.log(`ready after ${server.startMs} ms`);
    expect(server.port).toBeGreaterThan(0);
    const session = await WireSession.open(server);
    expect((await session.create("/a", { data: "kept" })).name).toBe("OK");
    await session.close();
    expect(await fourLetterWord(server, "srvr")).toContain("Mode: standalone");
    await server.stop();
    expect(server.stdout().trimEnd().split("\n")).toHaveLength(1);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`stops on ${signal} with code 0, keeps what it acknowledged, and starts again`, async () => {
      const dataDir = freshPath();
      const first = await startServer(dataDir);
      const session = await WireSession.open(first);
      const writes = Array.from({ length: 100 }, (_, i) => session.create(`/n${i}`, { data: `${i}` }));
      expect((await Promise.all(writes)).every((answer) => answer.name === "OK")).toBe(true);
      expect(await first.stop(signal)).toEqual({ code: 0, signal: null });
      expect(await session.ended()).toBeString();
      const second = await startServer(dataDir);
      const reader = await WireSession.open(second);
      const data = await Promise.all(writes.map((_, i) => reader.getData(`/n${i}`)));
      expect(data.map((answer) => answer.body.text)).toEqual(writes.map((_, i) => `${i}`));
      await reader.close();
      await second.stop();
    });
  }

  test("runs what a zoo.cfg says, and flags win over it", async () => {
    const directory = freshPath();
    mkdirSync(directory);
    const cfg = join(directory, "zoo.cfg");
    writeFileSync(
      cfg,
      `# as Apache's\ntickTime=1000\ndataDir=${directory}/data\nclientPort=1\nclientPortAddress=127.0.0.1\n` +
        "maxSessionTimeout=7000\n4lw.commands.whitelist=*\n",
    );
    const server = runZoon(["server", cfg, "--client-port", "0"]);
    const [, , host, port] = await server.line(readyPattern);
    const target = { host, port: Number(port) };
    const conf = await fourLetterWord(target, "conf");
    expect(conf).toContain("tickTime=1000\n");
    expect(conf).toContain("maxSessionTimeout=7000\n");
    const session = await WireSession.open(target, { timeoutMs: 60_000 });
    expect(session.answer.timeoutMs).toBe(7000);
    await session.close();
    await server.stop();
  });

  test("names the port that is taken and how to choose another", async () => {
    const blocker = await listen(0);
    if (blocker === undefined) throw new Error("No free port");
    const port = portOf(blocker);
    const server = runZoon(["server", "--client-port", String(port), "--data-dir", freshPath()]);
    expect((await server.ended).code).toBe(1);
    blocker.close();
    expect(server.stdout()).toBe("");
    expect(server.stderr()).toContain(`127.0.0.1:${port}`);
    expect(server.stderr()).toContain("--client-port");
    expect(server.stderr()).toContain(String(process.pid));
    expect(server.stderr()).not.toMatch(/^\s+at /m);
  });

  test("stops at a bad value of zoo.cfg with file, line, key, value and what would be right", async () => {
    const directory = freshPath();
    mkdirSync(directory);
    const cfg = join(directory, "zoo.cfg");
    writeFileSync(cfg, `dataDir=${directory}/data\nclientPort=2181\n\ntickTime=soon\n`);
    const server = runZoon(["server", cfg]);
    expect((await server.ended).code).toBe(2);
    const said = server.stderr();
    expect(said).toContain(`${cfg}:4`);
    expect(said).toContain("tickTime");
    expect(said).toContain("soon");
    expect(said).toMatch(/integer|number/);
    expect(said).not.toMatch(/^\s+at /m);
    expect(existsSync(join(directory, "data"))).toBe(false);
  });

  test("says so when the zoo.cfg is not there", async () => {
    const server = runZoon(["server", "/nowhere/zoo.cfg"]);
    expect((await server.ended).code).toBe(2);
    expect(server.stderr()).toContain("/nowhere/zoo.cfg");
    expect(server.stderr()).not.toMatch(/^\s+at /m);
  });

  test("refuses a log that is corrupt in its middle, with file and offset", async () => {
    const dataDir = freshPath();
    const server = await startServer(dataDir);
    const session = await WireSession.open(server);
    for (let i = 0; i < 3; i++) {
      expect((await session.create(`/n${i}`, { data: "untouched" })).name).toBe("OK");
    }
    await session.vanish();
    await server.stop();
    const versionDir = join(dataDir, "version-2");
    const log = join(versionDir, readdirSync(versionDir).find((name) => name.startsWith("log."))!);
    const bytes = readFileSync(log);
    const offset = bytes.indexOf("/n0");
    bytes[offset] ^= 0xff;
    writeFileSync(log, bytes);
    for (const name of readdirSync(versionDir)) {
      // Only the first snapshot stays: the log must be read from its start.
      if (name.startsWith("snapshot.") && name !== "snapshot.0") rmSync(join(versionDir, name));
    }
    const again = runZoon(["server", "--client-port", "0", "--data-dir", dataDir]);
    expect((await again.ended).code).toBe(1);
    expect(again.stderr()).toContain(log);
    const told = [...again.stderr().matchAll(/\b(?:offset|byte) (\d+)/g)].map((match) => Number(match[1]));
    expect(told.some((place) => place <= offset && place > offset - 100)).toBe(true);
    expect(again.stdout()).toBe("");
    expect(again.stderr()).not.toMatch(/^\s+at /m);
  });

  test("goes when its parent goes, if asked to", async () => {
    // A shell starts it and ends at once.
    const dataDir = freshPath();
    const words = `"${zoonBinary}" server --client-port 0 --data-dir "${dataDir}" --exit-with-parent`;
    const shell = spawn("sh", ["-c", `${words} & read line; echo $!`], { stdio: ["pipe", "pipe", "ignore"] });
    let output = "";
    const { promise, resolve } = Promise.withResolvers<void>();
    shell.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      // Once it is ready, the shell may end; it tells the pid on its way out.
      if (/^ready /m.test(text)) shell.stdin.end("\n");
    });
    // Closed only when the server, which holds it too, is gone.
    shell.stdout.once("close", resolve);
    await promise;
    const pid = Number(/^(\d+)$/m.exec(output)?.[1]);
    expect(pid).toBeGreaterThan(0);
    const state = () => {
      const path = `/proc/${pid}/stat`;
      return existsSync(path) ? readFileSync(path, "utf8").replace(/^.*\) /, "")[0] : "gone";
    };
    // The test's own limit ends the wait.
    while (!["gone", "Z"].includes(state())) await Bun.sleep(5);
  });
});

describe("zoon", () => {
  test("tells its version", async () => {
    const run = runZoon(["--version"]);
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.stdout()).toContain(manifest.version);
    expect(run.stderr()).toBe("");
  });

  test("explains itself and each command on --help", async () => {
    for (
      const [words, hint] of [[["--help"], "server"], [["server", "-h"], "Example"], [
        ["-h"],
        "shell",
      ]] as const
    ) {
      const run = runZoon([...words]);
      expect((await run.ended).code).toBe(0);
      expect(run.stdout()).toContain(hint);
    }
  });

  test("refuses a wrong word with code 2 and the nearest right one", async () => {
    for (
      const [words, hint] of [
        [["sever"], "server"],
        [["server", "--clientport", "0"], "--client-port"],
        [["server", "--client-port", "many"], "many"],
        [["server", "--log-level", "loud"], "loud"],
      ] as const
    ) {
      const run = runZoon([...words]);
      expect((await run.ended).code).toBe(2);
      expect(run.stderr()).toContain(hint);
      expect(run.stdout()).toBe("");
      expect(run.stderr()).not.toMatch(/^\s+at /m);
    }
  });
});
