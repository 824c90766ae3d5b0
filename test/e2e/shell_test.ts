/** `zoon shell` as a process, one-shot and with scripts, against a real server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { connect, type ZooKeeper } from "../../mod.ts";
import { freePort } from "../interop/apache_server.ts";
import {
  haveApache,
  type RunOptions,
  runProcess,
  runShell as runAny,
  shellCommand,
  type TestServer,
  testServer,
} from "./shell_harness.ts";

let server: TestServer;
let zk: ZooKeeper;
const base = `/shell-e2e-${process.pid}`;

beforeAll(async () => {
  server = await testServer();
  zk = await connect(server.address);
  await zk.create(base, null);
}, 120_000);

afterAll(async () => {
  await runAny(["-s", server.address, "deleteall", base]);
  await zk?.close();
  await server?.stop();
}, 60_000);

/** One command, words as given. */
const run = (...words: string[]) => runAny(["-s", server.address, ...words]);
/** A script, below a znode of its own. */
async function script(
  name: string,
  lines: readonly string[],
  flags: readonly string[] = [],
  options?: RunOptions,
) {
  await zk.create(`${base}/${name}`, null);
  return await runAny(["-s", `${server.address}${base}/${name}`, ...flags], {
    ...options,
    input: lines.map((line) => `${line}\n`).join(""),
  });
}

describe("one command", () => {
  test("prints its result on stdout and nothing else, and exits 0", async () => {
    expect(await run("create", `${base}/one`, "two words")).toEqual({
      code: 0,
      out: `Created ${base}/one\n`,
      err: "",
    });
    expect(await run("get", `${base}/one`)).toEqual({ code: 0, out: "two words\n", err: "" });
    expect(await run("set", `${base}/one`, '"quoted"')).toEqual({ code: 0, out: "", err: "" });
    expect((await run("get", "-s", `${base}/one`)).out).toMatch(
      /^"quoted"\ncZxid = 0x[0-9a-f]+\nctime = .+\nmZxid = .+\nmtime = .+\npZxid = .+\ncversion = 0\ndataVersion = 1\naclVersion = 0\nephemeralOwner = 0x0\ndataLength = 8\nnumChildren = 0\n$/,
    );
  });

  test("takes zkCli's own flags", async () => {
    const { code, out } = await runAny([
      "-server",
      server.address,
      "-timeout",
      "10000",
      "-r",
      "-waitforconnection",
      "ls",
      "-s",
      "/",
    ]);
    expect(code).toBe(0);
    expect(out).toContain("zookeeper]\ncZxid = 0x0\n");
  });

  test("exits 1 with Apache's sentence when it is refused", async () => {
    expect(await run("get", `${base}/missing`)).toEqual({
      code: 1,
      out: "",
      err: `Node does not exist: ${base}/missing\n`,
    });
  });

  test("exits 2 and suggests when it is typed wrongly", async () => {
    const command = await run("craete", "/a");
    expect(command.code).toBe(2);
    expect(command.err).toContain("did you mean create?");
    const flag = await run("ls", "--recursiv", "/");
    expect(flag.code).toBe(2);
    expect(flag.err).toContain("did you mean --recursive?");
    const ours = await runAny(["--serer", "x", "ls", "/"]);
    expect(ours.code).toBe(2);
    expect(ours.err).toContain("--server");
    const apaches = await runAny(["-sever", "x", "ls", "/"]);
    expect(apaches.code).toBe(2);
    expect(apaches.err).toContain("-server");
  });

  test("shows binary data safely and gives it exactly with -b, -x and --json", async () => {
    await zk.create(`${base}/binary`, Uint8Array.of(0, 27, 255, 65));
    expect((await run("get", `${base}/binary`)).out).toBe(String.raw`\x00\x1b\xffA` + "\n");
    expect((await run("get", "-b", `${base}/binary`)).out).toBe("ABv/QQ==\n");
    expect((await run("get", "-x", `${base}/binary`)).out).toContain("|00000000| 00 1b ff 41");
    const { out } = await run("--json", "get", `${base}/binary`);
    expect(JSON.parse(out)).toMatchObject({ data: "ABv/QQ==", encoding: "base64" });
  });

  test("ends its session, so that its ephemeral znodes are gone", async () => {
    expect((await run("create", "-e", `${base}/ephemeral`)).code).toBe(0);
    expect(await zk.exists(`${base}/ephemeral`)).toBeNull();
  });

  test("needs no server for help", async () => {
    const { code, out } = await runAny(["-s", "127.0.0.1:1", "help", "create"]);
    expect(code).toBe(0);
    expect(out).toStartWith("create [-s] [-e] [-c] [-t ttl] path [data] [acl]\n");
  });
});

describe("an unreachable server", () => {
  test("is named with the reason, for every server tried, in bounded time", async () => {
    const port = await freePort();
    const { code, out, err } = await runAny(["-s", `127.0.0.1:${port},no-such-host.invalid:2181`, "ls", "/"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toStartWith("Cannot connect to ZooKeeper:\n");
    expect(err).toContain(`127.0.0.1:${port}: connection refused`);
    expect(err).toContain("no-such-host.invalid:2181: ");
  }, 30_000);

  test("does not matter while another one serves", async () => {
    const port = await freePort();
    const { code, out } = await runAny(["-s", `127.0.0.1:${port},${server.address}`, "ls", base]);
    expect(code).toBe(0);
    expect(out).toStartWith("[");
  });

  test("that takes connections and says nothing is told apart", async () => {
    const mute = createServer(() => {});
    await new Promise<void>((done) => mute.listen(0, "127.0.0.1", done));
    try {
      const { port } = mute.address() as { port: number };
      const { code, err } = await runAny(["-s", `127.0.0.1:${port}`, "--timeout", "2000", "ls", "/"]);
      expect(code).toBe(1);
      expect(err).toContain(`127.0.0.1:${port}: takes connections but does not answer`);
    } finally {
      mute.close();
    }
  }, 30_000);
});

describe("a script", () => {
  test("runs its lines in order, with quotes, escapes and comments", async () => {
    const { code, out, err } = await script("lines", [
      "# a comment",
      "",
      String.raw`create /a "two\twords \x41"`,
      "get /a",
      "create '/b c' x",
      String.raw`get /b\ c`,
      'set /a {"x":1}',
      "get /a",
    ]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe('Created /a\ntwo\twords A\nCreated /b c\nx\n{"x":1}\n');
  });

  test("stops at the first failing command with exit 1 and says where", async () => {
    const result = await script("stops", ["create /a", "get /nope", "create /b"]);
    expect(result).toEqual({
      code: 1,
      out: "Created /a\n",
      err: "Node does not exist: /nope\nStopped at line 2: get /nope\n",
    });
  });

  test("goes on with --keep-going and still exits 1", async () => {
    const result = await script("keeps", ["get /nope", "create /b"], ["--keep-going"]);
    expect(result).toEqual({ code: 1, out: "Created /b\n", err: "Node does not exist: /nope\n" });
  });

  test("ends at quit", async () => {
    expect((await script("quits", ["create /a", "quit", "create /b"])).out).toBe("Created /a\n");
  });

  test("gives one JSON value a line, failures included", async () => {
    const { out, code } = await script(
      "json",
      [
        "create /a x",
        "get /a",
        "ls /",
        "stat /a",
        "getAcl /a",
        "get /nope",
        "set /a y",
        "whoami",
        "delete /a",
      ],
      ["--json", "--keep-going"],
    );
    expect(code).toBe(1);
    const values = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(values).toMatchObject([
      { path: "/a" },
      { path: "/a", data: "x", encoding: "utf8", stat: { version: 0 } },
      { children: ["a"] },
      { stat: { dataLength: 1 } },
      { acl: [{ scheme: "world", id: "anyone", perms: "cdrwa" }] },
      { error: { code: "NONODE" } },
      { stat: { version: 1 } },
      [{ scheme: "ip" }],
      { path: "/a" },
    ]);
  });

  test("prints watch events before the answer of the command that caused them", async () => {
    const { out } = await script("watches", [
      "create /a",
      "get -w /a",
      "set /a x",
      "set /a y",
      "stat -w /b",
      "create /b",
      "ls -w /",
      "delete /b",
    ], ["--keep-going"]);
    const event = (type: string, path: string) =>
      new RegExp(
        `\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:${type} path:${path} zxid: -?\\d+\n`,
      );
    expect(out).toMatch(event("NodeDataChanged", "/a"));
    expect(out.split("NodeDataChanged").length).toBe(2);
    expect(out).toMatch(event("NodeCreated", "/b"));
    expect(out).toMatch(event("NodeChildrenChanged", "/"));
    expect(out.indexOf("NodeCreated")).toBeLessThan(out.indexOf("Created /b"));
  });

  test("watches, removes watches and switches their printing", async () => {
    const { out, err } = await script("persistent", [
      "create /a",
      "addWatch /a",
      "create /a/b",
      "set /a x",
      "removewatches /a",
      "set /a y",
      "addWatch -m persistent /a",
      "printwatches off",
      "set /a z",
      "printwatches",
      "removewatches /nope",
    ], ["--keep-going"]);
    expect(out.match(/type:\w+ path:\S+/g)).toEqual([
      "type:NodeCreated path:/a/b",
      "type:NodeDataChanged path:/a",
      "type:PersistentWatchRemoved path:/a",
    ]);
    expect(out).toEndWith("printwatches is off\n");
    expect(err).toBe("KeeperErrorCode = No such watcher for /nope\n");
  });

  test("sets ACLs of a whole subtree and adds ids", async () => {
    const { out, err, code } = await script("acl", [
      "create /a",
      "create /a/b",
      "addauth digest bob:secret",
      "whoami",
      "setAcl -R /a auth::cdrwa",
      "getAcl /a/b",
      "setAcl -s -v 1 /a world:anyone:r",
      "set /a x",
    ]);
    expect(out).toMatch(
      /^Created \/a\nCreated \/a\/b\nAuth scheme: User\n(ip: \S+\ndigest: bob|digest: bob\nip: \S+)\n'digest,'bob:.+\n: cdrwa\ncZxid/,
    );
    expect(out).toContain("aclVersion = 2\n");
    expect(err).toBe("Insufficient permission : /a\nStopped at line 8: set /a x\n");
    expect(code).toBe(1);
    // Opened again, so that the end of this file can remove it.
    const bob = await connect(server.address, { auth: [{ scheme: "digest", auth: "bob:secret" }] });
    for (const path of ["/a", "/a/b"]) {
      const open = [{ scheme: "world", id: "anyone", perms: 31 }];
      await bob.setAcl(`${base}/acl${path}`, open).catch(() => {});
    }
    await bob.close();
  });

  test("closes and connects again", async () => {
    const { out, err, code } = await script("connect", ["close", "ls /", "connect", "ls /"], [
      "--keep-going",
    ]);
    expect({ out, err, code }).toEqual({ out: "[]\n", err: "Not connected\n", code: 1 });
  });
});

describe("SIGINT", () => {
  test("ends a script and its session at once", async () => {
    const path = `${base}/interrupted`;
    const child = spawn(shellCommand[0], [...shellCommand.slice(1), "-s", server.address], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ZOON_HISTORY: "" },
    });
    const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
    const created = new Promise((done) => child.stdout.once("data", done));
    child.stdin.write(`create -e ${path}\n`);
    await created;
    expect(await zk.exists(path)).not.toBeNull();
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(await zk.exists(path)).toBeNull();
  }, 30_000);
});

describe("quotas", () => {
  const path = `${base}/quota`;

  test("are set, listed, changed and deleted", async () => {
    await zk.create(path, "12345");
    await zk.create(`${path}/child`, null);
    const result = await runAny(["-s", server.address, "--keep-going"], {
      input: [
        `setquota -n 1 ${path}`,
        `listquota ${path}`,
        `setquota -B 1000 ${path}`,
        `setquota -n 5 ${path}/child`,
        `delquota -n ${path}`,
        `listquota ${path}`,
        `delquota ${path}`,
        `listquota ${path}`,
        `delquota ${path}`,
        `setquota -n 5 ${path}/nope`,
        `setquota -n 5 ${path}/child`,
        `setquota -n 5 ${path}`,
        `delquota ${path}/child`,
        "",
      ].join("\n"),
    });
    expect(result.out).toBe(
      "[Warning]: the count quota you create is less than the existing count:2\n" +
        `Output quota for ${path} count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=-1\n` +
        `Output stat for ${path} count=2,bytes=5\n` +
        "[Warning]: the count quota you create is less than the existing count:2\n" +
        `Output quota for ${path} count=-1,bytes=-1=;byteHardLimit=1000;countHardLimit=-1\n` +
        `Output stat for ${path} count=2,bytes=5\n` +
        `Quota does not exist for ${path}\n`,
    );
    const limits = `/zookeeper/quota${path}/zookeeper_limits`;
    expect(result.err).toBe(
      `absolute path is ${limits}\n` +
        `${path}/child has a parent ${path} which has a quota\n` +
        `absolute path is ${limits}\n` +
        `absolute path is ${limits}\nquota for ${path} does not exist.\n` +
        `${path}/nope does not exist.\n` +
        `${path} has a child ${path}/child which has a quota\n`,
    );
    expect(await zk.exists(`/zookeeper/quota${base}`)).toBeNull();
  });
});

describe("large work", () => {
  const big = `${base}/big`;
  const directories = 60;
  const leaves = 200;

  test("lists a big tree through a slow pipe without losing a byte", async () => {
    const name = "a-name-long-enough-to-make-the-listing-more-than-a-megabyte-".padEnd(90, "x");
    await zk.create(big, null);
    await Promise.all(Array.from({ length: directories }, (_, at) => {
      const multi = zk.multi().create(`${big}/d${at}`, null);
      for (let leaf = 0; leaf < leaves; leaf++) multi.create(`${big}/d${at}/${name}${leaf}`, null);
      return multi.commit();
    }));
    const { out, err, code } = await runAny(["-s", server.address, "ls", "-R", big], { readDelayMs: 10 });
    expect({ err, code }).toEqual({ err: "", code: 0 });
    expect(out.length).toBeGreaterThan(1_000_000);
    const paths = out.trimEnd().split("\n");
    expect(paths.length).toBe(1 + directories * (1 + leaves));
    expect(paths.slice(0, 3)).toEqual([big, `${big}/d0`, `${big}/d1`]);
    expect(paths.at(-1)).toStartWith(`${big}/d9/`);
    expect(new Set(paths).size).toBe(paths.length);
    expect(Number((await run("getAllChildrenNumber", big)).out)).toBe(paths.length - 1);
  }, 120_000);

  test("prints a znode of nearly a megabyte through a slow pipe", async () => {
    const text = "z".repeat(1_000_000);
    await zk.create(`${base}/large`, text);
    const { out } = await runAny(["-s", server.address, "get", `${base}/large`], { readDelayMs: 10 });
    expect(out === `${text}\n`).toBe(true);
  }, 60_000);

  test("stops quietly when nobody reads any more", async () => {
    const child = spawn(shellCommand[0], [...shellCommand.slice(1), "-s", server.address, "ls", "-R", big], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ZOON_HISTORY: "" },
    });
    const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
    let err = "";
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await ended).toBe(0);
    expect(err).toBe("");
  }, 60_000);

  test("deletes a big tree in transactions", async () => {
    expect(await run("deleteall", big)).toEqual({ code: 0, out: "", err: "" });
    expect(await zk.exists(big)).toBeNull();
  }, 120_000);
});

describe("beside Apache's own shell", () => {
  const lines = [
    "create /a one",
    "create -s /a/s- two",
    "create -e /a/e x",
    "create -c /a/c",
    "create -t 100000 /a/t ttl",
    'create /a/q "two words"',
    "get /a",
    "get -s /a",
    "get /a/q",
    "ls /a",
    "ls -s /a",
    "ls -R /a",
    "stat /a/e",
    "set /a hello",
    "set -s -v 1 /a hello2",
    "set -v 9 /a hello3",
    "getAcl /a",
    "getAcl -s /a",
    "create /a/acl d world:anyone:cdra,ip:127.0.0.1:rw",
    "getAcl /a/acl",
    "setAcl -s /a/acl world:anyone:cdrwa",
    "setAcl /a/acl nonsense,world:anyone:cdrwaz",
    "getAllChildrenNumber /a",
    "getEphemerals /nothing",
    "addauth digest bob:secret",
    "create /a/auth x auth::cdrwa",
    "getAcl /a/auth",
    "sync /a",
    "config",
    "config -c",
    "printwatches",
    "delete -v 77 /a/auth",
    "delete /a",
    "create /a",
    "create /nope/x",
    "create /a/e/x",
    "create -e -c /zz",
    "create -t 0 /zz",
    "create -t x /zz",
    "create -e -t 5 /zz",
    "create /zz x foo:bar:r",
    "get /a/",
    "get a",
    "get /a//x",
    "get /nope",
    "delete /nope",
    "deleteall /nope",
    "removewatches /a",
    "listquota /a",
    "get",
    "create",
    "setAcl /a",
    "deleteall /a",
    "ls /",
    "history",
  ];

  test.skipIf(!haveApache)(
    "prints the same lines for the same commands (skipped where Debian's zookeeper is not installed)",
    async () => {
      const ours = await script("same", lines, ["--keep-going"]);
      // A znode of the same depth, so that paths have equal length.
      await zk.create(`${base}/them`, null);
      const classpath = "/usr/share/java/*";
      const theirs = await runProcess(
        [
          "java",
          "-cp",
          classpath,
          "org.apache.zookeeper.ZooKeeperMain",
          "-server",
          `${server.address}${base}/them`,
        ],
        { input: `${lines.join("\n")}\n` },
      );
      expect(comparable(ours.out + ours.err)).toEqual(comparable(theirs.out + theirs.err));
    },
    60_000,
  );

  /** Lines without noise, times and ids, sorted, as zkCli writes results to both of its outputs. */
  function comparable(text: string): string[] {
    return text.split("\n")
      .filter((line) => !/^(SLF4J|log4j|Connecting to|Welcome|JLine|WATCHER|WatchedEvent|$)/.test(line))
      .map((line) =>
        line.replace(/^(.Zxid|.time|ephemeralOwner) = .+/, "$1")
          // One blank of config -c on a standalone server.
          .trimEnd()
          // The option text of 3.10 has grown.
          .replace("get [-s] [-w] [-b] [-x] path", "get [-s] [-w] path")
      )
      .filter((line) => line !== "")
      .sort();
  }
});
