/**
 * Stock clients on a Zoon that has lost its quorum: Apache's shell with -r and kazoo with read_only read there, are
 * refused a write, and write once there is a quorum again, each in the session that its rules give it.
 */
import { afterAll, beforeAll, test } from "bun:test";
import { spawn } from "node:child_process";
import { LoneSurvivor } from "../e2e/lone_survivor.ts";
import { until } from "../wire/until.ts";
import { WireSession } from "../wire/session.ts";
import { apacheProgram, ensureKazoo, type Program } from "./client_programs.ts";

let survivor: LoneSurvivor;

beforeAll(async () => {
  survivor = await LoneSurvivor.start();
  const session = await WireSession.open(survivor.ensemble.target(survivor.id));
  await session.create("/ro", { data: "first" });
  await session.close();
}, 90_000);

afterAll(async () => {
  await survivor?.close();
});

/** Runs a client that is told what to do line by line, and is waited for by what it prints. */
function converse(program: Program, args: string[]) {
  const child = spawn(program.command, [...program.args, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => printed += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => printed += text);
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  return {
    say: (...lines: string[]) => child.stdin.write(lines.map((line) => `${line}\n`).join("")),
    heard: (pattern: RegExp) =>
      until(`${pattern} from the client`, () => {
        const at = pattern.exec(printed);
        if (at !== null) printed = printed.slice(at.index + at[0].length);
        else if (child.exitCode !== null) throw new Error(`The client ended:\n${printed}`);
        return at === null ? undefined : at;
      }).catch((error) => {
        throw new Error(`${error.message}, which printed:\n${printed}`);
      }),
    end: () => {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

test("Apache's shell with -r", async () => {
  await survivor.partition();
  const shell = apacheProgram("3.9.5", "org.apache.zookeeper.ZooKeeperMain");
  const zkCli = converse(shell, ["-r", "-server", survivor.ensemble.addresses]);
  try {
    await zkCli.heard(/state:ConnectedReadOnly/);
    zkCli.say("get /ro", "set /ro second", "get -w /ro");
    await zkCli.heard(/\bfirst$/m);
    await zkCli.heard(/Not a read-only call: \/ro/);
    await zkCli.heard(/\bfirst$/m);
    await survivor.heal();
    await zkCli.heard(/state:SyncConnected/);
    zkCli.say("set /ro second", "get /ro");
    await zkCli.heard(/type:NodeDataChanged path:\/ro/);
    await zkCli.heard(/\bsecond$/m);
  } finally {
    await zkCli.end();
  }
}, 120_000);

const kazooProgram = `
import sys
from kazoo.client import KazooClient
from kazoo.exceptions import NotReadOnlyCallError
client = KazooClient(hosts=sys.argv[1], read_only=True, timeout=20, randomize_hosts=False)
client.start(timeout=60)
print("state", client.client_state, flush=True)
print("data", client.get("/ro")[0].decode(), flush=True)
try:
    client.set("/ro", b"third")
except NotReadOnlyCallError:
    print("refused", flush=True)
sys.stdin.readline()
client.retry.max_tries = -1
def write():
    client.set("/ro", b"third")
client.retry(write)
print("state", client.client_state, client.get("/ro")[0].decode(), flush=True)
client.stop()
`;

test("kazoo with read_only", async () => {
  await survivor.partition();
  const python: Program = { command: ensureKazoo(), args: ["-c", kazooProgram] };
  const kazoo = converse(python, [survivor.ensemble.address(survivor.id)]);
  try {
    await kazoo.heard(/state CONNECTED_RO/);
    await kazoo.heard(/data second/);
    await kazoo.heard(/refused/);
    await survivor.heal();
    kazoo.say("go on");
    await kazoo.heard(/state CONNECTED third/);
  } finally {
    await kazoo.end();
  }
}, 120_000);
