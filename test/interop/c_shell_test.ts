/**
 * The shell of Apache's C client, run on the server under test and on Apache 3.9.5: what it prints must be the
 * same, zxids included, once times and session ids are taken out.
 */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import type { RunningServer } from "./apache_server.ts";
import { ensureCShell } from "./client_programs.ts";
import { startFlavor, target } from "./target.ts";

const cfg = { extendedTypesEnabled: "true" };

const script = [
  "create /a",
  "create +e /a/e",
  "create +s /a/s-",
  "create +es /a/es-",
  "create +c /a/c",
  "create +t=100000 /a/t",
  "create +st=100000 /a/st-",
  "create2 /a/stat",
  "create2 +s /a/stat-",
  "create /a",
  "create /x/y",
  "ls /a",
  "ls2 /a",
  "ls /x",
  "get /a",
  "set /a hello",
  "get /a",
  "get /x",
  "set /x y",
  "exists /a",
  "exists /x",
  "wexists /a/e",
  "delete /a/e",
  "delete /a",
  "delete /x",
  "sync /a",
  "addauth digest anna:secret",
  "config",
  "get /zookeeper",
];
/** Answered last, as the server answers in order: then all else has been printed. */
const marker = "/all-was-answered";

/** Lines in no order: the answers and the events come from two threads. */
async function run(server: RunningServer): Promise<string[]> {
  const child = spawn(ensureCShell(), [server.address], { stdio: ["pipe", "pipe", "pipe"] });
  const { promise, resolve } = Promise.withResolvers<void>();
  let output = "";
  const take = (text: string) => {
    output += text;
    if (output.includes(`${marker}: rc = -101`)) child.stdin.end("quit\n");
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  child.stdin.on("error", () => {/* It ended early, which the output shows. */});
  const limit = setTimeout(() => child.kill("SIGKILL"), 60_000);
  child.once("close", () => {
    clearTimeout(limit);
    resolve();
  });
  child.stdin.write(`${[...script, `get ${marker}`].join("\n")}\n`);
  await promise;
  return output.replace(/(ctime|mtime)( ?= ?).*$/gm, "$1$2TIME")
    .replace(/time = \d+ msec/g, "time = N msec")
    .replace(/0x[0-9a-f]{15,16}\b/g, "SESSION")
    .split("\n").filter((line) => line.trim() !== "").sort();
}

const [ours, theirs] = await Promise.all([
  startFlavor(target, { cfg }),
  startFlavor("apache-3.9.5", { cfg }),
]);
const [got, expected] = await Promise.all([run(ours), run(theirs)]);
await Promise.all([ours.stop(), theirs.stop()]);

test("the C client prints on our server what it prints on Apache's", () => {
  expect(expected).toContain(`${marker}: rc = -101`);
  expect(expected.length).toBeGreaterThan(80);
  expect(got).toEqual(expected);
});
