/** Rolling migration under a load from a stock client: nothing acknowledged is lost, no session is lost. */
import { expect, test } from "bun:test";
import { isLong } from "./long.ts";
import { migrate, type MigrationPlan } from "./migration.ts";
import { target } from "./target.ts";

/** To go on from each release in each way; by default each release and each way once, there and back. */
const plans: MigrationPlan[] = [
  { from: "apache-3.9.5", to: target, fresh: false, back: true },
  { from: "apache-3.8", to: target, fresh: true, back: true },
  ...(isLong
    ? [
      { from: "apache-3.9.5", to: target, fresh: true, back: true } as const,
      { from: "apache-3.8", to: target, fresh: false, back: true } as const,
    ]
    : []),
];

for (const plan of plans) {
  const directories = plan.fresh ? "on fresh data directories" : "on the same data directories";
  test(`three ${plan.from} become ${target} one at a time ${directories}, and the same way back`, async () => {
    const said: string[] = [];
    try {
      const report = await migrate(plan, (line) => said.push(line));
      expect(report.broken).toEqual([]);
      const { from, to } = plan;
      expect(report.steps.map((step) => step.to)).toEqual([to, to, to, from, from, from]);
      expect(report.load.reconnects).toBeGreaterThan(0);
    } catch (error) {
      console.error(said.join("\n"));
      throw error;
    }
  });
}
