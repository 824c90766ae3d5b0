import { describe, expect, test } from "bun:test";
import { DiskError } from "../../../src/base/disk.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { type EnsembleConfig } from "../../../src/config/server_config.ts";
import { loadServerConfig } from "../../../src/config/zoo_cfg.ts";
import { type Membership, membershipText } from "../../../src/quorum/membership.ts";
import { parseMembershipText } from "../../../src/quorum/membership_text.ts";
import { DynamicConfig } from "../../../src/storage/dynamic_config.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";

const zooCfg = "/etc/zk/zoo.cfg";
const servers = "server.1=a:2888:3888;2181\nserver.2=b:2888:3888;2181\nserver.3=c:2888:3888;2181\n";
const staticCfg = `# The ensemble of the west.
dataDir=/data
tickTime = 2000

initLimit=10\r
syncLimit=5
reconfigEnabled=true
peerType=participant
clientPort=2181
clientPortListenBacklog=50
${servers}! The end`;

const first = membership(0x100000000);
const second = membership(0x100000005, "server.4=zoë:2888:3888:observer;2181");
const third = membership(0x200000000, "group.1=1:2", "group.2=3", "weight.3=2");

function membership(version: number, ...lines: string[]): Membership {
  return parseMembershipText([servers.trim(), ...lines, `version=${version.toString(16)}`].join("\n"));
}

function diskWith(cfg: string): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(zooCfg, new TextEncoder().encode(cfg));
  return disk;
}

function textOf(disk: MemoryDisk, name: string): string {
  return new TextDecoder().decode(disk.bytesOf(`/etc/zk/${name}`));
}

/** What a server would begin with, by what is on the disk. */
function begin(disk: MemoryDisk): EnsembleConfig {
  const { config } = loadServerConfig({
    file: zooCfg,
    overrides: [],
    serverId: 1,
    readFile: (path) => disk.exists(path) ? disk.bytesOf(path) : undefined,
  });
  if (config.ensemble === undefined) throw new Error("the server would be standalone");
  return config.ensemble;
}

describe("a membership on disk", () => {
  test("is kept before it is known to be committed, with its version", () => {
    const disk = diskWith(staticCfg);
    new DynamicConfig(disk, zooCfg, 1).propose(first);
    expect(textOf(disk, "zoo.cfg.dynamic.next")).toBe(
      "server.1=a:2888:3888:participant;0.0.0.0:2181\nserver.2=b:2888:3888:participant;0.0.0.0:2181\n" +
        "server.3=c:2888:3888:participant;0.0.0.0:2181\nversion=100000000",
    );
    expect(disk.openFiles).toBe(0);
  });

  test("moves out of zoo.cfg, whose other lines stay as they are", () => {
    const disk = diskWith(staticCfg);
    const files = new DynamicConfig(disk, zooCfg, 1);
    files.backUp();
    files.propose(first);
    files.commit(first, true);
    expect(textOf(disk, "zoo.cfg")).toBe(`# The ensemble of the west.
dataDir=/data
tickTime = 2000

initLimit=10\r
syncLimit=5
reconfigEnabled=true
clientPortListenBacklog=50
! The end
dynamicConfigFile=/etc/zk/zoo.cfg.dynamic.100000000
`);
    expect(textOf(disk, "zoo.cfg.bak")).toBe(staticCfg);
    expect(disk.list("/etc/zk").sort()).toEqual(["zoo.cfg", "zoo.cfg.bak", "zoo.cfg.dynamic.100000000"]);
    expect(membershipText(begin(disk).membership)).toBe(membershipText(first));
    expect(disk.openFiles).toBe(0);
  });

  test("changes from file to file, and the old files stay", () => {
    const disk = diskWith(staticCfg);
    const files = new DynamicConfig(disk, zooCfg, 1);
    files.commit(first, true);
    files.propose(second);
    expect(membershipText(begin(disk).membership)).toBe(membershipText(first));
    expect(membershipText(begin(disk).lastSeen!)).toBe(membershipText(second));
    files.commit(second, true);
    expect(begin(disk).lastSeen).toBeUndefined();
    expect(membershipText(begin(disk).membership)).toBe(membershipText(second));
    files.propose(third);
    files.commit(third, true);
    expect(membershipText(begin(disk).membership)).toBe(membershipText(third));
    expect(textOf(disk, "zoo.cfg").match(/dynamicConfigFile/g)).toHaveLength(1);
    expect(textOf(disk, "zoo.cfg.dynamic.200000000").split("\n")).toEqual([
      "group.1=1:2",
      "group.2=3",
      "server.1=a:2888:3888:participant;0.0.0.0:2181",
      "server.2=b:2888:3888:participant;0.0.0.0:2181",
      "server.3=c:2888:3888:participant;0.0.0.0:2181",
      "weight.1=1",
      "weight.2=1",
      "weight.3=2",
    ]);
    expect(disk.list("/etc/zk").filter((name) => name.includes(".dynamic.")).length).toBe(3);
  });

  test("stays proposed while an older one is committed", () => {
    const disk = diskWith(staticCfg);
    const files = new DynamicConfig(disk, zooCfg, 1);
    files.commit(first, true);
    files.propose(third);
    files.commit(second, false);
    expect(membershipText(begin(disk).membership)).toBe(membershipText(second));
    expect(membershipText(begin(disk).lastSeen!)).toBe(membershipText(third));
  });

  test("leaves the client port of zoo.cfg where the membership has none", () => {
    const list = servers.replaceAll(";2181", "");
    const disk = diskWith(staticCfg.replace(servers, list));
    new DynamicConfig(disk, zooCfg, 1).commit(parseMembershipText(`${list}version=5`), true);
    expect(textOf(disk, "zoo.cfg")).toContain("\nclientPort=2181\n");
  });

  test("writes hosts of other scripts so that they are read back", () => {
    const disk = diskWith(staticCfg);
    new DynamicConfig(disk, zooCfg, 1).commit(second, true);
    expect(textOf(disk, "zoo.cfg.dynamic.100000005")).toContain("server.4=zo\\u00eb:2888");
    expect(begin(disk).membership.servers[3].addresses[0].host).toBe("zoë");
  });

  test("keeps bytes of zoo.cfg that are no UTF-8", () => {
    const disk = new MemoryDisk();
    const head = [0x23, 0x20, 0xe9, 0xff, 0x0a];
    disk.put(zooCfg, Uint8Array.from([...head, ...new TextEncoder().encode(staticCfg)]));
    new DynamicConfig(disk, zooCfg, 1).commit(first, true);
    expect([...disk.bytesOf(zooCfg).slice(0, 5)]).toEqual(head);
  });

  test("is backed up again only when zoo.cfg is another one", () => {
    const disk = diskWith(staticCfg);
    const files = new DynamicConfig(disk, zooCfg, 1);
    files.backUp();
    let writes = 0;
    disk.fault = ({ operation }) => {
      if (operation === "write") writes++;
      return null;
    };
    files.backUp();
    expect(writes).toBe(0);
    disk.put(zooCfg, new TextEncoder().encode(`${staticCfg}\nautopurge.purgeInterval=1`));
    files.backUp();
    expect(textOf(disk, "zoo.cfg.bak")).toEndWith("purgeInterval=1");
  });
});

describe("when the disk fails or the machine stops", () => {
  /** Counts the calls of one change and then fails from the n-th on, for every n. */
  function atEveryCall(check: (disk: MemoryDisk, told: "nothing" | "proposed" | "committed") => void) {
    for (const loss of ["order", "sectors"] as const) {
      for (let seed = 0; seed < 6; seed++) {
        for (let failing = 0;; failing++) {
          const disk = diskWith(staticCfg);
          const files = new DynamicConfig(disk, zooCfg, 1);
          files.commit(first, true);
          let calls = 0;
          disk.fault = () => calls++ >= failing ? "EIO" : null;
          let told: "nothing" | "proposed" | "committed" = "nothing";
          try {
            files.propose(second);
            told = "proposed";
            files.commit(second, true);
            told = "committed";
          } catch (error) {
            expect(error).toBeInstanceOf(DiskError);
          }
          disk.fault = null;
          expect(disk.openFiles).toBe(0);
          disk.crash(seededRandom(seed), loss);
          check(disk, told);
          if (told === "committed") break;
        }
      }
    }
  }

  test("a server begins with the old membership, or the new one, and forgets neither once told", () => {
    atEveryCall((disk, told) => {
      const { membership, lastSeen } = begin(disk);
      const at = `${membership.version.toString(16)} ${lastSeen?.version.toString(16)}`;
      const old = "100000000 undefined";
      const proposed = "100000000 100000005";
      const committed = "100000005 undefined";
      if (told === "committed") expect(at).toBe(committed);
      else if (told === "proposed") expect([proposed, committed]).toContain(at);
      else expect([old, proposed]).toContain(at);
      if (membership.version === second.version) {
        expect(membershipText(membership)).toBe(membershipText(second));
      }
      if (lastSeen !== undefined) expect(membershipText(lastSeen)).toBe(membershipText(second));
    });
  });

  test("the change can be made again", () => {
    atEveryCall((disk) => {
      const files = new DynamicConfig(disk, zooCfg, 1);
      files.propose(second);
      files.commit(second, true);
      expect(membershipText(begin(disk).membership)).toBe(membershipText(second));
    });
  });

  test("a full disk is told, and nothing is lost", () => {
    const disk = diskWith(staticCfg);
    const files = new DynamicConfig(disk, zooCfg, 1);
    files.commit(first, true);
    disk.fault = ({ operation }) => operation === "write" ? "ENOSPC" : null;
    expect(() => files.propose(second)).toThrow("ENOSPC");
    expect(() => files.commit(second, true)).toThrow("ENOSPC");
    expect(membershipText(begin(disk).membership)).toBe(membershipText(first));
    expect(begin(disk).lastSeen).toBeUndefined();
    expect(disk.openFiles).toBe(0);
  });
});
