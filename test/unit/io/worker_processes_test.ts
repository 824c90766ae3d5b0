import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Socket } from "../../../src/base/network.ts";
import { dialPrivately, listenPrivately, makePrivateSocket } from "../../../src/io/worker_door.ts";
import { WorkerProcesses } from "../../../src/io/worker_processes.ts";
import { RecordedLogger } from "../storage/_logs.ts";
import { until } from "../../wire/until.ts";
import { Side } from "./network_suite.ts";

const scratch = mkdtempSync(join(tmpdir(), "zoon-worker-processes-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(process.platform === "win32")("WorkerProcesses", () => {
  /** Processes that write down their number and pid, and go when their input ends. */
  function start(count: number) {
    const file = join(mkdtempSync(join(scratch, "run-")), "pids");
    const logger = new RecordedLogger();
    const processes = new WorkerProcesses({
      count,
      command: ["sh", "-c", `read -r index; echo "$index $$" >> ${file}; read -r end`],
      logger,
      ordersFor: (index) => `${index}\n`,
    });
    processes.start();
    /** Waits until so many have started in all. */
    const pids = (started: number) =>
      until(`${started} processes`, () => {
        const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
        return lines.length >= started ? lines.map((line) => line.split(" ").map(Number)) : undefined;
      });
    return { processes, pids, logger };
  }

  test("tells each its orders, and has all of them go", async () => {
    const { processes, pids } = start(3);
    const started = await pids(3);
    expect(started.map(([index]) => index).sort()).toEqual([1, 2, 3]);
    await processes.stop();
    expect(started.filter(([, pid]) => isRunning(pid))).toEqual([]);
  });

  test.skipIf(process.platform !== "linux")("keeps no directory in use", async () => {
    const { processes, pids } = start(1);
    const [[, pid]] = await pids(1);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe("/");
    await processes.stop();
  });

  test("starts one again that was killed, and says so; the others stay", async () => {
    const { processes, pids, logger } = start(2);
    const [[index, pid], [, other]] = await pids(2);
    processes.kill(index);
    const [, , [again, newPid]] = await pids(3);
    expect(again).toBe(index);
    expect(newPid).not.toBe(pid);
    expect(isRunning(other)).toBe(true);
    expect(JSON.stringify(logger.lines)).toContain("A worker has ended; it is started again");
    await processes.stop();
    expect([other, newPid].filter(isRunning)).toEqual([]);
  });

  test("one that cannot be started at all is tried again, until all is to stop", async () => {
    const logger = new RecordedLogger();
    const processes = new WorkerProcesses({
      count: 1,
      command: [join(scratch, "nothing")],
      logger,
      ordersFor: () => "\n",
    });
    processes.start();
    await until("a second try", () => logger.lines.length >= 2 || undefined);
    await processes.stop();
  });
});

describe.skipIf(process.platform === "win32")("a private socket", () => {
  test("carries bytes both ways, only this user comes to it, and nothing is left of it", async () => {
    const { path, remove } = makePrivateSocket();
    const sides: Side[] = [];
    const listener = listenPrivately(path, (socket: Socket) => {
      const side = new Side(socket);
      sides.push(side);
      side.onBytes = () => socket.write(new TextEncoder().encode("back"));
      return side;
    });
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    let own: Side | undefined;
    const socket = await dialPrivately(path, (one) => own = new Side(one));
    socket.write(new TextEncoder().encode("there"));
    let answer = "";
    own!.onBytes = (bytes) => answer += new TextDecoder().decode(bytes);
    await own!.until(() => answer.length >= 4);
    expect(answer).toBe("back");
    socket.end();
    await sides[0].closed();
    listener.close();
    remove();
    expect(existsSync(dirname(path))).toBe(false);
    await expect(dialPrivately(path, (one) => new Side(one))).rejects.toThrow();
  });
});
