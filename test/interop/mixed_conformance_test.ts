/**
 * The conformance suite, which judges any server over TCP, through members of mixed ensembles: who answers and who
 * decides are of different make. Long form only.
 */
import { afterEach, expect, test } from "bun:test";
import { resolve } from "node:path";
import { environment, suiteCfg, suiteJvmProps } from "../conformance/settings.ts";
import { runProgram } from "./client_programs.ts";
import { isLong } from "./long.ts";
import { MixedEnsemble } from "./mixed_ensemble.ts";
import { type Flavor, target } from "./target.ts";

/** What only a standalone server answers so: its mode, its configuration and its own sessions. */
const standaloneOnly = ["srvr has", "stat is srvr", "conf has", "mntr has", "dump lists", "#37 "];
/** A quota holds once the leader has it in its tree, which may be a moment after its followers have. */
const late = ["hard limit", "limit changed"];
/**
 * Apache's leaders hang for good when a learner forwards what they cannot decode: its error takes a zxid that is
 * given already. How timeouts are renegotiated is not always so through them.
 */
const notThroughApache = ["undecodable", "MARSHALLINGERROR", "of TTL flags", "that are not TTL", "#7 "];
/** Apache 3.8 acknowledges a create2 in a multi and then drops it. */
const notThroughApache38 = ["create2"];

function leftOut(leader: Flavor): string[] {
  return [
    ...standaloneOnly,
    ...late,
    ...(leader === "zoon" ? [] : notThroughApache),
    ...(leader === "apache-3.8" ? notThroughApache38 : []),
  ];
}

let ensemble: MixedEnsemble | undefined;
afterEach(async () => {
  await ensemble?.destroy();
  ensemble = undefined;
});

const apaches: Flavor[] = ["apache-3.9.5", "apache-3.8"];
const pairs = apaches.flatMap((
  apache,
) => [{ judged: target, leader: apache }, { judged: apache, leader: target }]);

for (const { judged, leader } of pairs) {
  test.skipIf(!isLong)(`${judged} conforms as a follower of ${leader}, in the long form`, async () => {
    ensemble = await MixedEnsemble.create([
      { id: 1, flavor: judged },
      { id: 2, flavor: judged },
      { id: 3, flavor: leader },
    ], { cfg: { ...suiteCfg, syncLimit: "15" }, properties: suiteJvmProps });
    await ensemble.member(3).start();
    await ensemble.member(3).logs(/LOOKING|looking for a leader/);
    expect((await ensemble.start()).id).toBe(3);
    const member = ensemble.member(1);
    const output = await runProgram(
      { command: process.execPath, args: ["test", resolve(import.meta.dir, "../conformance")] },
      ["-t", `^(?!.*(${leftOut(leader).join("|")}))`],
      {
        limitMs: 900_000,
        env: {
          [environment.server]: `${member.host}:${member.port}`,
          [environment.flavor]: judged,
          [environment.prepared]: "1",
          NO_COLOR: "1",
        },
      },
    );
    if (output.code !== 0) console.error(output.stdout, output.stderr);
    expect(output.code).toBe(0);
  });
}
