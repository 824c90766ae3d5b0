import { describe, expect, test } from "bun:test";
import { aclText, parseAcl, permsText } from "../../../../cli/shell/acl_text.ts";
import { clientConfigText } from "../../../../cli/shell/config_text.ts";
import { javaDate } from "../../../../cli/shell/java_date.ts";
import { grouped } from "../../../../cli/shell/progress.ts";
import { QuotaRecord } from "../../../../cli/shell/quota_record.ts";
import { statJson, statText } from "../../../../cli/shell/stat_text.ts";
import { watchJson, watchText } from "../../../../cli/shell/watch_text.ts";

const stat = {
  czxid: 2,
  mzxid: 0x500000001,
  ctime: Date.UTC(2026, 10, 20, 23, 41, 35),
  mtime: 0,
  version: 3,
  cversion: -1,
  aversion: 1,
  ephemeralOwner: -0x7000000000000000n,
  dataLength: 5,
  numChildren: 4,
  pzxid: 7,
};

test("statText() has Apache's eleven lines, ids of 64 bits unsigned", () => {
  const lines = statText(stat).split("\n");
  expect(lines.map((line) => line.split(" = ")[0])).toEqual([
    "cZxid",
    "ctime",
    "mZxid",
    "mtime",
    "pZxid",
    "cversion",
    "dataVersion",
    "aclVersion",
    "ephemeralOwner",
    "dataLength",
    "numChildren",
  ]);
  expect(lines[2]).toBe("mZxid = 0x500000001");
  expect(lines[5]).toBe("cversion = -1");
  expect(lines[8]).toBe("ephemeralOwner = 0x9000000000000000");
});

test("statJson() holds nothing that JSON cannot", () => {
  expect(JSON.parse(JSON.stringify(statJson(stat)))).toMatchObject({
    czxid: "0x2",
    mzxid: "0x500000001",
    ephemeralOwner: "0x9000000000000000",
    cversion: -1,
    mtime: 0,
  });
});

describe("javaDate()", () => {
  /** Runs in a process of its own, as a time zone is fixed at the start. */
  function inZone(zone: string, ms: number): string {
    const module = new URL("../../../../cli/shell/java_date.ts", import.meta.url).pathname;
    const script = `import { javaDate } from ${JSON.stringify(module)}; console.log(javaDate(${ms}));`;
    const { stdout } = Bun.spawnSync([process.execPath, "-e", script], { env: { ...process.env, TZ: zone } });
    return stdout.toString().trim();
  }

  test("writes UTC as Java does", () => {
    expect(inZone("UTC", stat.ctime)).toBe("Fri Nov 20 23:41:35 UTC 2026");
    expect(inZone("UTC", 0)).toBe("Thu Jan 01 00:00:00 UTC 1970");
  });

  test("names other zones by their short name, summer time included", () => {
    expect(inZone("Europe/Berlin", stat.ctime)).toBe("Sat Nov 21 00:41:35 CET 2026");
    expect(inZone("Europe/Berlin", Date.UTC(2026, 6, 1))).toBe("Wed Jul 01 02:00:00 CEST 2026");
    expect(inZone("America/New_York", stat.ctime)).toBe("Fri Nov 20 18:41:35 EST 2026");
  });

  test("names a zone without a short name by its distance from GMT", () => {
    expect(inZone("Asia/Dubai", 0)).toMatch(/^Thu Jan 01 04:00:00 (GST|GMT\+04:00) 1970$/);
  });

  test("agrees with itself in the zone of this process", () => {
    expect(javaDate(0)).toMatch(/^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ \d{4}$/);
  });
});

describe("ACLs", () => {
  test("are split at the first and the last colon", () => {
    expect(parseAcl("digest:bob:hash=:cdrwa,ip:::1:r").acl).toEqual([
      { scheme: "digest", id: "bob:hash=", perms: 31 },
      { scheme: "ip", id: "::1", perms: 1 },
    ]);
  });

  test("name faulty entries and letters, and keep the rest", () => {
    expect(parseAcl("badacl,a:b,world:anyone:rz")).toEqual({
      acl: [{ scheme: "world", id: "anyone", perms: 1 }],
      complaints: [
        "badacl does not have the form scheme:id:perm",
        "a:b does not have the form scheme:id:perm",
        "Unknown perm type: z",
      ],
    });
  });

  test("show permissions in the order c d r w a", () => {
    expect(permsText(31)).toBe("cdrwa");
    expect(permsText(0)).toBe("");
  });

  test("show two lines per entry, with jute's escapes", () => {
    expect(aclText([{ scheme: "world", id: "anyone", perms: 31 }, { scheme: "x,y", id: "50%}", perms: 1 }]))
      .toBe("'world,'anyone\n: cdrwa\n'x%2Cy,'50%25%7D\n: r");
  });
});

describe("quota records", () => {
  test("keep Apache's odd form", () => {
    const text = "count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=-1";
    expect(QuotaRecord.parse(text).toString()).toBe(text);
    expect(QuotaRecord.parse("count=2,bytes=2").toString()).toBe("count=2,bytes=2");
  });

  test("hold 64 bits and answer -1 for what is missing", () => {
    const record = QuotaRecord.parse("count=1");
    record.set("byteHardLimit", 9_223_372_036_854_775_807n);
    expect(record.toString()).toBe("count=1,bytes=-1=;byteHardLimit=9223372036854775807");
    expect(record.get("countHardLimit")).toBe(-1n);
  });
});

describe("config", () => {
  const text = "server.1=zk1:2888:3888:participant;0.0.0.0:2181\nserver.2=zk2:2888:3888;2182\n" +
    "server.3=zk3:2888:3888\nversion=100000000";

  test("-c shows version and client addresses", () => {
    expect(clientConfigText(text)).toBe("100000000 0.0.0.0:2181,0.0.0.0:2182");
    expect(clientConfigText("")).toBe(" ");
  });
});

describe("watch events", () => {
  const event = { type: "NodeDataChanged", path: "/a", state: "connected", zxid: 0x12 } as const;

  test("are printed as Apache's shell prints them", () => {
    expect(watchText(event)).toBe(
      "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/a zxid: 18\n",
    );
  });

  test("have a JSON form whose unknown zxid is null", () => {
    expect(watchJson({ ...event, zxid: -1 })).toEqual({
      event: { type: "NodeDataChanged", state: "SyncConnected", path: "/a", zxid: null },
    });
  });
});

test("grouped() separates thousands", () => {
  expect([0, 999, 1000, 1234567].map(grouped)).toEqual(["0", "999", "1,000", "1,234,567"]);
});
