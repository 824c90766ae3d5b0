/** `zoon shell` as a person meets it: a real pseudo-terminal, keys going in, a screen coming out. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type ZooKeeper } from "../../mod.ts";
import type { RunningServer } from "../interop/apache_server.ts";
import type { Screen } from "./screen.ts";
import { shellCommand, startOwnServer } from "./shell_harness.ts";
import { TerminalRun } from "./terminal.ts";

const columns = 100;
const tab = "\t";
const ctrlC = "\x03";
const ctrlD = "\x04";
const up = "\x1b[A";

/** A shell on a terminal. */
class Session extends TerminalRun {
  constructor(args: readonly string[], env: Record<string, string>) {
    super([...shellCommand, ...args], { columns, env });
  }

  /** Waits for the prompt with this number, and text typed after it. */
  prompt(number: number, typed = "", state = "CONNECTED"): Promise<void> {
    const end = `(${state}) ${number}] ${typed}`;
    return this.until(
      `prompt ${end}`,
      ({ current }) => current.trimEnd() === `[zk: ${address}${end}`.trimEnd(),
    );
  }
}

let server: RunningServer;
let address: string;
let zk: ZooKeeper;
let home: string;
const sessions: Session[] = [];

beforeAll(async () => {
  server = await startOwnServer();
  address = server.address;
  home = mkdtempSync(join(tmpdir(), "zoon-shell-"));
  zk = await connect(address);
  for (const path of ["/app", "/apple", "/app/config", "/app/locks"]) await zk.create(path, null);
}, 120_000);

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.end();
}, 30_000);

afterAll(async () => {
  await zk?.close();
  await server?.stop();
  if (home !== undefined) rmSync(home, { recursive: true });
}, 60_000);

function open(args: readonly string[] = ["-s", address], env: Record<string, string> = {}): Session {
  const session = new Session(args, { HOME: home, XDG_STATE_HOME: "", ...env });
  sessions.push(session);
  return session;
}

describe("the prompt", () => {
  test("shows server, state and number, and counts lines that were run, failures included", async () => {
    const shell = open();
    await shell.prompt(0);
    await shell.line(new RegExp(`^Connected to ${address}; session 0x[0-9a-f]+$`));
    shell.type("ls /app\r");
    await shell.line("[config, locks]");
    await shell.prompt(1);
    shell.type("get /nope\r");
    await shell.line("Node does not exist: /nope");
    await shell.prompt(2);
    shell.type("\r");
    shell.type("lss\r");
    await shell.line(/did you mean ls\?/);
    await shell.prompt(3);
  }, 60_000);

  test("says CONNECTING and why while there is no server", async () => {
    const shell = open(["-s", "127.0.0.1:1"]);
    await shell.until("prompt", ({ current }) => current.startsWith("[zk: 127.0.0.1:1(CONNECTING) 0]"));
    await shell.line("  127.0.0.1:1: connection refused, nothing listens there");
    shell.type("ls /\r");
    await shell.until(
      "a refusal",
      ({ lines }) => lines.filter((line) => line.includes("connection refused")).length === 2,
    );
    shell.type("close\r");
    await shell.until("the next prompt", ({ current }) => current.startsWith("[zk: 127.0.0.1:1(CLOSED) 2]"));
  }, 60_000);
});

test("a connection string that makes no sense ends the shell with exit code 2", async () => {
  const shell = open(["-s", "a:b:c"]);
  expect(await shell.exited).toBe(2);
  await shell.line(/cannot use the connection string "a:b:c"/);
}, 60_000);

describe("keys", () => {
  test("Tab completes commands, flags and znode paths, and lists several", async () => {
    const shell = open();
    await shell.prompt(0);
    shell.type(`getAc${tab}`);
    await shell.prompt(0, "getAcl");
    shell.type(`--st${tab}`);
    await shell.prompt(0, "getAcl --stat");
    shell.type(`/a${tab}`);
    await shell.prompt(0, "getAcl --stat /app");
    shell.type(tab);
    await shell.line(/^\/app\s+\/apple$/);
    shell.type(`/c${tab}`);
    await shell.prompt(0, "getAcl --stat /app/config");
    shell.type("\r");
    await shell.line("'world,'anyone");
    await shell.line("numChildren = 0");
    await shell.prompt(1);
  }, 60_000);

  test("Ctrl-C clears the line, even when the cursor is inside it, and does not end the shell", async () => {
    const shell = open();
    await shell.prompt(0);
    shell.type("delete /app\x1b[D\x1b[D");
    await shell.prompt(0, "delete /app");
    shell.type(ctrlC);
    await shell.until(
      "an empty prompt",
      ({ current, lines }) =>
        current.trimEnd().endsWith("(CONNECTED) 0]") && lines.some((line) => line.includes("delete /a")),
    );
    shell.type("ls /app\r");
    await shell.line("[config, locks]");
    expect(await zk.exists("/app")).not.toBeNull();
  }, 60_000);

  test("Ctrl-D leaves with exit code 0 and ends the session", async () => {
    const shell = open();
    await shell.prompt(0);
    shell.type("create -e /mine x\r");
    await shell.line("Created /mine");
    await shell.prompt(1);
    shell.type(ctrlD);
    expect(await shell.exited).toBe(0);
    expect(await zk.exists("/mine")).toBeNull();
  }, 60_000);

  test("lines typed while a command runs are run after it", async () => {
    const shell = open();
    await shell.prompt(0);
    shell.type("create /fast one\rget /fast\rdelete /fast\rquit\r");
    expect(await shell.exited).toBe(0);
    expect(shell.screen.lines).toContain("one");
    expect(await zk.exists("/fast")).toBeNull();
  }, 60_000);
});

describe("history", () => {
  test("comes back in the next shell, without secrets, in a file of its owner's", async () => {
    const first = open();
    await first.prompt(0);
    first.type("addauth digest bob:secret\r");
    await first.prompt(1);
    first.type("stat /app\r");
    await first.prompt(2);
    first.type("history\r");
    await first.line("0 - addauth digest ***");
    first.type("quit\r");
    expect(await first.exited).toBe(0);
    const file = join(home, ".zoon_history");
    expect(readFileSync(file, "utf8")).not.toContain("secret");
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const second = open();
    await second.prompt(0);
    second.type(`${up}${up}${up}`);
    await second.prompt(0, "stat /app");
    second.type("\r");
    await second.line("numChildren = 2");
  }, 60_000);

  test("is kept nowhere when ZOON_HISTORY is empty", async () => {
    const shell = open(["-s", address], { HOME: join(home, "other"), ZOON_HISTORY: "" });
    await shell.prompt(0);
    shell.type("ls /\rquit\r");
    expect(await shell.exited).toBe(0);
    expect(existsSync(join(home, "other", ".zoon_history"))).toBe(false);
  }, 60_000);
});

describe("watch events", () => {
  test("are printed above the prompt, and what is typed stays", async () => {
    const shell = open();
    await shell.prompt(0);
    shell.type("get -w /apple\r");
    await shell.line("null");
    await shell.prompt(1);
    shell.type("set /app half-typed");
    await shell.prompt(1, "set /app half-typed");
    await zk.setData("/apple", "changed");
    await shell.line(/^WatchedEvent state:SyncConnected type:NodeDataChanged path:\/apple zxid: -?\d+$/);
    await shell.prompt(1, "set /app half-typed");
    const { lines } = shell.screen;
    expect(lines.filter((line) => line.includes("half-typed")).length).toBe(1);
    expect(lines.findIndex((line) => line.startsWith("WatchedEvent"))).toBe(lines.length - 2);
    shell.type(" and more\r");
    await shell.line(/set does not take "and"/);
  }, 60_000);

  test("leave a line that wraps around the screen whole", async () => {
    const shell = open();
    await shell.prompt(0);
    shell.type("get -w /apple\r");
    await shell.prompt(1);
    const long = `set /app ${"0123456789".repeat(15)}`;
    shell.type(long);
    await shell.until("the long line", ({ lines }) => lines.slice(-2).join("").endsWith(long));
    await zk.setData("/apple", "again");
    await shell.line(/^WatchedEvent .*NodeDataChanged path:\/apple/);
    await shell.until("the long line again", ({ lines }) => lines.slice(-2).join("").endsWith(long));
    shell.type("\r");
    await shell.prompt(2);
    expect((await zk.getData("/app")).stat.dataLength).toBe(150);
  }, 60_000);
});

describe("large work", () => {
  test("can be ended with Ctrl-C, and shows how far it is", async () => {
    await zk.create("/many", null);
    for (let part = 0; part < 40; part++) {
      const multi = zk.multi();
      for (let at = 0; at < 500; at++) multi.create(`/many/${part}-${at}`, null);
      await multi.commit();
    }
    const shell = open();
    await shell.prompt(0);
    shell.type("deleteall /many -b 0\r");
    await shell.until(
      "a progress line",
      ({ current }) => /^[\d,]+ (of [\d,]+ )?znodes (found|deleted)/.test(current),
    );
    shell.type(ctrlC);
    await shell.line("Interrupted");
    await shell.prompt(1);
    shell.type("deleteall /many\r");
    await shell.prompt(2);
    expect(await zk.exists("/many")).toBeNull();
  }, 120_000);
});

describe("a server that goes away", () => {
  test("is waited for: the shell says so, reconnects by itself, and its session goes on", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "zoon-shell-server-"));
    let own = await startOwnServer({ dataDir });
    const { address: its, port } = own;
    const at = (state: string, number: number) => (screen: Screen) =>
      screen.current.trimEnd() === `[zk: ${its}(${state}) ${number}]`;
    try {
      // Apache leaves a connection made while it starts unanswered, for as long as the client bears it.
      const shell = open(["-s", its, "--timeout", "12000"]);
      await shell.until("prompt", at("CONNECTED", 0));
      shell.type("create -e /eph x\r");
      await shell.line("Created /eph");
      await shell.until("prompt", at("CONNECTED", 1));
      await own.kill({ keepData: true });
      await shell.line(/^The connection to .* Reconnecting\.$/);
      await shell.until("prompt", at("CONNECTING", 1));
      own = await startOwnServer({ dataDir, clientPort: port });
      await shell.line(/^Reconnected to .*; session 0x[0-9a-f]+ goes on$/);
      await shell.until("prompt", at("CONNECTED", 1));
      shell.type("getEphemerals\r");
      await shell.line("[/eph]");
    } finally {
      await own.kill();
      rmSync(dataDir, { recursive: true, force: true });
    }
  }, 120_000);

  test("and comes back without the session leads to a new one, with the same ids", async () => {
    const dataDirs = [1, 2].map(() => mkdtempSync(join(tmpdir(), "zoon-shell-server-")));
    let own = await startOwnServer({ dataDir: dataDirs[0] });
    const { address: its, port } = own;
    try {
      const shell = open(["-s", its, "--timeout", "4000"]);
      await shell.until("prompt", ({ current }) => current.trimEnd() === `[zk: ${its}(CONNECTED) 0]`);
      shell.type("addauth digest bob:secret\r");
      await shell.until("prompt", ({ current }) => current.trimEnd() === `[zk: ${its}(CONNECTED) 1]`);
      await own.kill({ keepData: true });
      own = await startOwnServer({ dataDir: dataDirs[1], clientPort: port });
      await shell.line(/^Session 0x[0-9a-f]+ has expired/);
      await shell.until(
        "a second session",
        ({ lines }) => lines.filter((line) => line.startsWith("Connected to")).length === 2,
      );
      shell.type("whoami\r");
      await shell.line("digest: bob");
    } finally {
      await own.kill();
      for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true });
    }
  }, 120_000);
});
