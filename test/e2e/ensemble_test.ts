/** `zoon ensemble` as its user meets it: real servers, orders from other terminals, and what is said when it cannot be. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { connect } from "../../mod.ts";
import { zoonBinary } from "../interop/apache_server.ts";
import { freshPath, type Run, runZoon } from "./process.ts";
import { TerminalRun } from "./terminal.ts";

/** What an order said and how it ended. */
interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `zoon` to its end. */
async function zoon(...words: string[]): Promise<Said> {
  const run = runZoon(words);
  const { code } = await run.ended;
  return { code, out: run.stdout(), err: run.stderr() };
}

/** An ensemble that serves. */
interface ReadyEnsemble extends Run {
  readonly dataDir: string;
  readonly hosts: string;
  readonly leader: number;
  order(...words: string[]): Promise<Said>;
  status(): Promise<{ leader: number | null; nodes: { id: number; state: string; pid: number | null }[] }>;
}

const readyPattern = /^ready (\S+) leader (\d+) data (.+) in (\d+) ms$/;

/** Starts `zoon ensemble` on free ports and waits until it is ready. */
async function launch(words: string[] = [], dataDir = freshPath()): Promise<ReadyEnsemble> {
  const run = runZoon(["ensemble", ...words, "--base-port", "0", "--data-dir", dataDir]);
  const [, hosts, leader, , startMs] = await run.line(readyPattern);
  console.log(`ready after ${startMs} ms`);
  const order = (...rest: string[]) => zoon("ensemble", ...rest, "--data-dir", dataDir);
  return {
    ...run,
    dataDir,
    hosts,
    leader: Number(leader),
    order,
    async status() {
      return JSON.parse((await order("status", "--json")).out);
    },
  };
}

/** Waits until another node leads than when the ensemble became ready. */
async function otherLeader(ensemble: ReadyEnsemble): Promise<number> {
  for (;;) {
    const { leader } = await ensemble.status();
    if (leader !== null && leader !== ensemble.leader) return leader;
    await Bun.sleep(20);
  }
}

const pidOf = (dataDir: string, id: number) =>
  Number(readFileSync(join(dataDir, String(id), "zoon.pid"), "utf8"));

/** Waits until a process is no more; the test's own limit ends the wait. */
async function gone(pid: number): Promise<void> {
  const state = () => {
    const path = `/proc/${pid}/stat`;
    return existsSync(path) ? readFileSync(path, "latin1").replace(/^.*\) /s, "")[0] : "Z";
  };
  while (state() !== "Z") await Bun.sleep(5);
}

/** Takes some free port of 127.0.0.1. */
async function takePort(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Not a TCP server");
  return { server, port: address.port };
}

describe("three servers", () => {
  test("serve, lose their leader, go on, take it back, and stop when told to", async () => {
    const ensemble = await launch();
    const { leader } = ensemble;
    await using zk = await connect(ensemble.hosts);
    await zk.create("/kept", "first");

    const before = await ensemble.status();
    expect(before.leader).toBe(leader);
    expect(before.nodes.map(({ state }) => state).sort()).toEqual(["follower", "follower", "leader"]);

    expect(await ensemble.order("kill", "leader")).toEqual({
      code: 0,
      out: `node ${leader} is killed\n`,
      err: "",
    });
    const next = await otherLeader(ensemble);
    await ensemble.line(new RegExp(`^\\S+ node ${next} leader at zxid 0x[0-9a-f]+$`));
    await ensemble.line(new RegExp(`^\\S+ node ${leader} down: killed$`));
    const asked = await zoon("status", "-s", ensemble.hosts);
    expect(asked.out).toMatch(/^127\.0\.0\.1:\d+ leads, with 1 follower in step\.$/m);
    expect(asked.out).toMatch(/^127\.0\.0\.1:\d+: connection refused/m);
    expect(asked.code).toBe(0);

    expect(await ensemble.order("start", String(leader))).toEqual({
      code: 0,
      out: `node ${leader} is started: follower\n`,
      err: "",
    });
    expect((await ensemble.status()).leader).toBe(next);
    expect((await zk.getData("/kept")).data).toEqual(new TextEncoder().encode("first"));

    expect(await ensemble.order("down")).toMatchObject({
      code: 0,
      out: `the ensemble in ${ensemble.dataDir} is down\n`,
    });
    expect(await ensemble.ended).toEqual({ code: 0, signal: null });
    expect(ensemble.stdout()).toEndWith(" all nodes are down\n");
    expect(ensemble.stderr()).toBe("");
  });

  test("elect another leader while theirs is paused, and it follows when it goes on", async () => {
    const ensemble = await launch(["--tick-time", "200"]);
    const { leader } = ensemble;
    expect(await ensemble.order("pause", "leader")).toMatchObject({
      code: 0,
      out: `node ${leader} is paused\n`,
    });
    const next = await otherLeader(ensemble);
    expect((await ensemble.order("status")).out).toMatch(new RegExp(`^ +${leader}  paused `, "m"));
    expect(await ensemble.order("resume", String(leader))).toMatchObject({
      code: 0,
      out: `node ${leader} goes on\n`,
    });
    await ensemble.line(new RegExp(`^\\S+ node ${leader} follower at zxid 0x[0-9a-f]+$`));
    expect((await ensemble.status()).leader).toBe(next);
    await ensemble.stop();
  });

  test("lose their quorum, and status says so with exit code 1", async () => {
    const ensemble = await launch();
    const others = [1, 2, 3].filter((id) => id !== ensemble.leader).map(String);
    expect((await ensemble.order("stop", ...others)).out).toBe(
      others.map((id) => `node ${id} is stopped\n`).join(""),
    );
    // The leader steps down once it misses them.
    while ((await ensemble.status()).leader !== null) await Bun.sleep(20);
    const status = await ensemble.order("status");
    expect(status.out).toEndWith("\nNo leader serves.\n");
    expect(status.code).toBe(1);
    expect((await zoon("status", "-s", ensemble.hosts)).code).toBe(1);
    await ensemble.stop();
  });
});

test("observers follow without a vote, settings reach every node, and each thing that happens is a JSON object", async () => {
  const dataDir = freshPath();
  const words = ["--observers", "1", "--set", "snapCount=1234", "--json"];
  const run = runZoon(["ensemble", "1", ...words, "--base-port", "0", "--data-dir", dataDir]);
  const ready = JSON.parse((await run.line(/"event":"ready"/)).input);
  expect(ready).toMatchObject({ event: "ready", leader: 1, dataDir, startMs: expect.any(Number) });
  expect(ready.connectionString.split(",")).toHaveLength(2);
  for (const id of [1, 2]) {
    expect(readFileSync(join(dataDir, String(id), "zoo.cfg"), "utf8")).toMatch(/^snapCount=1234$/m);
    expect(readFileSync(join(dataDir, String(id), "data", "myid"), "utf8")).toBe(`${id}\n`);
    expect(readFileSync(join(dataDir, String(id), "zoon.log"), "utf8")).toContain("Serving");
  }
  expect(await run.stop("SIGINT")).toEqual({ code: 0, signal: null });
  const events = run.stdout().trimEnd().split("\n").map((each) => JSON.parse(each));
  expect(events[0]).toMatchObject({
    event: "ensemble",
    nodes: [{ role: "participant" }, { role: "observer" }],
  });
  expect(events).toContainEqual(expect.objectContaining({ event: "node", node: 2, state: "observer" }));
  expect(events).toContainEqual(expect.objectContaining({ event: "stopping", reason: "SIGINT" }));
  expect(events.at(-1)).toMatchObject({ event: "stopped" });
});

describe("nodes end with their launcher", () => {
  test("even when that is killed, and one of them is paused; the next start finds all that was acknowledged", async () => {
    const ensemble = await launch();
    await using zk = await connect(ensemble.hosts);
    await zk.create("/kept", "acknowledged");
    const paused = ensemble.leader === 1 ? "2" : "1";
    await ensemble.order("pause", paused);
    const pids = [1, 2, 3].map((id) => pidOf(ensemble.dataDir, id));
    expect(await ensemble.stop("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
    await Promise.all(pids.map(gone));

    const again = await launch([], ensemble.dataDir);
    expect(again.hosts).toBe(ensemble.hosts);
    await using reader = await connect(again.hosts);
    expect((await reader.getData("/kept")).data).toEqual(new TextEncoder().encode("acknowledged"));
    await again.stop();
  });

  test("and are gone before SIGTERM has ended it", async () => {
    const ensemble = await launch();
    const pids = [1, 2, 3].map((id) => pidOf(ensemble.dataDir, id));
    expect(await ensemble.stop("SIGTERM")).toEqual({ code: 0, signal: null });
    await Promise.all(pids.map(gone));
    expect(existsSync(join(ensemble.dataDir, "1", "zoon.pid"))).toBe(false);
    expect(existsSync(join(ensemble.dataDir, "control.sock"))).toBe(false);
  });
});

test("a node that somebody kills is shown with the reason, and the launcher goes on", async () => {
  const ensemble = await launch();
  const id = ensemble.leader === 1 ? 2 : 1;
  process.kill(pidOf(ensemble.dataDir, id), "SIGKILL");
  await ensemble.line(new RegExp(`^\\S+ node ${id} down: ended by SIGKILL$`));
  expect((await ensemble.status()).nodes.find((node) => node.id === id)).toMatchObject({
    state: "down",
    reason: "ended by SIGKILL",
  });
  await ensemble.stop();
});

describe("the directory", () => {
  test("of a running ensemble is refused, with how to see and to stop that; --fresh changes nothing about it", async () => {
    const ensemble = await launch(["1"]);
    for (const flags of [[], ["--fresh"]]) {
      const { code, out, err } = await ensemble.order(...flags);
      expect(code).toBe(1);
      expect(out).toBe("");
      expect(err).toContain(
        `the ensemble in ${ensemble.dataDir} runs already (process ${ensemble.child.pid})`,
      );
      expect(err).toContain(`ensemble status --data-dir ${ensemble.dataDir}"`);
      expect(err).toContain(`ensemble down --data-dir ${ensemble.dataDir}"`);
    }
    expect((await ensemble.status()).leader).toBe(1);
    await ensemble.stop();
  });

  test("is started again with its own size, and replaced only by --fresh", async () => {
    const dataDir = freshPath();
    const first = await launch(["1"], dataDir);
    const zk = await connect(first.hosts);
    await zk.create("/old", null);
    await zk.close();
    await first.stop();

    // Nothing is removed for a start that cannot be.
    expect(await zoon("ensemble", "--fresh", "--set", "tickTime=soon", "--data-dir", dataDir)).toMatchObject({
      code: 2,
    });
    const second = await launch(["3"], dataDir);
    await using reader = await connect(second.hosts);
    expect(await reader.exists("/old")).not.toBeNull();
    expect(second.hosts).toBe(first.hosts);
    expect(second.stdout()).toContain(
      `${dataDir} holds an ensemble of 1 server, which is started as it is; --fresh would replace it by one of 3 servers`,
    );
    await second.stop();

    const third = await launch(["3", "--fresh"], dataDir);
    expect(third.hosts.split(",")).toHaveLength(3);
    await using empty = await connect(third.hosts);
    expect(await empty.exists("/old")).toBeNull();
    await third.stop();
  });

  test("takes other settings when it is started again", async () => {
    const dataDir = freshPath();
    const first = await launch(["2"], dataDir);
    await first.stop();
    const second = await launch(["--set", "snapCount=1234"], dataDir);
    expect(second.hosts).toBe(first.hosts);
    for (const id of [1, 2]) {
      expect(readFileSync(join(dataDir, String(id), "zoo.cfg"), "utf8")).toContain("\nsnapCount=1234\n");
    }
    await second.stop();
  });

  test("of somebody else is not touched, not even by --fresh", async () => {
    const dataDir = freshPath();
    mkdirSync(join(dataDir, "1"), { recursive: true });
    writeFileSync(join(dataDir, "1", "precious"), "");
    const { code, err } = await zoon("ensemble", "--fresh", "--data-dir", dataDir);
    expect(err).toBe(
      `zoon: ${dataDir} is not the directory of an ensemble, and not empty (1): choose another --data-dir\n`,
    );
    expect(code).toBe(1);
    expect(readdirSync(dataDir, { recursive: true })).toEqual(["1", join("1", "precious")]);
  });
});

test("busy ports are named with who uses them and a way out, and nothing is left behind", async () => {
  const { server, port } = await takePort();
  const dataDir = freshPath();
  // The port taken is node 2's for clients.
  const { code, out, err } = await zoon("ensemble", "--base-port", String(port - 1), "--data-dir", dataDir);
  server.close();
  expect(code).toBe(1);
  expect(out).toBe("");
  expect(err).toContain(`port ${port} (node 2, clients) is used by process ${process.pid} (`);
  expect(err).toMatch(/\nor take other ports: \S+ ensemble --data-dir \S+ --base-port \d+\n$/);
  expect(existsSync(dataDir)).toBe(false);
});

describe("words", () => {
  test("that are wrong are answered with the right ones and exit code 2", async () => {
    for (
      const [words, hint] of [
        [["stauts"], "(Did you mean status?)"],
        [["kil", "3"], "(Did you mean kill?)"],
        [["0"], "It is a whole number from 1 to 50."],
        [["3", "4"], 'ensemble does not take "4"; its commands are status, kill'],
        [["--base-prt", "1"], "(Did you mean --base-port?)"],
        [["--base-port", "65535"], "It is a whole number from 1 to 65236."],
        [["kill"], "missing required argument 'id'"],
        [["--set", "tickTime=soon"], "tickTime=soon must be a whole number of milliseconds"],
        [["--set", "dataDir=/x"], "an ensemble decides on dataDir itself"],
      ] as const
    ) {
      const dataDir = freshPath();
      const { code, out, err } = await zoon("ensemble", "--data-dir", dataDir, ...words);
      expect(err).toContain(hint);
      expect(out).toBe("");
      expect(code).toBe(2);
      expect(existsSync(dataDir)).toBe(false);
    }
  });

  test("to nodes that are not there name those that are", async () => {
    const ensemble = await launch(["1"]);
    expect(await ensemble.order("kill", "7")).toEqual({
      code: 1,
      out: "",
      err: "zoon: there is no node 7: the only node is 1\n",
    });
    expect(await ensemble.order("start", "1")).toMatchObject({
      code: 1,
      err: expect.stringContaining("node 1 runs already (standalone, process "),
    });
    await ensemble.stop();
    expect(await ensemble.order("kill", "1")).toMatchObject({
      code: 1,
      err: expect.stringContaining(`the ensemble in ${ensemble.dataDir} does not run: `),
    });
  });

  test("to an ensemble that is not there say how to make one", async () => {
    const { code, err } = await zoon("ensemble", "down", "--data-dir", freshPath());
    expect(err).toContain("there is no ensemble in ");
    expect(code).toBe(1);
  });
});

test("zoon status and zoon shell go to the ensemble that runs in the usual place", async () => {
  const cwd = freshPath();
  mkdirSync(cwd);
  const run = runZoon(["ensemble", "1", "--base-port", "0"], { cwd });
  const [, hosts] = await run.line(readyPattern);
  expect(run.stdout()).toContain("shell create /hello world\n");
  const shell = runZoon(["shell", "create", "/hello", "world"], { cwd });
  expect(await shell.ended).toEqual({ code: 0, signal: null });
  expect(shell.stdout()).toBe("Created /hello\n");
  const status = runZoon(["status"], { cwd });
  expect(await status.ended).toEqual({ code: 0, signal: null });
  expect(status.stdout()).toContain(`${hosts} serves, standalone.`);
  await run.stop();
});

test("on a terminal there is one table, kept up to date, with what happens above it", async () => {
  const dataDir = freshPath();
  const words = ["ensemble", "--base-port", "0", "--data-dir", dataDir];
  const terminal = new TerminalRun([zoonBinary, ...words], {
    columns: 110,
    rows: 60,
    env: { NO_COLOR: "1" },
  });
  const tableLines = (lines: string[]) => lines.filter((line) => /^ +[123] {2}(?!participant)/.test(line));
  await terminal.line(/^ready /);
  await terminal.until(
    "three nodes with numbers",
    ({ lines }) =>
      tableLines(lines).filter((line) => /0x[0-9a-f]+ +0 +\d+ MB +\d+ {2}127/.test(line)).length === 3,
  );
  const victim = tableLines(terminal.screen.lines).findIndex((line) => line.includes("follower")) + 1;
  await zoon("ensemble", "kill", String(victim), "--data-dir", dataDir);
  await terminal.line(new RegExp(`^ +${victim}  down .* killed$`));
  expect(tableLines(terminal.screen.lines)).toHaveLength(3);
  const { lines } = terminal.screen;
  expect(lines.findLastIndex((line) => line.includes(`node ${victim} down: killed`)))
    .toBeLessThan(lines.findIndex((line) => line.startsWith("node  state")));
  terminal.signal("SIGINT");
  expect(await terminal.exited).toBe(0);
  expect(terminal.screen.lines.filter((line) => line.startsWith("node  state"))).toHaveLength(1);
  await terminal.end();
});
