import { describe, expect, test } from "bun:test";
import { AuthFailedError, ConnectionLossError, ErrorCode, NoAuthError, ZkError } from "../../../../mod.ts";
import { commandTable } from "../../../../cli/shell/command_table.ts";
import { zkErrorSentence } from "../../../../cli/shell/error_text.ts";
import { ShellRunner } from "../../../../cli/shell/shell_runner.ts";
import { Word } from "../../../../cli/shell/words.ts";
import { FakeTree, fakeZooKeeper } from "./fake_zookeeper.ts";

/** A shell on a tree in memory, with all it wrote. */
function shellOn(tree: FakeTree, options: { json?: boolean } = {}) {
  const seen = { out: "", err: "", events: "" };
  const client = fakeZooKeeper(tree);
  const session = {
    closed: false,
    client: () => Promise.resolve(client),
    connect: () => Promise.resolve(),
    close() {
      session.closed = true;
      return Promise.resolve();
    },
    addAuth: () => Promise.resolve(),
  };
  const runner = new ShellRunner(commandTable, session, {
    print(text) {
      seen.out += text;
      return Promise.resolve();
    },
    warn(text) {
      seen.err += `${text}\n`;
    },
    printEvent(text) {
      seen.events += text;
    },
    progressLine: null,
    now: () => 0,
  }, { json: options.json ?? false });
  return { runner, seen, run: (line: string) => runner.runLine(line) };
}

describe("a shell", () => {
  test("prints results on stdout and nothing else", async () => {
    const { run, seen } = shellOn(new FakeTree());
    expect(await run("create /a hello")).toBe(0);
    expect(await run("create -s /a/n-")).toBe(0);
    expect(await run("get /a")).toBe(0);
    expect(await run("get /a/n-0000000000")).toBe(0);
    expect(await run("ls /")).toBe(0);
    expect(await run("ls -R /")).toBe(0);
    expect(await run("delete /a/n-0000000000")).toBe(0);
    expect(seen).toEqual({
      out: "Created /a\nCreated /a/n-0000000000\nhello\nnull\n[a]\n/\n/a\n/a/n-0000000000\n",
      err: "",
      events: "",
    });
  });

  test("answers 1 with Apache's sentence when it is refused", async () => {
    const { run, seen } = shellOn(new FakeTree().add("/a", "/a/b"));
    expect(await run("get /nope")).toBe(1);
    expect(await run("stat /nope")).toBe(1);
    expect(await run("create /a")).toBe(1);
    expect(await run("delete /a")).toBe(1);
    expect(await run("deleteall /")).toBe(1);
    expect(seen.out).toBe("");
    expect(seen.err).toBe(
      "Node does not exist: /nope\nNode does not exist: /nope\nNode already exists: /a\nNode not empty: /a\n" +
        "Arguments are not valid : / (the root cannot be deleted)\n",
    );
  });

  test("answers 2 for what was typed wrongly, and sends nothing", async () => {
    const tree = new FakeTree();
    const { run, seen } = shellOn(tree);
    for (
      const line of [
        "craete /a",
        "create",
        "get --sat /a",
        "get a",
        "get /a/",
        'get "/a',
        "delete -v x /a",
        "create -c -e /a",
        "create -t 0 /a",
        "create -t 5 -e /a",
        "set -b /a ?",
        "addWatch -m never /a",
        "removewatches -c -d /a",
        "setquota /a",
        "setquota -n 0 /a",
        "setquota -n x /a",
        "deleteall -b x /a",
        "redo 99",
        "redo x",
        "reconfig",
        "reconfig -add a -members b",
        "help nope",
      ]
    ) expect([line, await run(line)]).toEqual([line, 2]);
    expect(tree.requests).toEqual([]);
    expect(seen.out).toBe("");
    expect(seen.err).toContain("did you mean create?");
    expect(seen.err).toContain("did you mean --stat?");
    expect(seen.err).toContain("ttl must be positive and cannot be larger than: 1099511627775");
  });

  test("ignores blank lines and comments", async () => {
    const { run, runner } = shellOn(new FakeTree());
    for (const line of ["", "   ", "# a comment"]) expect(await run(line)).toBe(0);
    expect(runner.lineNumber).toBe(0);
  });

  test("gives one JSON value per command, failures included", async () => {
    const { run, seen } = shellOn(new FakeTree().add("/a"), { json: true });
    for (
      const line of ["create /b \\xff", "get /b", "get /a", "ls -R /", "delete /b", "get /b", "get", "quit"]
    ) {
      await run(line);
    }
    const values = seen.out.trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(values).toMatchObject([
      { path: "/b" },
      { path: "/b", data: "/w==", encoding: "base64" },
      { path: "/a", data: null, encoding: null },
      { path: "/", count: 3, paths: ["/", "/a", "/b"] },
      { path: "/b" },
      { error: { code: "NONODE", path: "/b", message: "Node does not exist: /b" } },
      { error: { code: "USAGE" } },
      { quit: true },
    ]);
  });

  test("takes --json for a single command", async () => {
    const { run, seen } = shellOn(new FakeTree());
    await run("ls / --json");
    await run("get /nope --json");
    await run("ls /");
    const [list, error, text] = seen.out.trimEnd().split("\n");
    expect(JSON.parse(list)).toMatchObject({ path: "/", children: [] });
    expect(JSON.parse(error)).toMatchObject({ error: { code: "NONODE" } });
    expect(text).toBe("[]");
  });

  test("runs words of the command line as they are", async () => {
    const tree = new FakeTree();
    const { runner } = shellOn(tree);
    expect(await runner.runWords([new Word("create"), new Word("/a b"), new Word('"x"')])).toBe(0);
    expect(tree.nodes.get("/a b")).toEqual(new TextEncoder().encode('"x"'));
  });

  test("warns about old forms and still takes them", async () => {
    const { run, seen } = shellOn(new FakeTree().add("/a"));
    expect(await run("get /a true")).toBe(0);
    expect(await run("delete /a 3")).toBe(0);
    expect(seen.err).toContain("'get path [watch]' has been deprecated");
    expect(seen.err).toContain("'delete path [version]' has been deprecated");
  });

  test("needs no server for help, version, history and printwatches, even when closed", async () => {
    const { run, seen } = shellOn(new FakeTree());
    expect(await run("close")).toBe(0);
    for (const line of ["help", "help get", "version", "history", "printwatches", "get -h"]) {
      expect([line, await run(line)]).toEqual([line, 0]);
    }
    expect(await run("ls /")).toBe(1);
    expect(seen.err).toBe("Not connected\n");
  });
});

describe("history", () => {
  test("shows the last eleven lines with their numbers, itself included", async () => {
    const { run, seen } = shellOn(new FakeTree());
    for (let at = 0; at < 12; at++) await run(`stat /${at}`);
    await run("history");
    const lines = seen.out.trimEnd().split("\n");
    expect(lines.length).toBe(11);
    expect(lines[0]).toBe("2 - stat /2");
    expect(lines[10]).toBe("12 - history");
  });

  test("redo runs a line again in the place of its own", async () => {
    const { run, seen } = shellOn(new FakeTree());
    await run("create -s /n-");
    await run("ls /");
    expect(await run("redo 1")).toBe(0);
    expect(seen.out).toBe("Created /n-0000000000\n[n-0000000000]\n[n-0000000000]\n");
    await run("history");
    expect(seen.out).toContain("2 - ls /\n3 - history\n");
    expect(await run("redo 4")).toBe(2);
    await run("redo 0");
    expect(seen.err).toContain("Command index out of range");
  });

  test("hides secrets, and knows them by any spelling", async () => {
    const { run, runner, seen } = shellOn(new FakeTree());
    await run("addauth digest bob:secret");
    await run("ADDAUTH digest 'bob:secret'");
    await run("history");
    expect(seen.out).not.toContain("secret");
    expect(seen.out).toContain("0 - addauth digest ***");
    expect(runner.isSecret("  addauth digest x")).toBe(true);
    expect(runner.isSecret("get /addauth")).toBe(false);
  });
});

describe("watch events", () => {
  const event = { type: "NodeDeleted", path: "/a", state: "connected", zxid: 5 } as const;

  test("are printed unless they are turned off", async () => {
    const { run, runner, seen } = shellOn(new FakeTree());
    runner.watcher(event);
    await run("printwatches off");
    runner.watcher(event);
    expect(seen.events).toBe(
      "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDeleted path:/a zxid: 5\n",
    );
  });

  test("leave out what concerns the connection only", () => {
    const { runner, seen } = shellOn(new FakeTree());
    runner.watcher({ ...event, type: "None" });
    expect(seen.events).toBe("");
  });

  test("are JSON when all else is", () => {
    const { runner, seen } = shellOn(new FakeTree(), { json: true });
    runner.watcher(event);
    expect(JSON.parse(seen.events)).toEqual({
      event: { type: "NodeDeleted", state: "SyncConnected", path: "/a", zxid: "0x5" },
    });
  });
});

describe("deleteall", () => {
  function bigTree(): FakeTree {
    const tree = new FakeTree().add("/big", "/other");
    for (let at = 0; at < 50; at++) {
      tree.add(`/big/${at}`);
      for (let leaf = 0; leaf < 10; leaf++) tree.add(`/big/${at}/${leaf}`);
    }
    return tree;
  }

  test("deletes a subtree in transactions of the batch's size and leaves the rest", async () => {
    const tree = bigTree();
    const { run } = shellOn(tree);
    expect(await run("deleteall /big -b 100")).toBe(0);
    expect([...tree.nodes.keys()]).toEqual(["/", "/other"]);
    expect(tree.requests.filter((request) => request.startsWith("multi"))).toEqual([
      "multi 100",
      "multi 100",
      "multi 100",
      "multi 100",
      "multi 100",
      "multi 51",
    ]);
  });

  test("deletes one by one when the batch is 0, without waiting for each", async () => {
    const tree = bigTree();
    const { run } = shellOn(tree);
    expect(await run("deleteall /big -b 0")).toBe(0);
    expect([...tree.nodes.keys()]).toEqual(["/", "/other"]);
    expect(tree.underWayMost).toBeGreaterThan(50);
  });

  test("keeps a transaction small when paths are long", async () => {
    const tree = new FakeTree().add("/a");
    const long = "x".repeat(100_000);
    for (let at = 0; at < 6; at++) tree.add(`/a/${at}${long}`);
    const { run } = shellOn(tree);
    expect(await run("deleteall /a")).toBe(0);
    expect(tree.requests.filter((request) => request.startsWith("multi"))).toEqual([
      "multi 2",
      "multi 2",
      "multi 3",
    ]);
  });

  test("lists again when others create and delete in the tree meanwhile", async () => {
    const tree = new FakeTree().add("/a", "/a/x", "/a/y");
    let meddled = false;
    tree.beforeAnswer = (request) => {
      if (!request.startsWith("multi") || meddled) return;
      meddled = true;
      tree.nodes.delete("/a/x");
      tree.add("/a/late");
    };
    const { run, seen } = shellOn(tree);
    expect(await run("deleteall /a")).toBe(0);
    expect([...tree.nodes.keys()]).toEqual(["/"]);
    expect(seen.err).toBe("");
  });

  test("says so when part of the tree stays", async () => {
    const tree = new FakeTree().add("/a", "/a/x");
    tree.delete = (path) => {
      throw new NoAuthError(ErrorCode.noAuth, { op: "delete", path });
    };
    const { run, seen } = shellOn(tree);
    expect(await run("deleteall /a")).toBe(1);
    expect(seen.err).toStartWith("Failed to delete some node(s) in the subtree!\n");
  });

  test("ends at Ctrl-C", async () => {
    const tree = bigTree();
    const { run, runner, seen } = shellOn(tree);
    tree.beforeAnswer = () => runner.interrupt();
    expect(await run("deleteall /big")).toBe(1);
    expect(seen.err).toBe("Interrupted\n");
    expect(tree.nodes.has("/big")).toBe(true);
  });
});

describe("zkErrorSentence()", () => {
  const about = (code: number, path: string | null = "/a") => new ZkError(code, { op: "create", path });

  test("uses Apache's sentences, and KeeperErrorCode for the rest", () => {
    expect(zkErrorSentence(about(ErrorCode.noNode))).toBe("Node does not exist: /a");
    expect(zkErrorSentence(about(ErrorCode.badVersion))).toBe("version No is not valid : /a");
    expect(zkErrorSentence(about(ErrorCode.noAuth))).toBe("Insufficient permission : /a");
    expect(zkErrorSentence(about(ErrorCode.quotaExceeded))).toBe("Quota has exceeded : /a");
    expect(zkErrorSentence(about(ErrorCode.noWatcher))).toBe("KeeperErrorCode = No such watcher for /a");
    expect(zkErrorSentence(about(ErrorCode.reconfigDisabled, null))).toBe(
      "KeeperErrorCode = Reconfig is disabled",
    );
    expect(zkErrorSentence(about(-42))).toBe("KeeperErrorCode = Unknown error -42 for /a");
  });

  test("adds what the client knows about a lost connection", () => {
    const lost = new ConnectionLossError(true, { op: "setData", path: "/a", reason: "the server closed it" });
    const [first, second] = zkErrorSentence(lost).split("\n");
    expect(first).toBe("KeeperErrorCode = ConnectionLoss for /a");
    expect(second).toContain("the server closed it");
    expect(zkErrorSentence(new AuthFailedError(ErrorCode.authFailed, { op: "addAuth", path: null })))
      .toContain("KeeperErrorCode = AuthFailed\n");
  });
});
