/**
 * Runs one seed on two servers at once and stops at the first difference that nothing explains.
 */
import type { Target } from "../wire/connection.ts";
import { Generator } from "./generator.ts";
import { comparesEventZxids, knownDifferences, profileOf } from "./known.ts";
import { Player, type Seen } from "./player.ts";
import { requestsIn, type Window } from "./steps.ts";

/** A server to compare. */
export interface Side extends Target {
  flavor: string;
}

/** The first difference of a run. */
export interface Difference {
  windowIndex: number;
  /** Index of the request in its window, -1 when it is not the answer to one. */
  stepIndex: number;
  window: Window;
  /** The request in words. */
  request: string;
  lane: string;
  a: string;
  b: string;
}

/** What a run came to. */
export interface Outcome {
  requests: number;
  windows: number;
  /** Times that each known difference was met, by its reason. */
  forgiven: Map<string, number>;
  difference?: Difference;
}

/**
 * Sends the run of `seed` to two empty servers until `requests` requests were answered.
 *
 * @param tell Called now and then with the number of requests so far.
 */
export async function compare(
  sides: [Side, Side],
  options: { seed: number; requests: number; tell?: (requests: number) => void },
): Promise<Outcome> {
  const flavors: [string, string] = [sides[0].flavor, sides[1].flavor];
  const generator = new Generator(options.seed, profileOf(flavors));
  const eventZxids = comparesEventZxids(flavors);
  const players = await Promise.all(sides.map((side) => Player.start(side, eventZxids)));
  const outcome: Outcome = { requests: 0, windows: 0, forgiven: new Map() };
  while (outcome.requests < options.requests) {
    const window = generator.next();
    const playing = players.map((player) => player.play(window));
    const [a, b] = await Promise.all(playing).catch((cause) => {
      const sent = "steps" in window
        ? window.steps.map((step) => `  slot ${step.slot} ${step.text}`)
        : [JSON.stringify(window)];
      throw new Error(
        `Seed ${options.seed} broke in window ${outcome.windows}: ${cause.message}\n${sent.join("\n")}`,
        { cause },
      );
    });
    outcome.windows++;
    outcome.requests += requestsIn(window);
    outcome.difference = firstDifference(window, outcome, a, b, flavors);
    if (outcome.difference !== undefined) return outcome;
    options.tell?.(outcome.requests);
  }
  await Promise.all(players.map((player) => player.stop()));
  return outcome;
}

const nothing: Seen = { lane: "", step: -1, text: "nothing" };

/** Finds where two transcripts of a window part. */
export function firstDifference(
  window: Window,
  outcome: Outcome,
  a: readonly Seen[],
  b: readonly Seen[],
  flavors: [string, string],
): Difference | undefined {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i] ?? nothing, b[i] ?? nothing];
    if (left.text === right.text && left.lane === right.lane && left.step === right.step) continue;
    const stepIndex = Math.max(left.step, right.step);
    const request = requestOf(window, stepIndex);
    const known = knownDifferences.find((one) => one.explains(request, left.text, right.text, flavors));
    if (known !== undefined && left.lane === right.lane) {
      outcome.forgiven.set(known.reason, (outcome.forgiven.get(known.reason) ?? 0) + 1);
      continue;
    }
    const lane = left.lane === right.lane ? left.lane : `${left.lane || "-"} against ${right.lane || "-"}`;
    return { windowIndex: outcome.windows, stepIndex, window, request, lane, a: left.text, b: right.text };
  }
  return undefined;
}

function requestOf(window: Window, stepIndex: number): string {
  if ("steps" in window) {
    return stepIndex >= 0 ? window.steps[stepIndex].text : `one of ${window.steps.length} requests`;
  }
  return JSON.stringify(window);
}

/** A difference for people: how to meet it again, what was asked, what came back, and what was sent around it. */
export function describe(
  difference: Difference,
  seed: number,
  requests: number,
  names: [string, string],
): string {
  const { window } = difference;
  const lines = [
    `DIFFERENCE in window ${difference.windowIndex} (${window.kind}), ${difference.lane}, within the first ${requests} requests`,
    `  request: ${difference.request}`,
    `  a ${names[0]}: ${difference.a}`,
    `  b ${names[1]}: ${difference.b}`,
  ];
  if ("steps" in window) {
    lines.push(`  the window:`);
    window.steps.forEach((step, i) =>
      lines.push(`  ${i === difference.stepIndex ? ">" : " "} ${i} slot ${step.slot} ${step.text}`)
    );
  }
  lines.push(
    `  replay: bun scripts/differential.ts --seed ${seed} --requests ${requests} --a ${names[0]} --b ${
      names[1]
    }`,
  );
  return lines.join("\n");
}
