/**
 * Four-letter words: their answers' shapes, as monitoring tools and clients parse them.
 *
 * @see Fact: apache/zookeeper server/command/*.java, FourLetterCommands.java
 */
import { expect } from "bun:test";
import { fourLetterWord } from "../interop/apache_server.ts";
import { connectFrame } from "../wire/frames.ts";
import { until } from "../wire/until.ts";
import { conform, target } from "./harness.ts";

const ask = (word: string) => fourLetterWord(target, word);

conform(
  "#8 a four-letter word is answered as text and the connection closes, and only as the first four bytes",
  async (t) => {
    const connection = await t.connect();
    connection.send(new TextEncoder().encode("ruok"));
    await connection.closed;
    expect(connection.partialBytes).toBe(4);
    // After a connect request the same bytes are a frame's length, and too large a one.
    const session = await t.open();
    session.connection.send(new TextEncoder().encode("ruok"));
    await session.ended();
    expect(session.connection.partialBytes).toBe(0);
  },
);

conform("a four-letter word may arrive byte by byte", async (t) => {
  const connection = await t.connect();
  for (const letter of "ruok") {
    connection.send(new TextEncoder().encode(letter));
    await Bun.sleep(1);
  }
  await connection.closed;
  expect(connection.partialBytes).toBe(4);
});

conform("an unknown word is an oversized length: the connection closes without a byte", async (t) => {
  const connection = await t.connect();
  connection.send(new TextEncoder().encode("what"));
  await connection.expectClose();
});

conform("ruok answers imok and isro rw, without a line end", async () => {
  expect(await ask("ruok")).toBe("imok");
  expect(await ask("isro")).toBe("rw");
});

conform("gtmk answers the trace mask as a number without a line end", async () => {
  expect(await ask("gtmk")).toMatch(/^\d+$/);
}, { except: { zoon: "the mask selects traces of Apache's own code" } });

const statLines = [
  /^Latency min\/avg\/max: \d+\/\d+(\.\d+)?\/\d+$/,
  /^Received: \d+$/,
  /^Sent: \d+$/,
  /^Connections: \d+$/,
  /^Outstanding: \d+$/,
  /^Zxid: 0x[0-9a-f]+$/,
  /^Mode: standalone$/,
  /^Node count: \d+$/,
];

conform("srvr has Apache's nine lines in order", async (t) => {
  const answer = await ask("srvr");
  const lines = answer.split("\n");
  expect(lines[0]).toMatch(/^Zookeeper version: \S.*, built on \S.*$/);
  expect(lines.length).toBe(10);
  statLines.forEach((pattern, i) => expect(lines[i + 1]).toMatch(pattern));
  expect(lines[9]).toBe("");
  const zxid = BigInt(/Zxid: (0x[0-9a-f]+)/.exec(answer)![1]);
  expect((await t.c.ping()).zxid).toBeGreaterThanOrEqual(zxid);
});

conform("srvr counts znodes with the root twice", async (t) => {
  const count = async () => Number(/Node count: (\d+)/.exec(await ask("srvr"))![1]);
  const { total } = (await t.c.getAllChildrenNumber("/")).body;
  expect(await count()).toBe(total + 2);
});

conform("stat is srvr with a list of clients behind the version", async (t) => {
  const lines = (await ask("stat")).split("\n");
  expect(lines[0]).toMatch(/^Zookeeper version: /);
  expect(lines[1]).toBe("Clients:");
  const end = lines.indexOf("", 2);
  const clients = lines.slice(2, end);
  expect(clients.length).toBeGreaterThanOrEqual(2);
  for (const line of clients) {
    expect(line).toMatch(/^ \/127\.0\.0\.1:\d+\[\d+\]\(queued=\d+,recved=\d+,sent=\d+\)$/);
  }
  expect(clients.some((line) => line.includes(`:${t.c.connection.localPort}[`))).toBe(true);
  statLines.forEach((pattern, i) => expect(lines[end + 1 + i]).toMatch(pattern));
});

conform("cons tells of every connection what it did last", async (t) => {
  await t.c.getData(t.root);
  const answer = await ask("cons");
  const mine = answer.split("\n").find((line) => line.includes(`:${t.c.connection.localPort}[`));
  expect(mine).toMatch(
    /^ \/127\.0\.0\.1:\d+\[\d+\]\(queued=0,recved=\d+,sent=\d+,sid=0x[0-9a-f]+,lop=GETD,est=\d+,to=30000,lcxid=0x[0-9a-f]+,lzxid=0x[0-9a-f]+,lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)$/,
  );
  expect(mine).toContain(`sid=0x${t.c.id.toString(16)},`);
  expect(answer.endsWith("\n\n")).toBe(true);
});

conform("conf has the keys of a standalone server in order", async () => {
  const lines = (await ask("conf")).trimEnd().split("\n");
  expect(lines.map((line) => line.split("=")[0])).toEqual([
    "clientPort",
    "secureClientPort",
    "dataDir",
    "dataDirSize",
    "dataLogDir",
    "dataLogSize",
    "tickTime",
    "maxClientCnxns",
    "minSessionTimeout",
    "maxSessionTimeout",
    "clientPortListenBacklog",
    "serverId",
  ]);
  expect(lines[0]).toBe(`clientPort=${target.port}`);
  expect(lines[2]).toMatch(/^dataDir=.*version-2$/);
});

conform("mntr has tab-separated lines and the keys that monitors read", async () => {
  const lines = (await ask("mntr")).trimEnd().split("\n");
  for (const line of lines) expect(line).toMatch(/^zk_\S+\t\S.*$/);
  const values = new Map(lines.map((line) => line.split("\t") as [string, string]));
  expect(lines[0]).toMatch(/^zk_version\t/);
  expect(values.get("zk_server_state")).toBe("standalone");
  const gauges = [
    "zk_avg_latency",
    "zk_max_latency",
    "zk_min_latency",
    "zk_packets_received",
    "zk_packets_sent",
    "zk_num_alive_connections",
    "zk_outstanding_requests",
    "zk_znode_count",
    "zk_watch_count",
    "zk_ephemerals_count",
    "zk_approximate_data_size",
    "zk_open_file_descriptor_count",
    "zk_max_file_descriptor_count",
    "zk_global_sessions",
    "zk_local_sessions",
    "zk_uptime",
  ];
  for (const key of gauges) {
    expect([key, values.get(key)]).toEqual([key, expect.stringMatching(/^-?\d+(\.\d+)?$/)]);
  }
});

conform("mntr counts watches, ephemerals and connections", async (t) => {
  const gauge = async (key: string) =>
    Number(new RegExp(`^zk_${key}\t(\\S+)$`, "m").exec(await ask("mntr"))?.[1]);
  const before = [
    await gauge("watch_count"),
    await gauge("ephemerals_count"),
    await gauge("num_alive_connections"),
  ];
  await t.c.create(t.at("e"), { flags: 1 });
  await t.c.exists(t.at("e"), true);
  await t.c.exists(t.at("f"), true);
  const other = await t.open();
  expect(await gauge("ephemerals_count")).toBe(before[1] + 1);
  expect(await gauge("watch_count")).toBe(before[0] + 2);
  expect(await gauge("num_alive_connections")).toBe(before[2] + 1);
  await other.close();
});

conform("wchs, wchc and wchp tell who watches what", async (t) => {
  await t.c.exists(t.at("a"), true);
  await t.c.exists(t.at("b"), true);
  const sid = `0x${t.c.id.toString(16)}`;
  expect(await ask("wchs")).toMatch(/^\d+ connections? watching \d+ paths?\nTotal watches:\d+\n$/);
  const byConnection = await ask("wchc");
  expect(byConnection).toMatch(new RegExp(`^${sid}\n(\t.*\n)+`, "m"));
  expect(byConnection).toContain(`\t${t.at("a")}\n`);
  const byPath = await ask("wchp");
  expect(byPath).toContain(`${t.at("a")}\n\t${sid}\n`);
});

conform("dump lists sessions and their ephemerals", async (t) => {
  await t.c.create(t.at("e"), { flags: 1 });
  const answer = await ask("dump");
  const sid = `0x${t.c.id.toString(16)}`;
  expect(answer).toMatch(/^SessionTracker dump:\nSession Sets \(\d+\)\/\(\d+\):\n/);
  expect(answer).toMatch(new RegExp(`^\\d+ expire at .*:\n(\t0x[0-9a-f]+\n)*\t${sid}\n`, "m"));
  expect(answer).toContain("ephemeral nodes dump:\nSessions with Ephemerals (");
  expect(answer).toContain(`${sid}:\n\t${t.at("e")}\n`);
});

conform("dirs, envi and hash have their shapes", async () => {
  expect(await ask("dirs")).toMatch(/^datadir_size: \d+\nlogdir_size: \d+\n$/);
  const environment = (await ask("envi")).split("\n");
  expect(environment[0]).toBe("Environment:");
  expect(environment[1]).toMatch(/^zookeeper\.version=/);
  expect(environment[2]).toMatch(/^host\.name=/);
  expect(environment.find((line) => line.startsWith("os.name="))).toBeDefined();
  expect(environment.find((line) => line.startsWith("user.dir="))).toBeDefined();
});

conform("crst and srst reset what they say", async (t) => {
  expect(await ask("crst")).toBe("Connection stats reset.\n");
  expect(await ask("srst")).toBe("Server stats reset.\n");
  const received = Number(/Received: (\d+)/.exec(await ask("srvr"))![1]);
  expect(received).toBeLessThan(20);
  await t.c.ping();
});

conform("answers to four-letter words count as sent", async () => {
  const sent = async () => Number(/Sent: (\d+)/.exec(await ask("srvr"))![1]);
  const before = await sent();
  for (let i = 0; i < 10; i++) await ask("ruok");
  // A word's own answer is not counted when it tells the figure.
  expect(await sent()).toBe(before + 11);
});

conform("a connection counts as dropped when its client ends it, and not when the server does", async (t) => {
  const dropped = async () => Number(/^zk_connection_drop_count\t(\d+)$/m.exec(await ask("mntr"))![1]);
  const before = await dropped();
  for (let i = 0; i < 5; i++) await ask("ruok");
  await (await t.open()).vanish();
  await (await t.connect()).close();
  await until("the two to count", async () => await dropped() === before + 2 || undefined);
  const garbage = await t.connect();
  garbage.send(new Uint8Array(4).fill(0x7f));
  await garbage.expectClose();
  expect(await dropped()).toBe(before + 2);
});

conform("a connection without a session is in cons with its counters alone", async (t) => {
  const bare = await t.connect();
  // Its connect request is cut, so that the server knows the connection but no session.
  bare.send(connectFrame().slice(0, 10));
  const seen = async () =>
    (await ask("cons")).split("\n").find((line) => line.includes(`:${bare.localPort}[`));
  let line = await seen();
  for (let i = 0; line === undefined && i < 100; i++) line = await seen();
  expect(line).toMatch(/^ \/127\.0\.0\.1:\d+\[\d+\]\(queued=0,recved=0,sent=0\)$/);
});
