import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allCheckers } from "./checkers/all_checkers.ts";
import { drawParameters, parametersText } from "./parameters.ts";
import { SimEnsemble } from "./sim_ensemble.ts";
import { simulate } from "./simulation.ts";
import { root, runCommand } from "../../scripts/suites.ts";

/** Quick to run: few clients, little time. */
const short = { chaosMs: 2000, clients: 2, thinkMs: 60 };

describe("a run", () => {
  test("ends the same however often it is repeated, and otherwise with another seed", () => {
    const [one, again, other] = [7, 7, 8].map((seed) => simulate(seed, { changes: short }));
    expect(again.fingerprint).toBe(one.fingerprint);
    expect(again.steps).toBe(one.steps);
    expect(other.fingerprint).not.toBe(one.fingerprint);
  });

  test("of an ensemble without faults commits writes and moves on", () => {
    const outcome = simulate(11, { changes: { ...short, faults: noFaults } });
    expect(outcome.violation).toBeNull();
    expect(outcome.txns).toBeGreaterThan(20);
    expect(outcome.faults.size).toBe(0);
  });

  test("draws its parameters from its seed alone, and can tell them", () => {
    expect(drawParameters(5)).toEqual(drawParameters(5));
    expect(parametersText(drawParameters(5))).toContain("voters=");
  });
});

describe("a violation", () => {
  /** What a checker that always fails makes of the first txn. */
  const alwaysFails = (ensemble: SimEnsemble) =>
    ensemble.history.onCommitted(() => ensemble.report("AlwaysFails", "this checker always fails"));

  test("ends the run at once", () => {
    const ensemble = new SimEnsemble(drawParameters(3, { ...short, faults: noFaults }));
    alwaysFails(ensemble);
    ensemble.startAll();
    ensemble.addClient();
    ensemble.run(30_000);
    expect(ensemble.violations[0]).toMatchObject({
      property: "AlwaysFails",
      message: "this checker always fails",
    });
    expect(ensemble.nowMs).toBeLessThan(30_000);
    expect(ensemble.history.txns.length).toBe(1);
  });

  test("of the program's own rules is found like any other", () => {
    const ensemble = new SimEnsemble(drawParameters(3, { ...short, faults: noFaults }));
    ensemble.startAll();
    ensemble.run(100);
    ensemble.server(1).process!.take("io", () => {
      throw new TypeError("a bug");
    });
    expect(ensemble.violations[0].property).toBe("assert");
    expect(ensemble.violations[0].message).toContain("server 1: TypeError: a bug");
    expect(ensemble.server(1).isOn).toBe(false);
  });

  test("has a checker for each property, under a name of its own", () => {
    const ensemble = new SimEnsemble(drawParameters(3));
    const members = ensemble.servers.map(({ id }) => id);
    const checked = { members, voters: ensemble, localSessions: false, isCalm: true, stores: () => [] };
    const checkers = allCheckers(ensemble.history, checked, () => {});
    expect(new Set(checkers.map(({ property }) => property)).size).toBe(checkers.length);
    expect(checkers.length).toBeGreaterThan(20);
  });
});

describe("npm run sim", () => {
  test("fails with property, seed, commit and the command that replays it, if a checker fails", async () => {
    let output = "";
    const { code } = await runCommand(process.execPath, [
      join(root, "scripts/sim.ts"),
      "--seed",
      "5",
      "--seeds",
      "1",
      "--always-fail",
    ], { onOutput: (text) => output += text });
    expect(code).toBe(1);
    expect(output).toMatch(
      /^FAIL AlwaysFails: this checker always fails\n {2}seed 5 {3}commit [0-9a-f]{7} {3}tick \d+$/m,
    );
    expect(output).toContain("  replay: npm run sim -- --seed 5 --trace out.ndjson\n");
    expect(output).toMatch(/^0 passed, 1 failed\n1 seeds, /m);
  }, 60_000);

  test("writes a trace of one seed, a line of JSON for each event", async () => {
    const directory = mkdtempSync(join(tmpdir(), "zoon-sim-"));
    try {
      const file = join(directory, "out.ndjson");
      const { code } = await runCommand(process.execPath, [
        join(root, "scripts/sim.ts"),
        "--seed",
        "11",
        "--trace",
        file,
      ]);
      expect(code).toBe(0);
      const lines = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
      expect(lines.length).toBeGreaterThan(100);
      for (const line of lines) {
        expect(Object.keys(line)).toEqual(["tick", "server", "role", "epoch", "zxid", "message"]);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});

const noFaults = Object.fromEntries(
  Object.keys(drawParameters(1).faults).map((kind) => [kind, 0]),
) as ReturnType<
  typeof drawParameters
>["faults"];
