/** One server of each side, and a responder without a tree as the ceiling, under gets and sets. */
import { resolve } from "node:path";
import { byTurns, type CaseResult, type LoadCase, type Turns, warmUp } from "../by_turns.ts";
import { loadOf, prepare } from "../engine.ts";
import type { Cores } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Side, startStandalone, stopStandalone } from "../sides.ts";

/** Who is loaded. */
export type Contestant = Side | "canned";

/** The cases, in the order of the tables. */
export const standaloneCases = [
  "gets, 32 in flight",
  "gets, closed loop",
  "sets, 32 in flight",
  "sets, closed loop",
];

const responderSource = resolve(import.meta.dir, "../canned_responder.ts");

/** Runs all rounds. */
export async function measureStandalone(
  rig: Rig,
  cores: Cores,
  { roundMs, warmUpMs, ...turns }: Turns & { readonly roundMs: number; readonly warmUpMs: number },
): Promise<CaseResult<Contestant>[]> {
  const times = { durationMs: roundMs, warmUpMs };
  const cases: LoadCase[] = standaloneCases.map((name) => ({
    name,
    load: loadOf({
      mix: name.startsWith("gets") ? "get" : "set",
      inFlight: name.endsWith("32 in flight") ? 32 : 1,
      ...times,
    }),
  }));
  const servers = [
    await startStandalone(rig, "zoon", { cores: cores.server }),
    await startStandalone(rig, "apache", { cores: cores.server }),
  ];
  const responder = rig.spawn([...cores.server, process.execPath, responderSource]);
  const [, port] = await rig.line(responder, /(\d+)\n/, 10_000);
  const canned = { host: "127.0.0.1", port: Number(port) };
  const contenders = [
    ...await Promise.all((["zoon", "apache"] as const).map(async (name, index) => ({
      name,
      servers: [servers[index]],
      pids: [servers[index].pid],
      root: await prepare([servers[index]], cases[0].load),
    }))),
    {
      name: "canned" as const,
      servers: [canned],
      pids: [responder.pid!],
      root: "/zoon-bench-00000000",
      // It answers a get: as a ceiling for sets it would leave out the disk.
      skips: ({ mix }: { mix: readonly { operation: string }[] }) => mix[0].operation !== "get",
    },
  ];
  await warmUp(contenders, cases, turns);
  const results = await byTurns<Contestant>(contenders, cases, turns);
  await rig.end(responder);
  for (const server of servers) await stopStandalone(server);
  return results;
}
