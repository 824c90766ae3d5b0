/** `zoon bench` as a process, against servers of its own kind: what it measures, and what it leaves behind. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { WireSession } from "../wire/session.ts";
import { freshPath, readyPattern, type ReadyServer, runZoon, startServer } from "./process.ts";

let server: ReadyServer;
let hosts = "";

beforeAll(async () => {
  server = await startServer(freshPath());
  hosts = `${server.host}:${server.port}`;
  const session = await WireSession.open(server);
  await session.create("/app", { data: "" });
  await session.close();
});
afterAll(async () => {
  await server.stop();
});

/** Runs `zoon bench` with short times to its end. */
async function bench(...words: string[]) {
  const run = runZoon(["bench", "--warmup", "100ms", ...words]);
  const { code } = await run.ended;
  return { code, out: run.stdout(), err: run.stderr() };
}

async function childrenOf(path: string): Promise<readonly (string | null)[]> {
  const session = await WireSession.open(server);
  const { body } = await session.getChildren(path);
  await session.close();
  return (body.children ?? []).toSorted();
}

const everything = "get,exists,children,set,create,delete,create-ephemeral,multi,sync";

describe("zoon bench", () => {
  test("measures every operation of a mix below a chroot, with several processes, and leaves nothing", async () => {
    const { code, out, err } = await bench(
      ...[
        "-s",
        `${hosts}/app`,
        "--mix",
        everything,
        "--workers",
        "2",
        "--connections",
        "6",
        "--in-flight",
        "4",
      ],
      ...["--keys", "250", "--depth", "3", "--distribution", "zipf", "--value-size", "0-200", "--seed", "7"],
      ...["--duration", "1s", "--json"],
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const report = JSON.parse(out);
    expect(report.parameters).toMatchObject({
      keys: 250,
      depth: 3,
      workers: 2,
      seed: 7,
      valueBytes: [0, 200],
    });
    expect(report.machine.cores).toBeGreaterThan(0);
    expect(report.clusters[0].servers[0]).toMatchObject({ server: hosts, mode: "standalone" });
    const [{ operations, lostConnections }] = report.results;
    expect(operations.map(({ operation }: { operation: string }) => operation)).toEqual(
      everything.split(","),
    );
    for (const { count, errors, p50Ms, p999Ms, maxMs } of operations) {
      expect(count).toBeGreaterThan(0);
      expect(errors).toEqual({});
      expect(p50Ms).toBeLessThanOrEqual(p999Ms);
      expect(p999Ms).toBeLessThanOrEqual(maxMs);
    }
    expect(lostConnections).toBe(0);
    expect(await childrenOf("/app")).toEqual([]);
    expect(await childrenOf("/")).toEqual(["app", "zookeeper"]);
  });

  test("prints a table, a histogram and the rate over time, and stops after --ops", async () => {
    const { code, out } = await bench("-s", hosts, "--ops", "500", "--connections", "5", "--mix", "set");
    expect(code).toBe(0);
    expect(out).toStartWith(`${hosts}: set=1; 5 connections, 1 in flight each; closed loop;`);
    expect(out).toMatch(/^operation +ops\/s +p50 ms +p90 ms +p99 ms +p99\.9 ms +max ms +errors$/m);
    expect(out).toMatch(/^set +[0-9,]+ .* -$/m);
    expect(out).toMatch(/^ +<= .* [█▏▎▍▌▋▊▉]+ .*%$/m);
    expect(out).toMatch(/^rate {2}[▁▂▃▄▅▆▇█]+ /m);
    expect(out).not.toContain("\x1b");
    const { out: csv } = await bench("-s", hosts, "--ops", "333", "--workers", "2", "--mix", "get", "--csv");
    expect(csv.split("\n")[1]).toStartWith(`${hosts},1,get,333,`);
  });

  test("keeps the rate of an open loop, and tells each second what it did", async () => {
    const { code, out } = await bench(
      ...["-s", hosts, "--rate", "200", "--duration", "2s", "--connections", "4", "--ticks", "--json"],
    );
    expect(code).toBe(0);
    const lines = out.trim().split("\n").map((line) => JSON.parse(line));
    const report = lines.pop();
    expect(report.event).toBe("report");
    // One more when the last answers come late.
    expect(lines.map(({ event, second }) => [event, second]).slice(0, 2)).toEqual([["tick", 1], ["tick", 2]]);
    expect(lines[0]).toMatchObject({ cluster: hosts, second: 1 });
    const { all } = report.results[0];
    // All that was due is accounted for, done or not.
    expect(Math.abs(all.count + all.failed - 400)).toBeLessThanOrEqual(20);
  });

  test("on a schedule, requests that a paused server makes wait are late and not left out", async () => {
    const paused = await startServer(freshPath());
    const run = runZoon([
      ...[
        "bench",
        "-s",
        `${paused.host}:${paused.port}`,
        "--warmup",
        "0",
        "--duration",
        "3s",
        "--ticks",
        "--json",
      ],
      ...["--rate", "400", "--connections", "2", "--mix", "get", "--session-timeout", "30s"],
    ]);
    await run.line(/"event":"tick"/);
    paused.child.kill("SIGSTOP");
    await Bun.sleep(1000);
    paused.child.kill("SIGCONT");
    expect((await run.ended).code).toBe(0);
    const { all } = JSON.parse(run.stdout().trim().split("\n").at(-1)!).results[0];
    expect(Math.abs(all.count + all.failed - 1200)).toBeLessThanOrEqual(20);
    // A third of all were due in that second. Two connections that wait for their answers would have had two.
    expect(all.p90Ms).toBeGreaterThan(300);
    await paused.stop();
  });

  for (const workers of ["1", "3"]) {
    test(`measures how long it takes to tell all watchers, with ${workers} workers`, async () => {
      const { code, out } = await bench(
        ...["-s", hosts, "--mix", "watch", "--connections", "20"],
        ...["--ops", "10", "--workers", workers, "--json"],
      );
      expect(code).toBe(0);
      expect(JSON.parse(out).results[0].operations).toMatchObject([{
        operation: "watch",
        count: 10,
        errors: {},
      }]);
    });
  }

  test("measures how quickly sessions begin", async () => {
    const { code, out } = await bench(
      ...["-s", hosts, "--mix", "connect", "--connections", "3", "--duration", "1s", "--json"],
    );
    expect(code).toBe(0);
    const [{ operation, count, errors }] = JSON.parse(out).results[0].operations;
    expect({ operation, errors }).toEqual({ operation: "connect", errors: {} });
    expect(count).toBeGreaterThan(3);
  });

  for (const workers of ["1", "2"]) {
    test(`told to stop it prints what it measured and cleans up, with ${workers} workers`, async () => {
      const run = runZoon(
        ["bench", "-s", hosts, "--warmup", "0", "--duration", "60s", "--ticks", "--workers", workers],
      );
      await run.line(/"event":"tick"/);
      expect((await childrenOf("/")).filter((name) => name!.startsWith("zoon-bench-"))).toHaveLength(1);
      expect(await run.stop("SIGINT")).toEqual({ code: 130, signal: null });
      expect(run.stderr()).toMatch(/^all +[0-9,]+ /m);
      expect(await childrenOf("/")).toEqual(["app", "zookeeper"]);
    });
  }

  test("cleans up also when nobody reads what it prints any more", async () => {
    const run = runZoon(["bench", "-s", hosts, "--warmup", "0", "--duration", "60s", "--ticks"]);
    await run.line(/"event":"tick"/);
    run.child.stdout!.destroy();
    expect((await run.ended).code).toBe(130);
    expect(await childrenOf("/")).toEqual(["app", "zookeeper"]);
  });

  test("a server that dies and comes back is errors by name, and then the load goes on", async () => {
    const dataDir = freshPath();
    const first = await startServer(dataDir);
    const target = `${first.host}:${first.port}`;
    const run = runZoon(
      [
        "bench",
        "-s",
        target,
        "--warmup",
        "0",
        "--duration",
        "120s",
        "--ticks",
        "--json",
        "--connections",
        "8",
      ],
    );
    await run.line(/"event":"tick"/);
    await first.stop("SIGKILL");
    const second = runZoon(["server", "--client-port", String(first.port), "--data-dir", dataDir]);
    await second.line(readyPattern);
    const seconds = run.stdout().split("\n").length;
    // One that begins after the restart and in which something was done.
    await run.line(new RegExp(`"second":(?:${seconds + 1}|${seconds + 2}|${seconds + 3}),"done":[1-9]`));
    expect((await run.stop("SIGINT")).code).toBe(130);
    const report = JSON.parse(run.stdout().trim().split("\n").at(-1)!);
    const [{ operations, lostConnections, longestSilenceMs }] = report.results;
    expect(lostConnections).toBeGreaterThanOrEqual(8);
    expect(longestSilenceMs).toBeGreaterThan(0);
    const lost = operations.reduce(
      (sum: number, { errors }: { errors: Record<string, number> }) => sum + (errors.CONNECTIONLOSS ?? 0),
      0,
    );
    expect(lost).toBeGreaterThan(0);
    const session = await WireSession.open({ host: first.host, port: first.port });
    expect((await session.getChildren("/")).body.children).toEqual(["zookeeper"]);
    await session.close();
    await second.stop();
  });

  test("compares two clusters in rounds by turns, each with a tree of its own", async () => {
    const other = await startServer(freshPath());
    const against = `${other.host}:${other.port}`;
    const words = ["-s", hosts, "--against", against, "--rounds", "2", "--duration", "300ms", "--mix", "get"];
    const { code, out } = await bench(...words, "--json");
    expect(code).toBe(0);
    const { results, comparison } = JSON.parse(out);
    expect(results.map(({ cluster, round }: { cluster: string; round: number }) => [cluster, round])).toEqual(
      [
        [hosts, 1],
        [against, 1],
        [against, 2],
        [hosts, 2],
      ],
    );
    expect(comparison.map(({ operation }: { operation: string }) => operation)).toEqual(["get"]);
    const { one, other: second, ratio } = comparison[0].opsPerSecond;
    for (const { min, median, max } of [one, second, ratio]) {
      expect(min).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(min);
      expect(max).toBeGreaterThanOrEqual(median);
    }
    const session = await WireSession.open(other);
    expect((await session.getChildren("/")).body.children).toEqual(["zookeeper"]);
    await session.close();
    await other.stop();
    expect(await childrenOf("/")).toEqual(["app", "zookeeper"]);
  });

  test.each([1, 2])(
    "kills the leader, tells what clients of %d workers saw, starts it again",
    async (workers) => {
      const dataDir = freshPath();
      const ensemble = runZoon(["ensemble", "--base-port", "0", "--data-dir", dataDir, "--json"]);
      await ensemble.line(/"ready"/);
      const { code, out, err } = await bench(
        ...[
          "--data-dir",
          dataDir,
          "--kill-leader",
          "--connections",
          "6",
          "--workers",
          `${workers}`,
          "--duration",
          "6s",
          "--mix",
          "get,set",
        ],
        "--json",
      );
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const { failover, results } = JSON.parse(out);
      expect([1, 2, 3]).toContain(failover.node);
      expect(failover.killedAtMs).toBeGreaterThanOrEqual(3000);
      // The election alone takes some.
      expect(failover.writeSilenceMs).toBeGreaterThan(0);
      expect(failover.writeSilenceMs).toBeGreaterThanOrEqual(failover.silenceMs);
      expect(failover.connectionsMs.max).toBeGreaterThanOrEqual(failover.connectionsMs.median);
      expect(results[0].lostConnections).toBeGreaterThan(0);
      const status = runZoon(["ensemble", "status", "--data-dir", dataDir, "--json"]);
      expect((await status.ended).code).toBe(0);
      const nodes: { id: number; state: string }[] = JSON.parse(status.stdout()).nodes;
      expect(nodes.find(({ id }) => id === failover.node)?.state).not.toBe("down");
      await ensemble.stop();
    },
  );

  test("check says PASS or FAIL line by line, and its exit code says whether all passed", async () => {
    const run = runZoon(["bench", "check", "-s", hosts, "--duration", "1s"]);
    const { code } = await run.ended;
    const verdicts = run.stdout().trim().split("\n").filter((line) => /^(PASS|FAIL)\b/.test(line));
    expect(verdicts).toHaveLength(8);
    const failed = verdicts.some((line) => line.startsWith("FAIL "));
    expect(verdicts.at(-1)).toBe(failed ? "FAIL" : "PASS");
    expect(code).toBe(failed ? 1 : 0);
    expect(await childrenOf("/")).toEqual(["app", "zookeeper"]);
  });

  test("says what stands in its way, with exit code 1, and creates no chroot", async () => {
    const missing = await bench("-s", `${hosts}/nowhere`, "--duration", "1s");
    expect(missing).toEqual({
      code: 1,
      out: "",
      err:
        `zoon: cannot create a znode for the run on ${hosts}/nowhere: the chroot /nowhere does not exist\n`,
    });
    expect(await childrenOf("/")).toEqual(["app", "zookeeper"]);
    const nobody = await bench("-s", "127.0.0.1:1", "--duration", "1s");
    expect(nobody.code).toBe(1);
    expect(nobody.err).toContain("no session with 127.0.0.1:1");
  });
});
