/** A server that takes snapshots, begins new logs and purges all the time, beside one that does none of it. */
import { readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePort, zooCfg } from "../../interop/apache_server.ts";
import { drive, loadOf, prepare } from "../engine.ts";
import { numberText, tableText } from "../markdown.ts";
import { growthMixes, type GrowthSetting, type MixName, type Point, pointOf } from "./sweep.ts";

/** One load on one of the two. */
export interface ChurnRow {
  readonly server: "calm" | "churning";
  readonly load: MixName;
  readonly point: Point;
}

/** What is measured. */
export interface Churn {
  readonly rows: readonly ChurnRow[];
  /** Of the churning server, in the time of all its loads. */
  readonly snapshots: number;
  readonly purges: number;
  /** Log files it began; each snapshot begins one. */
  readonly logs: number;
  readonly seconds: number;
}

const source = resolve(import.meta.dir, "purging_server.ts");
const purgeEveryMs = 2000;
const keyCount = 20_000;
const words = { keyCount, connections: 50, inFlight: 8, warmUpMs: 500 };
/** p99.9 has to stay below so many times p99. */
const tailMax = 10;

/** 20,000 znodes; the churning server takes a snapshot every 10,000 to 20,000 txns. */
export async function measureChurn(setting: GrowthSetting): Promise<Churn> {
  const calm = await loaded(setting, "calm", { snapCount: "1000000000" });
  const churning = await loaded(setting, "churning", { snapCount: "20000" });
  return { ...churning, rows: [...calm.rows, ...churning.rows] };
}

async function loaded(
  { rig, cores, worker, quick }: GrowthSetting,
  server: ChurnRow["server"],
  told: Record<string, string>,
): Promise<Churn> {
  const dataDir = rig.directory("churn");
  const port = await freePort();
  const file = join(dataDir, "zoo.cfg");
  writeFileSync(
    file,
    zooCfg({
      tickTime: "2000",
      dataDir,
      clientPort: String(port),
      clientPortAddress: "127.0.0.1",
      maxClientCnxns: "0",
      ...told,
    }),
  );
  const child = rig.spawn([...cores.server, process.execPath, source, file, String(purgeEveryMs)]);
  let log = "";
  child.stderr!.on("data", (text) => log += text);
  await rig.line(child, /^ready$/m, 10_000);
  const here = { host: "127.0.0.1", port };
  const target = {
    servers: [here],
    pids: [child.pid!],
    root: await prepare([here], loadOf({ mix: "get", ...words })),
  };
  const logsSeen = new Set<string>();
  const look = setInterval(() => {
    for (const name of readdirSync(join(dataDir, "version-2"))) {
      if (name.startsWith("log.")) logsSeen.add(name);
    }
  }, 200);
  const before = log.length;
  const beganMs = performance.now();
  const rows: ChurnRow[] = [];
  for (const name of Object.keys(growthMixes) as MixName[]) {
    const load = loadOf({ mix: growthMixes[name], ...words, durationMs: quick ? 3000 : 10_000 });
    const point = pointOf(await drive(load, target, worker));
    rows.push({ server, load: name, point });
    rig.say(`  ${server}, ${name}: p99 ${numberText(point.p99Ms)} ms, p99.9 ${numberText(point.p999Ms)} ms`);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  clearInterval(look);
  await rig.end(child);
  const count = (text: string) => log.slice(before).split(text).length - 1;
  return {
    rows,
    snapshots: count("A snapshot is written"),
    purges: count("Old files are removed"),
    logs: logsSeen.size - 1,
    seconds,
  };
}

/** The table of it. */
export function churnText({ rows, snapshots, purges, logs, seconds }: Churn): string {
  return [
    `**Through snapshots, log rolls and purges.** ${keyCount} znodes, 50 connections, 8 in flight. The churning server ` +
    `took ${snapshots} snapshots, began ${logs} logs and purged ${purges} times in these ${
      Math.round(seconds)
    } s (it runs ` +
    "from the sources with a purge every 2 s, as zoo.cfg knows whole hours only); the calm one did none of it.",
    tableText(
      [
        "load",
        "server",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "p99.9 : p99",
        `< ${tailMax}`,
      ],
      rows.map(({ server, load, point }) => [
        load,
        server,
        numberText(point.opsPerSecond),
        ...[point.p50Ms, point.p99Ms, point.p999Ms, point.maxMs].map(numberText),
        numberText(point.p999Ms / point.p99Ms),
        point.p999Ms < tailMax * point.p99Ms ? "met" : "**MISSED**",
      ]),
    ),
  ].join("\n\n");
}
