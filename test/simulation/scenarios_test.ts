import { expect, test } from "bun:test";
import { runScenario } from "./seed_run.ts";
import { scenarios } from "./scenarios/all_scenarios.ts";

for (const scenario of scenarios) {
  test(`${scenario.name}: ${scenario.summary}`, async () => {
    expect(await runScenario(scenario)).toBeNull();
  }, 60_000);
}
