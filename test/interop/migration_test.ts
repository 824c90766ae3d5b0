/** Rolling migration under a load from a stock client: nothing acknowledged is lost, no session is lost. */
import { expect, test } from "bun:test";
import { isLong } from "./long.ts";
import { migrate, type MigrationPlan } from "./migration.ts";
import { stockClients } from "./stock_load.ts";
import { type Flavor, target } from "./target.ts";

const apacheFlavors: Flavor[] = ["apache-3.8", "apache-3.9.5"];

/** By default each release and each way once, there and back; in the long form all of them with every client. */
const plans: MigrationPlan[] = isLong
  ? apacheFlavors.flatMap((from) =>
    [false, true].flatMap((fresh) =>
      stockClients.map((client) => ({ from, to: target, fresh, back: true, client }))
    )
  )
  : [
    { from: "apache-3.9.5", to: target, fresh: false, back: true, client: "java-3.9.5" },
    { from: "apache-3.8", to: target, fresh: true, back: true, client: "kazoo" },
  ];

for (const plan of plans) {
  const directories = plan.fresh ? "on fresh data directories" : "on the same data directories";
  test(`three ${plan.from} become ${target} one at a time ${directories} under ${plan.client}, and the same way back`, async () => {
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
