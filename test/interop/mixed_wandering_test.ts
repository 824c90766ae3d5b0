/** Ensembles that walk through random misfortunes and changes of implementation under load. Long form, but for one. */
import { expect, test } from "bun:test";
import { isLong } from "./long.ts";
import { type Flavor, target } from "./target.ts";
import { wander } from "./wandering.ts";

const walks: { flavors: Flavor[]; seeds: number[]; steps: number }[] = isLong
  ? [
    { flavors: [target, "apache-3.9.5"], seeds: [1, 2, 3, 4, 5, 6], steps: 16 },
    { flavors: [target, "apache-3.8"], seeds: [11, 12, 13], steps: 16 },
    { flavors: [target, "apache-3.8", "apache-3.9.5"], seeds: [21, 22, 23], steps: 16 },
  ]
  : [{ flavors: [target, "apache-3.9.5"], seeds: [1], steps: 6 }];

for (const { flavors, seeds, steps } of walks) {
  for (const seed of seeds) {
    test(`members that are ${flavors.join(" or ")}, seed ${seed}: every promise is kept`, async () => {
      const said: string[] = [];
      try {
        const report = await wander({ seed, steps, flavors, say: (line) => said.push(line) });
        expect(report.broken).toEqual([]);
        expect(report.load.acknowledged).toBeGreaterThan(steps);
      } catch (error) {
        console.error(said.join("\n"));
        throw error;
      }
    });
  }
}
