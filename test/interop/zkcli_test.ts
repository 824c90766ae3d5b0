/**
 * Apache's own shell, zkCli, run on the server under test and on Apache 3.9.5: what it prints must be the
 * same, zxids included, once times and session ids are taken out.
 */
import { expect, test } from "bun:test";
import type { ApacheVersion, RunningServer } from "./apache_server.ts";
import { apacheProgram, runProgram } from "./client_programs.ts";
import { startFlavor, target } from "./target.ts";

const versions: ApacheVersion[] = ["3.8", "3.9.5"];
const shell = "org.apache.zookeeper.ZooKeeperMain";

const cfg = {
  // No session may expire meanwhile: that would be a txn more on one side.
  maxSessionTimeout: "3600000",
  extendedTypesEnabled: "true",
  enforceQuota: "true",
};

/** Commands and their edges, by subject; a fresh server runs them all in one session per subject. */
const scripts: Record<string, string[]> = {
  "creates znodes of every kind": [
    "create /a",
    "create /a/data hello",
    'create /a/quoted "two words"',
    "create -s /a/s- x",
    "create -s /a/s- x",
    "create -e /a/e x",
    "create -s -e /a/se- x",
    "create -c /a/container",
    "create -t 100000 /a/ttl x",
    "create -s -t 100000 /a/ttls- x",
    "create /a/acl x world:anyone:r",
    "create /a",
    "create /x/y",
    "create /a/e/below",
    "create relative",
    "create /a//b",
    "create -c -s /bad",
    "create -t 100 -e /bad",
    "create -t -5 /bad",
    "create",
    "ls /a",
    "ls -s /a",
    "ls -R /a",
    "ls /x",
  ],
  "gets and sets data": [
    "create /d hello",
    "get /d",
    "get -s /d",
    "set /d there",
    "set -s /d again",
    "set -v 2 /d third",
    "set -v 9 /d refused",
    "get -s /d",
    "create /null",
    "get /null",
    "get /x",
    "set /x y",
    "stat /d",
    "stat /x",
    "create /uml\u00fc\u00e4 \u6f22\u5b57",
    "get /uml\u00fc\u00e4",
  ],
  "deletes one, many and by version": [
    "create /del",
    "create /del/a",
    "create /del/a/b",
    "create /del/c",
    "delete /del",
    "delete -v 5 /del/c",
    "delete -v 0 /del/c",
    "delete /x",
    "deleteall /del",
    "ls /",
    "create /many",
    "create -s /many/n- x",
    "create -s /many/n- x",
    "create -s /many/n- x",
    "deleteall /many -b 2",
    "ls /",
  ],
  "shows and changes ACLs": [
    "create /acl x",
    "getAcl /acl",
    "getAcl -s /acl",
    "setAcl -s /acl world:anyone:cdrwa",
    "setAcl -v 9 /acl world:anyone:r",
    "setAcl /acl nonsense",
    "setAcl /acl auth::cdrwa",
    "addauth digest anna:secret",
    "setAcl /acl auth::cdrwa,ip:127.0.0.1:r",
    "getAcl /acl",
    "create /acl/b x auth::r",
    "create /acl/c x digest:anna:abcdefgh:r",
    "getAcl /acl/c",
    "setAcl -R /acl auth::cdra",
    "getAcl /acl/b",
    "set /acl denied",
    "whoami",
    "getAcl /x",
  ],
  "sets, lists, enforces and drops quotas": [
    "create /q hello",
    "setquota -n 3 /q",
    "setquota -b 100 /q",
    "listquota /q",
    "create /q/a x",
    "create /q/b xy",
    "create /q/c over",
    "listquota /q",
    "setquota -N 3 /q",
    "setquota -B 20 /q",
    "listquota /q",
    "create /q/d over",
    "set /q/a 0123456789012345678901234567890123456789",
    "delquota -n /q",
    "listquota /q",
    "delquota /q",
    "listquota /q",
    "setquota -n 1 /x",
    "setquota -n 1 /zookeeper",
    "ls -R /zookeeper",
  ],
  "counts, lists ephemerals and syncs": [
    "create /n",
    "create -e /n/e1",
    "create -e /n/e2",
    "create /n/p",
    "create /n/p/q",
    "getAllChildrenNumber /n",
    "getAllChildrenNumber /",
    "getAllChildrenNumber /x",
    "getEphemerals",
    "getEphemerals /n/e1",
    "getEphemerals /x",
    "sync /n",
    "sync /",
    "config",
    "get /zookeeper/config",
    "history",
    "redo 4",
    "nonsense",
    "version",
  ],
  "hears of changes": [
    "create /w 0",
    "get -w /w",
    "set /w 1",
    "set /w 2",
    "stat -w /w",
    "delete /w",
    "ls -w /",
    "create /w2",
    "addWatch /w2",
    "create /w2/a",
    "create /w2/a/b",
    "set /w2/a/b 1",
    "removewatches /w2",
    "addWatch -m PERSISTENT /w2",
    "set /w2 1",
    "create /w2/c",
    "removewatches /w2",
    "removewatches /w2",
    "create /w2/unheard",
  ],
};

/** What follows a script once so many events have been printed: zkCli does not wait for them when it ends. */
const afterEvents: Record<string, { events: number; lines: string[] }> = {
  "hears of changes": {
    events: 11,
    lines: ["printwatches", "printwatches off", "get -w /w2", "set /w2 unheard"],
  },
};

/** One-shot calls: words after the server's address, each a process of its own. */
const calls: string[][] = [
  ["create", "/one shot", "two words"],
  ["get", "/one shot"],
  ["get", "-s", "/x"],
  ["nonsense"],
];

interface Run {
  stdout: string[];
  stderr: string[];
  events: string[];
  code: number | null;
}

/** Takes out what differs between two runs of the same commands. */
function normalise(text: string, server: RunningServer): string {
  return text
    .replace(/\[zk: [^\]]*\] /g, "")
    .replaceAll(server.address, "SERVER")
    .replaceAll(String(server.port), "PORT")
    .replace(/^(ctime|mtime) = .*$/gm, "$1 = TIME")
    .replace(/0x1[0-9a-f]{14,15}\b/g, "SESSION")
    .replace(/\b72[0-9]{15,17}\b/g, "SESSION")
    // Sets, which Apache prints in the order of their hashes.
    .replace(/^\[(\/.*)\]$/gm, (_, list: string) => `[${list.split(", ").sort().join(", ")}]`)
    .replace(/(?:^(?:digest|ip|world): .*\n)+/gm, (users) => users.split(/(?<=\n)/).sort().join(""));
}

/** Events are printed by a thread of their own, anywhere between the answers: they are compared apart. */
function runOf(stdout: string, stderr: string, code: number | null, server: RunningServer): Run {
  const lines = normalise(stdout, server).split("\n")
    .filter((line) => line.trim() !== "" && line !== "WATCHER::");
  const isEvent = (line: string) => line.startsWith("WatchedEvent ");
  return {
    stdout: lines.filter((line) => !isEvent(line)),
    stderr: normalise(stderr, server).split("\n").filter((line) =>
      line.trim() !== "" && !/jline|^WARNING: Unable to create a system terminal/.test(line)
    ),
    // Its own closing it may tell or not. Servers before 3.9 do not tell the zxid.
    events: lines.filter((line) => isEvent(line) && !line.includes("state:Closed")).map((line) =>
      target === "apache-3.8" ? line.replace(/ zxid: -?\d+$/, "") : line
    ),
    code,
  };
}

async function runAll(version: ApacheVersion, server: RunningServer): Promise<Record<string, Run>> {
  const program = apacheProgram(version, shell, "-timeout", "3600000", "-server", server.address);
  const runs: Record<string, Run> = {};
  for (const [name, lines] of Object.entries(scripts)) {
    const { events, lines: rest } = afterEvents[name] ?? { events: 1, lines: [] };
    const { stdout, stderr, code } = await runProgram(program, [], {
      input: `${lines.join("\n")}\n`,
      then: {
        input: [...rest, "quit", ""].join("\n"),
        when: (printed) => printed.split("WatchedEvent ").length > events,
      },
    });
    runs[name] = runOf(stdout, stderr, code, server);
  }
  for (const words of calls) {
    const { stdout, stderr, code } = await runProgram(program, ["-waitforconnection", ...words]);
    runs[words.join(" ")] = runOf(stdout, stderr, code, server);
  }
  return runs;
}

for (const version of versions) {
  const [ours, theirs] = await Promise.all([
    startFlavor(target, { cfg }),
    startFlavor("apache-3.9.5", { cfg }),
  ]);
  const [got, expected] = await Promise.all([runAll(version, ours), runAll(version, theirs)]);
  await Promise.all([ours.stop(), theirs.stop()]);
  for (const name of Object.keys(expected)) {
    test(`zkCli ${version} ${name}`, () => {
      expect(expected[name].stdout.length).toBeGreaterThan(0);
      expect(got[name]).toEqual(expected[name]);
    });
  }
}
