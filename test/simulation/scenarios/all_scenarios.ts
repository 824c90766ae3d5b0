import type { Scenario } from "./scenario.ts";

/** Every scenario, in the order of their names. */
export const scenarios: readonly Scenario[] = [];
