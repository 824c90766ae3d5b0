import { describe, expect, test } from "bun:test";
import { basePortMax } from "../../../../cli/ensemble/limits.ts";
import {
  connectionString,
  layoutSchema,
  movedLayout,
  planLayout,
  sizeText,
  votersOf,
} from "../../../../cli/ensemble/layout.ts";
import { portsOf } from "../../../../cli/ensemble/ports.ts";

describe("planLayout()", () => {
  test("numbers voters from 1, observers after them, and spreads ports by hundreds", () => {
    const layout = planLayout({ voters: 2, observers: 1, basePort: 2181 });
    expect(layout.nodes).toEqual([
      { id: 1, role: "participant", clientPort: 2181, quorumPort: 2281, electionPort: 2381 },
      { id: 2, role: "participant", clientPort: 2182, quorumPort: 2282, electionPort: 2382 },
      { id: 3, role: "observer", clientPort: 2183, quorumPort: 2283, electionPort: 2383 },
    ]);
    expect(votersOf(layout)).toBe(2);
    expect(connectionString(layout)).toBe("127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183");
    expect(sizeText(layout)).toBe("2 servers and 1 observer");
  });

  test("never gives a port twice, nor one that does not exist, even to the greatest ensemble", () => {
    const layout = planLayout({ voters: 50, observers: 50, basePort: basePortMax });
    const ports = portsOf(layout).map(({ port }) => port);
    expect(new Set(ports).size).toBe(300);
    expect(Math.max(...ports)).toBe(65_535);
    expect(layoutSchema.parse(layout)).toEqual(layout);
  });
});

test("movedLayout() keeps the nodes and moves their ports", () => {
  const layout = planLayout({ voters: 1, observers: 1, basePort: 2181 });
  expect(movedLayout(layout, 3000)).toEqual(planLayout({ voters: 1, observers: 1, basePort: 3000 }));
});
