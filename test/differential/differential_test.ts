/**
 * The differential runner judged by itself: seeds repeat, and a difference is found, forgiven or reported.
 */
import { describe as group, expect, test } from "bun:test";
import { opcode } from "../wire/codes.ts";
import { describe, firstDifference, type Outcome } from "./compare.ts";
import { Generator } from "./generator.ts";
import { knownDifferences, profileOf } from "./known.ts";
import type { Seen } from "./player.ts";
import { Random } from "./random.ts";
import { slotCount, slotRoot, type Window } from "./steps.ts";

const profile = profileOf(["apache-3.9.5", "zoon"]);

/** A run's first windows with the bodies that need no server written out. */
function windowsOf(seed: number, count: number): Window[] {
  const generator = new Generator(seed, profile);
  return Array.from({ length: count }, () => generator.next());
}

const textOf = (windows: Window[]) =>
  JSON.stringify(
    windows,
    (_key, value) => value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
  );

const seen = (lane: string, step: number, text: string): Seen => ({ lane, step, text });
const outcomeOf = (): Outcome => ({ requests: 1, windows: 7, forgiven: new Map() });
const window: Window = {
  kind: "serial",
  steps: [{ slot: 0, type: opcode.delete, body: new Uint8Array(0), text: 'checkWatches "/d/s0/a" 3' }],
};

group("differential runs", () => {
  test("the same seed makes the same run, another seed another one", () => {
    expect(textOf(windowsOf(5, 300))).toBe(textOf(windowsOf(5, 300)));
    expect(textOf(windowsOf(5, 300))).not.toBe(textOf(windowsOf(6, 300)));
  });

  test("random numbers stay in their bounds and reach both ends", () => {
    const random = new Random(1);
    const drawn = new Set(Array.from({ length: 1_000 }, () => random.between(-1, 3)));
    expect([...drawn].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3]);
    expect(Array.from({ length: 1_000 }, () => random.weighted([[0, "never"], [1, "always"]]))).not.toContain(
      "never",
    );
  });

  test("a run holds every kind of window and every request type of clients", () => {
    const windows = windowsOf(9, 3_000);
    expect(new Set(windows.map((one) => one.kind)).size).toBe(7);
    const types = new Set(windows.flatMap((one) => "steps" in one ? one.steps.map((step) => step.type) : []));
    for (const [name, type] of Object.entries(opcode)) {
      const isClients = ![
        "check",
        "reconfig",
        "deleteContainer",
        "sasl",
        "createSession",
        "closeSession",
        "error",
      ].includes(name);
      if (isClients) expect([name, types.has(type)]).toEqual([name, true]);
    }
  });

  test("concurrent sessions keep strictly below their own roots", () => {
    const steps = windowsOf(3, 2_000).flatMap((one) => one.kind === "concurrent" ? one.steps : []);
    expect(steps.length).toBeGreaterThan(1_000);
    for (const step of steps) {
      const body = typeof step.body === "function" ? step.body(() => 0n) : step.body;
      const text = Buffer.from(body).toString("latin1");
      for (let slot = 0; slot < slotCount; slot++) {
        const paths = text.split(slotRoot(slot)).slice(1);
        if (slot !== step.slot) expect([step.text, paths]).toEqual([step.text, []]);
        for (const rest of paths) expect([step.text, rest[0]]).toEqual([step.text, "/"]);
      }
    }
  });

  test("what a release of old does not know is not generated for it", () => {
    const generator = new Generator(4, profileOf(["apache-3.8", "zoon"]));
    const steps = Array.from({ length: 2_000 }, () => generator.next()).flatMap((one) =>
      "steps" in one ? one.steps : []
    );
    expect(steps.some((step) => step.type === opcode.addWatch)).toBe(false);
    expect(steps.some((step) => step.type === opcode.multi && step.text.includes("create2"))).toBe(false);
  });

  test("equal transcripts have no difference", () => {
    const lines = [seen("slot 0", 0, "delete OK"), seen("all", -1, "zxid +1")];
    expect(firstDifference(window, outcomeOf(), lines, [...lines], ["zoon", "zoon"])).toBeUndefined();
  });

  test("a difference is reported with its request, both answers and the command to meet it again", () => {
    const a = [seen("slot 0", 0, "delete OK zxid +1")];
    const b = [seen("slot 0", 0, "delete NONODE zxid +1")];
    const found = firstDifference(window, outcomeOf(), a, b, ["apache-3.9.5", "zoon"]);
    expect(found).toMatchObject({ windowIndex: 7, stepIndex: 0, a: a[0].text, b: b[0].text });
    const text = describe(found!, 42, 1_000, ["apache-3.9.5", "zoon"]);
    expect(text).toContain("delete OK zxid +1");
    expect(text).toContain("delete NONODE zxid +1");
    expect(text).toContain("--seed 42 --requests 1000 --a apache-3.9.5 --b zoon");
  });

  test("an answer or an event that one side lacks is a difference", () => {
    const a = [seen("slot 0", 0, "delete OK"), seen("slot 0", -1, "event deleted /d/s0/a")];
    expect(firstDifference(window, outcomeOf(), a, a.slice(0, 1), ["zoon", "zoon"])).toMatchObject({
      b: "nothing",
    });
  });

  test("a known difference is counted and forgiven, but not for servers it says nothing about", () => {
    const a = [seen("slot 0", 0, "checkWatches OK zxid +1")];
    const b = [seen("slot 0", 0, "checkWatches NOWATCHER zxid +1")];
    const outcome = outcomeOf();
    expect(firstDifference(window, outcome, a, b, ["apache-3.8", "zoon"])).toBeUndefined();
    expect([...outcome.forgiven.values()]).toEqual([1]);
    expect(firstDifference(window, outcomeOf(), a, b, ["apache-3.9.5", "zoon"])).toBeDefined();
    for (const known of knownDifferences) expect(known.reason.length).toBeGreaterThan(20);
  });
});
