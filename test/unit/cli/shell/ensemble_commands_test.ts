import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BadArgumentsError,
  BadVersionError,
  ErrorCode,
  NoAuthError,
  type NodeData,
  type ReconfigRequest,
  type Stat,
  type WatchOption,
  ZkError,
  type ZooKeeper,
} from "../../../../mod.ts";
import { commandTable } from "../../../../cli/shell/command_table.ts";
import { membersOf, reconfigProblem } from "../../../../cli/shell/config_text.ts";
import { ShellRunner } from "../../../../cli/shell/shell_runner.ts";

const directory = mkdtempSync(join(tmpdir(), "zoon-reconfig-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const config =
  "server.1=a:1:2:participant;0.0.0.0:5\nserver.2=b:1:2:participant;0.0.0.0:5\nversion=100000000";
const stat: Stat = {
  czxid: 0,
  mzxid: 0x100000000,
  ctime: 0,
  mtime: 0,
  version: -1,
  cversion: 0,
  aversion: -1,
  ephemeralOwner: 0n,
  dataLength: config.length,
  numChildren: 0,
  pzxid: 0,
};

/** A shell on an ensemble of two, whose leader refuses changes with `refusal`. */
function shellOn(refusal?: ZkError) {
  const seen = { out: "", err: "", requests: [] as ReconfigRequest[], watches: 0 };
  const answer = (): NodeData => ({ data: new TextEncoder().encode(config), stat });
  const client = {
    getConfig(options?: WatchOption) {
      if (options?.watch !== undefined) seen.watches++;
      return Promise.resolve(answer());
    },
    reconfig(request: ReconfigRequest) {
      seen.requests.push(request);
      return refusal === undefined ? Promise.resolve(answer()) : Promise.reject(refusal);
    },
  } as unknown as ZooKeeper;
  const session = {
    closed: false,
    client: () => Promise.resolve(client),
    connect: () => Promise.resolve(),
    close: () => Promise.resolve(),
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
    printEvent() {},
    progressLine: null,
    now: () => 0,
  }, { json: false });
  return { seen, run: (line: string) => runner.runLine(line) };
}

/** @returns The one request that a line sends. */
async function requestOf(line: string): Promise<ReconfigRequest> {
  const { seen, run } = shellOn();
  expect([line, await run(line), seen.err]).toEqual([line, 0, ""]);
  expect(seen.requests).toHaveLength(1);
  return seen.requests[0];
}

/** @returns What a line that sends nothing is told. */
async function misuseOf(line: string): Promise<string> {
  const { seen, run } = shellOn();
  expect([line, await run(line)]).toEqual([line, 2]);
  expect(seen.requests).toEqual([]);
  return seen.err;
}

describe("config", () => {
  test("prints the members and the version", async () => {
    const { seen, run } = shellOn();
    await run("config");
    expect(seen.out).toBe(`${config}\n`);
  });

  test("-c prints version and client addresses, -s the Stat behind, -w watches", async () => {
    const { seen, run } = shellOn();
    await run("config -c");
    expect(seen.out).toBe("100000000 0.0.0.0:5,0.0.0.0:5\n");
    expect(seen.watches).toBe(0);
    await run("config -w -s");
    expect(seen.watches).toBe(1);
    expect(seen.out).toContain(`${config}\ncZxid = 0x0\n`);
    expect(seen.out).toContain("\ndataVersion = -1\n");
  });
});

describe("reconfig", () => {
  test("-add and -remove change some members, and may be given more than once", async () => {
    expect(await requestOf('reconfig -add "server.3=C:1:2;5" -remove 2 -remove 1')).toEqual({
      joining: "server.3=c:1:2;5",
      leaving: "2,1",
      fromConfig: -1,
    });
    expect(await requestOf("reconfig -add 3=c:1:2:OBSERVER;5,4=d:1:2;5")).toMatchObject({
      joining: "3=c:1:2:observer;5,4=d:1:2;5",
      leaving: undefined,
    });
  });

  test("-members names all of them", async () => {
    const request = await requestOf("reconfig -members server.1=a:1:2;5 -members server.9=z:1:2;5");
    expect(request).toEqual({ newMembers: "server.1=a:1:2;5,server.9=z:1:2;5", fromConfig: -1 });
  });

  test("-file names all of them too, in lines of a zoo.cfg or a dynamic file", async () => {
    const path = join(directory, "members");
    writeFileSync(path, "# new\ntickTime=5\nserver.2 = B:1:2;5\nserver.1=a:1:2:observer\n");
    expect((await requestOf(`reconfig -file ${path}`)).newMembers).toBe(
      "server.1=a:1:2:observer\nserver.2=B:1:2:participant;0.0.0.0:5",
    );
  });

  test("-v says from which version, in hexadecimal", async () => {
    expect((await requestOf("reconfig -remove 2 -v 100000001")).fromConfig).toBe(0x100000001);
    expect(await misuseOf("reconfig -remove 2 -v zz")).toContain("-v must be followed by a long");
  });

  test("prints what was committed, and with -s its Stat", async () => {
    const { seen, run } = shellOn();
    await run("reconfig -remove 2");
    expect(seen.out).toBe(`Committed new configuration:\n${config}\n`);
    await run("reconfig -s -remove 2");
    expect(seen.out).toContain(`${config}\ncZxid = 0x0\n`);
  });

  test("is either of one kind or of the other", async () => {
    expect(await misuseOf("reconfig")).toContain("reconfig [-s] [-v version] [[-file path]");
    expect(await misuseOf("reconfig -remove 2 -members server.1=a:1:2;5")).toContain(
      "Can't use -file or -members together with -add or -remove",
    );
    expect(await misuseOf("reconfig -file f -members server.1=a:1:2;5")).toContain(
      "Can't use -file and -members together",
    );
  });

  test("refuses a file that is not there or makes no ensemble", async () => {
    const path = join(directory, "broken");
    expect(await misuseOf(`reconfig -file ${path}`)).toContain(`Error processing ${path}: `);
    writeFileSync(path, "server.1=a:1:1\n");
    expect(await misuseOf(`reconfig -file ${path}`)).toBe(
      `Error processing ${path}: server.1=a:1:1 must have different quorum and election ports\n`,
    );
  });

  test("says what is wrong where the server says only that something is", async () => {
    const { seen, run } = shellOn(
      new BadArgumentsError(ErrorCode.badArguments, { op: "reconfig", path: null }),
    );
    expect(await run("reconfig -remove 1")).toBe(1);
    expect(await run("reconfig -add 3=c:1:2")).toBe(1);
    expect(await run("reconfig -add 3=c:1:2;5")).toBe(1);
    expect(seen.err).toBe(
      "Arguments are not valid : it would leave 1 voter, and 2 are needed\n" +
        'Arguments are not valid : "3=c:1:2" must have a client port\n' +
        "Arguments are not valid : \n",
    );
  });

  test("says who may do it, and what the version is, where Apache's words say nothing", async () => {
    const mayNot = shellOn(new NoAuthError(ErrorCode.noAuth, { op: "reconfig", path: null }));
    expect(await mayNot.run("reconfig -remove 3")).toBe(1);
    expect(mayNot.seen.err).toBe(
      "Insufficient permission : only the super user may do it (addauth digest super:…), or anybody where zoo.cfg " +
        "has skipACL=yes\n",
    );
    const late = shellOn(new BadVersionError(ErrorCode.badVersion, { op: "reconfig", path: null }));
    expect(await late.run("reconfig -v 12 -remove 3")).toBe(1);
    expect(late.seen.err).toBe("version No is not valid : the members have version 100000000\n");
  });

  test("passes on other refusals in Apache's words", async () => {
    const { seen, run } = shellOn(new ZkError(ErrorCode.newConfigNoQuorum, { op: "reconfig", path: null }));
    expect(await run("reconfig -remove 1")).toBe(1);
    expect(seen.err).toStartWith("No quorum of new config is connected and up-to-date with the leader");
  });
});

test("the members of a file are checked and put in order", () => {
  expect(membersOf("# c\ntickTime=1\nserver.2 = b:1:2;3\nserver.1=a:1:2\ngroup.1=1:2\nversion=5")).toBe(
    "server.1=a:1:2:participant\nserver.2=b:1:2:participant;0.0.0.0:3\ngroup.1=1:2\nweight.1=1\nweight.2=1",
  );
  expect(() => membersOf("tickTime=1")).toThrow("no servers are listed");
});

test("a problem is found only in a config that is one", () => {
  expect(reconfigProblem({ leaving: "1" }, config)).toBe("it would leave 1 voter, and 2 are needed");
  expect(reconfigProblem({ leaving: ["1", 2] }, config)).toBe("it would leave 0 voters, and 2 are needed");
  expect(reconfigProblem({ newMembers: ["server.1=a:1:2;3", "server.4=d:1:2;3"] }, config)).toBeUndefined();
  expect(reconfigProblem({ leaving: "1" }, "")).toBeUndefined();
});
