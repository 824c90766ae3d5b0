/** Servers with very many sessions that do nothing: memory, and CPU time for their pings. */
import { drive, loadOf } from "../engine.ts";
import { countText, numberText, tableText } from "../markdown.ts";
import { cpuSecondsOf, rssBytesOf } from "../processes.ts";
import { startStandalone, stopStandalone } from "../sides.ts";
import { whyNot } from "./load_sweeps.ts";
import { type GrowthSetting, leftText, targetOf, tryStep } from "./sweep.ts";
import { type MemorySlope, memorySlope } from "./tree_sweep.ts";

/** Connected sessions that ask for nothing. */
export interface IdleSessions {
  readonly sessionTimeoutMs: number;
  readonly sessions: number;
  /** CPU time of the server per time; null where it cannot be known. */
  readonly cpu: number | null;
  readonly rssBytes: number;
}

/** What is measured of them. */
export interface SessionFigures {
  readonly rows: readonly IdleSessions[];
  readonly memory: MemorySlope | null;
  readonly left: readonly string[];
}

/** The engine's connections ping when they said nothing for this part of the session timeout. */
const pingPart = 1 / 4;
const tenSecondsMs = 10_000;

/** A server of its own for each number of sessions. */
export async function idleSessions(setting: GrowthSetting): Promise<SessionFigures> {
  const { rig, quick } = setting;
  const rows: IdleSessions[] = [];
  const left: string[] = [];
  const steps: [number, number][] = [
    [0, tenSecondsMs],
    [2500, tenSecondsMs],
    [5000, tenSecondsMs],
    [10_000, tenSecondsMs],
    [10_000, 40_000],
  ];
  for (const [sessions, sessionTimeoutMs] of quick ? steps.slice(0, 2) : steps) {
    const reason = whyNot(sessions, setting);
    if (reason !== null) {
      left.push(reason);
      continue;
    }
    await tryStep(
      setting,
      `${countText(sessions)} sessions of ${sessionTimeoutMs / 1000} s`,
      left,
      async () => {
        const row = await measure(setting, sessions, sessionTimeoutMs);
        rows.push(row);
        rig.say(
          `  ${sessions} sessions of ${sessionTimeoutMs / 1000} s: ${
            numberText((row.cpu ?? NaN) * 100)
          }% of a core`,
        );
      },
    );
  }
  const points = rows.filter(({ sessionTimeoutMs }) => sessionTimeoutMs === tenSecondsMs)
    .map(({ sessions, rssBytes }) => ({ count: sessions, rssBytes }));
  return { rows, memory: memorySlope("connected session", points), left };
}

async function measure(
  { rig, cores, worker, quick }: GrowthSetting,
  sessions: number,
  sessionTimeoutMs: number,
): Promise<IdleSessions> {
  const server = await startStandalone(rig, "zoon", { cores: cores.server });
  const target = await targetOf({ servers: [server], pids: [server.pid] });
  // Their requests to begin with are no part of it.
  const warmUpMs = 3000;
  const durationMs = quick ? 3000 : 10_000;
  let rssBytes = 0;
  let cpu: number | null;
  if (sessions === 0) {
    await Bun.sleep(warmUpMs);
    const begun = cpuSecondsOf([server.pid]);
    await Bun.sleep(durationMs);
    const ended = cpuSecondsOf([server.pid]);
    cpu = begun === null || ended === null
      ? null
      : (ended.user + ended.system - begun.user - begun.system) * 1000 / durationMs;
    rssBytes = rssBytesOf(server.pid) ?? NaN;
  } else {
    const load = loadOf({
      mix: "get",
      connections: sessions,
      rate: 10,
      sessionTimeoutMs,
      warmUpMs,
      durationMs,
    });
    const measured = await drive(load, target, worker, () => rssBytes = rssBytesOf(server.pid) ?? NaN);
    cpu = measured.serversCpu;
  }
  await stopStandalone(server);
  return { sessionTimeoutMs, sessions, cpu, rssBytes };
}

/** The table of it. */
export function sessionsText({ rows, left }: SessionFigures): string {
  return [
    "**Idle sessions.** Each on a connection of its own, asking for nothing; a client that says nothing for a quarter of " +
    "its session timeout pings.",
    tableText(
      ["connected sessions", "session timeout s", "pings/s", "CPU, % of a core", "RSS MB"],
      rows.map(({ sessions, sessionTimeoutMs, cpu, rssBytes }) => [
        countText(sessions),
        String(sessionTimeoutMs / 1000),
        countText(sessions * 1000 / (sessionTimeoutMs * pingPart)),
        cpu === null ? "-" : numberText(cpu * 100),
        numberText(rssBytes / 1e6),
      ]),
    ),
    ...leftText(left),
  ].join("\n\n");
}
