import { describe, expect, test } from "bun:test";
import { loadServerConfig } from "../../../src/config/zoo_cfg.ts";
import { load, refusal } from "./_load.ts";

const base = "dataDir=/data\ninitLimit=10\nsyncLimit=5\n";
const three =
  "server.2=b:2888:3888\nserver.10=c:2888:3888:observer;2182\nserver.1=a:2888:3888:participant;h:2181\n";
const withId = (id: string) => ({ "/data/myid": id });

describe("the server list", () => {
  test("is read in every form, ordered by id", () => {
    const { config } = load({ cfg: `${base}${three}server.3=[::1]:1:2;[fe80::2]:3\n`, files: withId("2") });
    expect(config.ensemble?.membership).toEqual({
      servers: [
        {
          id: 1,
          addresses: [{ host: "a", quorumPort: 2888, electionPort: 3888 }],
          observer: false,
          client: { host: "h", port: 2181 },
        },
        {
          id: 2,
          addresses: [{ host: "b", quorumPort: 2888, electionPort: 3888 }],
          observer: false,
          client: undefined,
        },
        {
          id: 3,
          addresses: [{ host: "::1", quorumPort: 1, electionPort: 2 }],
          observer: false,
          client: { host: "fe80::2", port: 3 },
        },
        {
          id: 10,
          addresses: [{ host: "c", quorumPort: 2888, electionPort: 3888 }],
          observer: true,
          client: { host: "0.0.0.0", port: 2182 },
        },
      ],
      groups: undefined,
      weights: new Map(),
      version: 0,
    });
    expect(config.serverId).toBe(2);
    expect(config.ensemble).toMatchObject({ initLimitTicks: 10, syncLimitTicks: 5, electionConnectMs: 5000 });
  });

  test("may give a server several addresses only when that is switched on", () => {
    const list = "server.1=a:1:2|b:1:2\nserver.2=c:1:2\nserver.3=d:1:2\n";
    expect(refusal({ cfg: base + list, files: withId("1") })).toBe(
      "zoo.cfg:4: server.1=a:1:2|b:1:2 names several addresses, which needs multiAddress.enabled=true",
    );
    const { config } = load({ cfg: `${base}multiAddress.enabled=true\n${list}`, files: withId("1") });
    expect(config.ensemble?.membership.servers[0].addresses.map(({ host }) => host)).toEqual(["a", "b"]);
  });

  for (
    const [line, rule] of [
      ["server.x=a:1:2", "must be named server.N with N a whole number"],
      ["server.1=a", "must look like host:quorumPort:electionPort"],
      ["server.1=a:1", "must look like host:quorumPort:electionPort"],
      ["server.1=a:1:2:observer:x", "must look like host:quorumPort:electionPort"],
      ["server.1=a:1:2;3;4", "must look like host:quorumPort:electionPort"],
      ["server.1=a:1:2;h:x", "must look like host:quorumPort:electionPort"],
      ["server.1=[::1:1:2", "must look like host:quorumPort:electionPort"],
      ["server.1=a:1:70000", "must have ports from 0 to 65535"],
      ["server.1=a:1:1", "must have different quorum and election ports"],
      ["server.1=a b:1:2", "must have hosts without blanks, commas, brackets and backslashes"],
      ["server.1=a:1:2;b,c:3", "must have hosts without blanks, commas, brackets and backslashes"],
      ["server.1=a:1:2:leader", "must end in :participant or :observer, or in neither"],
      ["group.1=1:x", "must be server ids between colons, such as 1:2:3"],
      ["weight.1=x", "must be a whole number, the votes of the server"],
    ]
  ) {
    test(`refuses ${line}`, () => {
      expect(refusal({ cfg: `dataDir=/data\n${line}\n` })).toStartWith(`zoo.cfg:2: ${line} ${rule}`);
    });
  }

  test("must name each server, group and weight once", () => {
    for (
      const [line, again] of [
        ["server.1=a:1:2", "server.01=a:1:2 describes server 1 a second time"],
        ["group.1=1", "group.01=2 describes group 1 a second time"],
        ["weight.1=1", "weight.01=2 weighs server 1 a second time"],
      ]
    ) {
      expect(refusal({ cfg: `dataDir=/data\n${line}\n${again.slice(0, again.indexOf(" "))}\n` })).toBe(
        `zoo.cfg:3: ${again}`,
      );
    }
  });

  test("forgives separators at the end, as Java splits", () => {
    const { config } = load({ cfg: `${base}server.1=a:1:2|;\nserver.2=b:1:2;\n`, files: withId("1") });
    expect(config.ensemble?.membership.servers.map(({ client }) => client)).toEqual([undefined, undefined]);
  });

  test("knows groups and weights, and that every voter must be in one group", () => {
    const list = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
    const { config } = load({
      cfg: `${base}${list}group.1=1:2\ngroup.2=3\nweight.3=0\n`,
      files: withId("1"),
    });
    expect(config.ensemble?.membership.groups).toEqual(new Map([[1, 1], [2, 1], [3, 2]]));
    expect(config.ensemble?.membership.weights).toEqual(new Map([[3, 0]]));
    expect(refusal({ cfg: `${base}${list}group.1=1:2\n`, files: withId("1") })).toBe(
      "zoo.cfg:6: server.3=c:1:2 must be in one of the groups, as there are groups",
    );
    expect(refusal({ cfg: `${base}${list}group.1=1:2\ngroup.2=2:3\n`, files: withId("1") })).toBe(
      "zoo.cfg:8: group.2=2:3 puts server 2 into a second group",
    );
    expect(refusal({ cfg: `${base}${list}group.1=1:2:3:4\n`, files: withId("1") })).toBe(
      "zoo.cfg:7: group.1=1:2:3:4 puts server 4 into the group, which is not listed",
    );
    const observer = "server.4=d:1:2:observer\n";
    expect(refusal({ cfg: `${base}${list}${observer}group.1=1:2:3:4\n`, files: withId("1") })).toBe(
      "zoo.cfg:8: group.1=1:2:3:4 puts server 4 into the group, which is an observer",
    );
  });
});

describe("an ensemble's keys", () => {
  const ensembleOf = (more: string) => load({ cfg: base + three + more, serverId: 1 }).config.ensemble;

  test("have Apache's defaults", () => {
    expect(ensembleOf("tickTime=2000\n")).toMatchObject({
      lastSeen: undefined,
      dynamicFile: undefined,
      reconfigEnabled: false,
      standaloneEnabled: true,
      localSessions: false,
      localSessionsUpgrade: false,
      multiAddress: false,
      listenOnAllAddresses: false,
      observerSync: true,
      leaderServes: true,
      electionConnectMs: 5000,
      electionHandshakeMs: 10_000,
      leaderRedialMs: 100,
      epochWaitMs: undefined,
      zxidCounterMax: 2 ** 32 - 2,
      notificationMsMin: 200,
      notificationMsMax: 60_000,
      electionBindAttempts: 3,
      concurrentSnapshotSyncsMax: 10,
      concurrentDiffSyncsMax: 100,
      observerReconnectMs: 0,
      observerElectionMs: 200,
      tcpKeepAlive: false,
    });
  });

  test("have a leader reached within the smaller limit: nothing is read or sent before", () => {
    const limitWith = (more: string) => ensembleOf(more)?.connectLimitTicks;
    expect(["", "syncLimit=20\n", "connectToLearnerMasterLimit=0\n"].map(limitWith)).toEqual([5, 10, 5]);
  });

  for (
    const [line, field, value] of [
      ["reconfigEnabled=true", "reconfigEnabled", true],
      ["standaloneEnabled=false", "standaloneEnabled", false],
      ["localSessionsEnabled=true", "localSessions", true],
      ["localSessionsUpgradingEnabled=true", "localSessionsUpgrade", true],
      ["multiAddress.enabled=true", "multiAddress", true],
      ["connectToLearnerMasterLimit=7", "connectLimitTicks", 7],
      ["quorumListenOnAllIPs=true", "listenOnAllAddresses", true],
      ["syncEnabled=false", "observerSync", false],
      ["leaderServes=no", "leaderServes", false],
      ["cnxTimeout=300", "electionConnectMs", 300],
      ["quorumCnxnTimeoutMs=1500", "electionHandshakeMs", 1500],
      ["quorumCnxnTimeoutMs=0", "electionHandshakeMs", 15_000],
      ["quorumCnxnTimeoutMs=-1", "electionHandshakeMs", 15_000],
      ["leaderConnectDelayDuringRetryMs=20", "leaderRedialMs", 20],
      ["leader.maxTimeToWaitForEpoch=4000", "epochWaitMs", 4000],
      ["leader.maxTimeToWaitForEpoch=0", "epochWaitMs", 0],
      ["leader.maxTimeToWaitForEpoch=-1", "epochWaitMs", undefined],
      ["fastleader.minNotificationInterval=50", "notificationMsMin", 50],
      ["fastleader.maxNotificationInterval=900", "notificationMsMax", 900],
      ["electionPortBindRetry=0", "electionBindAttempts", 0],
      ["leader.maxConcurrentSnapSyncs=2", "concurrentSnapshotSyncsMax", 2],
      ["leader.maxConcurrentDiffSyncs=3", "concurrentDiffSyncsMax", 3],
      ["observer.reconnectDelayMs=11", "observerReconnectMs", 11],
      ["observer.election.DelayMs=12", "observerElectionMs", 12],
      ["tcpKeepAlive=true", "tcpKeepAlive", true],
    ] as const
  ) {
    test(`${line} is heard`, () => {
      expect(ensembleOf(`${line}\n`)).toHaveProperty(field, value);
    });
  }
});

describe("whether a server is alone", () => {
  test("has TTL znodes only when told, as Apache's servers beside it", () => {
    const ttl = (more: string) => load({ cfg: base + three + more, serverId: 1 }).config.tree.extendedTypes;
    expect(ttl("")).toBe(false);
    expect(ttl("extendedTypesEnabled=true\n")).toBe(true);
    expect(load({ cfg: base }).config.tree.extendedTypes).toBe(true);
  });

  test("one voter is, and hears that its line is passed over", () => {
    const { config, notices } = load({ cfg: "dataDir=/data\nclientPort=1\nserver.1=a:1:2\n" });
    expect(config.ensemble).toBeUndefined();
    expect(notices.map(({ level, message }) => [level, message])).toEqual([
      ["warn", "Only one server is listed: running standalone"],
    ]);
  });

  test("one voter is an ensemble of one with standaloneEnabled=false", () => {
    const { config } = load({ cfg: `${base}standaloneEnabled=false\nserver.1=a:1:2\n`, files: withId("1") });
    expect(config.ensemble?.membership.servers).toHaveLength(1);
  });

  test("no voter with standaloneEnabled=false is refused", () => {
    expect(refusal({ cfg: "dataDir=/data\nstandaloneEnabled=false\n" })).toBe(
      "zoo.cfg:2: standaloneEnabled=false needs at least one server.N line of a participant",
    );
  });

  test("observers without a quorum are refused", () => {
    const observer = "server.2=b:1:2:observer\n";
    expect(refusal({ cfg: `dataDir=/data\n${observer}` })).toBe(
      "zoo.cfg: observers need participants: add server.N lines",
    );
    expect(refusal({ cfg: `dataDir=/data\nserver.1=a:1:2\n${observer}` })).toBe(
      "zoo.cfg: observers need a quorum: add participants, or standaloneEnabled=false",
    );
  });

  test("an ensemble needs its limits, its id, and itself in the list", () => {
    expect(refusal({ cfg: `dataDir=/data\n${three}` })).toBe(
      "zoo.cfg: initLimit is not set, which an ensemble needs: add a line such as initLimit=10\n" +
        "zoo.cfg: syncLimit is not set, which an ensemble needs: add a line such as syncLimit=5\n" +
        "/data/myid: is missing: write this server's id (1, 2, 10) into it, or give --id",
    );
    expect(refusal({ cfg: base + three, files: withId("4") })).toBe(
      "zoo.cfg: my id 4 is not among the servers 1, 2, 10: add its server.4 line, or give it another id",
    );
    expect(load({ cfg: base + three, serverId: 10 }).config.ensemble).toBeDefined();
  });

  test("a number of voters that gains nothing is warned of", () => {
    const voters = (count: number) =>
      load({
        cfg: base +
          Array.from({ length: count }, (_, index) => `server.${index + 1}=h${index}:1:2\n`).join(""),
        serverId: 1,
      }).notices.map(({ message }) => message);
    expect(voters(2)).toEqual(["Two servers tolerate no failure; have at least three"]);
    expect(voters(3)).toEqual([]);
    expect(voters(4)).toEqual(["An odd number of servers tolerates as many failures"]);
  });

  test("the list decides against peerType", () => {
    const { notices } = load({ cfg: `${base}${three}peerType=observer\n`, serverId: 1 });
    expect(notices).toContainEqual({
      level: "warn",
      message: "The server list decides, and peerType does not match it",
      fields: { id: 1, role: "participant" },
    });
  });
});

describe("the client address", () => {
  test("comes from the server's own line when zoo.cfg has none", () => {
    expect(load({ cfg: base + three, serverId: 1 }).config.client).toEqual({ host: "h", port: 2181 });
    expect(load({ cfg: `dataDir=/data\nserver.1=a:1:2;2185\n`, serverId: 1 }).config.client).toEqual({
      host: "0.0.0.0",
      port: 2185,
    });
  });

  test("comes from zoo.cfg when the line has none", () => {
    expect(load({ cfg: `${base}${three}clientPort=2190\n`, serverId: 2 }).config.client).toEqual({
      host: "",
      port: 2190,
    });
  });

  test("may stand in both when they agree", () => {
    expect(load({ cfg: `${base}${three}clientPort=2181\n`, serverId: 1 }).config.client).toEqual({
      host: "h",
      port: 2181,
    });
    expect(refusal({ cfg: `${base}${three}clientPort=2190\n`, serverId: 1 })).toBe(
      "zoo.cfg:7: clientPort=2190 disagrees with the client address of server.1, which is h:2181",
    );
    expect(refusal({ cfg: `${base}${three}clientPort=2181\nclientPortAddress=g\n`, serverId: 1 })).toContain(
      "disagrees",
    );
  });

  test("comes from a flag whatever the list says", () => {
    expect(load({ cfg: base + three, flags: { clientPort: "0" }, serverId: 1 }).config.client?.port).toBe(0);
  });
});

describe("the dynamic file", () => {
  const cfg = `${base}dynamicConfigFile=zoo.cfg.dynamic.1a0000000b\n`;
  const name = "zoo.cfg.dynamic.1a0000000b";

  test("holds the server list, and its name the version", () => {
    const { config } = load({ cfg, files: { [name]: three }, serverId: 1 });
    expect(config.ensemble?.membership.servers).toHaveLength(3);
    expect(config.ensemble?.membership.version).toBe(0x1a0000000b);
    expect(config.ensemble?.dynamicFile).toBe(name);
    expect(refusal({ cfg, files: { [name]: three }, serverId: 4 })).toBe(
      `${name}: my id 4 is not among the servers 1, 2, 10: to take a removed server in again, ` +
        'add its server.4 line here, start it, and "reconfig -add" it',
    );
  });

  const next = `${name.replace(/[^.]*$/, "next")}`;
  const four = `${three}server.4=d:2888:3888\n`;
  const switchedOn = `${cfg}reconfigEnabled=true\n`;

  test("may have a newer one beside it that was proposed", () => {
    const files = { [name]: three, [next]: `${four}version=1a0000000c` };
    const { config } = load({ cfg: switchedOn, files, serverId: 1 });
    expect(config.ensemble?.membership.servers).toHaveLength(3);
    expect(config.ensemble?.lastSeen?.servers.map(({ id }) => id)).toEqual([1, 2, 4, 10]);
    expect(config.ensemble?.lastSeen?.version).toBe(0x1a0000000c);
  });

  test("lets a server start that the proposed one lets in: others may be too few without it", () => {
    const files = { [name]: three, [next]: `${four.trimEnd()};2184\nversion=1a0000000c` };
    const { config } = load({ cfg: switchedOn, files, serverId: 4 });
    expect(config.ensemble?.membership.servers).toHaveLength(3);
    expect(config.client).toMatchObject({ port: 2184 });
    expect(refusal({ cfg: switchedOn, files, serverId: 5 })).toContain(
      "my id 5 is not among the servers 1, 2, 10:",
    );
  });

  test("outweighs a proposed one that is no newer", () => {
    for (const version of ["1a0000000b", "19ffffffff", "0"]) {
      const files = { [name]: three, [next]: `${four}version=${version}` };
      expect(load({ cfg: switchedOn, files, serverId: 1 }).config.ensemble?.lastSeen).toBeUndefined();
    }
  });

  test("stands alone where memberships do not change, or are kept in zoo.cfg itself", () => {
    const files = { [name]: three, [next]: `${four}version=1a0000000c` };
    expect(load({ cfg, files, serverId: 1 }).config.ensemble?.lastSeen).toBeUndefined();
    const inZooCfg = `${base}${three}reconfigEnabled=true\n`;
    expect(load({ cfg: inZooCfg, files, serverId: 1 }).config.ensemble?.lastSeen).toBeUndefined();
  });

  test("is not enough when the proposed one makes no sense", () => {
    const refusalOf = (text: string) =>
      refusal({ cfg: switchedOn, files: { [name]: three, [next]: text }, serverId: 1 });
    expect(refusalOf(`${four}version=x`)).toBe(
      `${next}: version=x must be a hexadecimal number, the zxid of the change`,
    );
    expect(refusalOf("")).toBe(`${next}: no servers are listed`);
  });

  test("is kept beside zoo.cfg, unless flags say who the servers are", () => {
    expect(load({ cfg: base + three, serverId: 1 }).config.ensemble?.keptBeside).toBe("zoo.cfg");
    const flags = { "server.1": "a:1:2", "server.2": "b:1:2" };
    expect(load({ cfg: base, flags, serverId: 1 }).config.ensemble?.keptBeside).toBeUndefined();
    const withoutFile = { ...flags, dataDir: "/data", initLimit: "1", syncLimit: "1" };
    expect(load({ flags: withoutFile, serverId: 1 }).config.ensemble?.keptBeside).toBeUndefined();
    const { config } = loadServerConfig({
      file: "zoo.cfg",
      overrides: [],
      serverId: 1,
      readFile: () => new TextEncoder().encode(base + three),
      absolute: (path) => `/etc/${path}`,
    });
    expect(config.ensemble?.keptBeside).toBe("/etc/zoo.cfg");
    expect(config.configFile).toBe("zoo.cfg");
  });

  test("may have hosts in UTF-8, as Apache writes them", () => {
    const list = three.replace("=b:", "=zo\u00eb:");
    const { config } = load({ cfg, files: { [name]: list }, serverId: 1 });
    expect(config.ensemble?.membership.servers[1].addresses[0].host).toBe("zo\u00eb");
  });

  test("must hold all of it and nothing else", () => {
    expect(refusal({ cfg: `${cfg}server.9=z:1:2\n`, files: { [name]: three }, serverId: 1 })).toBe(
      `zoo.cfg:5: server.9=z:1:2 must be in the dynamic file ${name}, as dynamicConfigFile is set`,
    );
    expect(refusal({ cfg, files: { [name]: `${three}tickTime=1\nversion=5\n` }, serverId: 1 })).toBe(
      `${name}:4: tickTime=1 is not a key of a dynamic file, which has server.N, group.N and weight.N\n` +
        `${name}:5: version=5 must not be in the dynamic file: its version is the end of the file's name`,
    );
  });
});
