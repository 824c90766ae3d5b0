/** What can be measured, and in which mix. */

/** Operations that may be mixed, in the order of the report. */
export const mixableOperations = [
  "get",
  "exists",
  "children",
  "set",
  "create",
  "delete",
  "create-ephemeral",
  "multi",
  "sync",
] as const;

/** Operations that are a load of their own. */
export const loneOperations = ["watch", "connect"] as const;

/** Every operation there is. */
export const operationNames = [...mixableOperations, ...loneOperations] as const;

/** One of the operations. */
export type OperationName = (typeof operationNames)[number];

/** An operation and how often it is asked for, beside the others. */
export interface MixPart {
  readonly operation: OperationName;
  /** Any number above 0. */
  readonly weight: number;
}

const changing: ReadonlySet<OperationName> = new Set([
  "set",
  "create",
  "delete",
  "create-ephemeral",
  "multi",
]);

/** Whether the ensemble has to agree on it. */
export function isWrite(operation: OperationName): boolean {
  return changing.has(operation);
}

/** Ten reads to one write. */
export const defaultMix: readonly MixPart[] = [
  { operation: "get", weight: 10 },
  { operation: "set", weight: 1 },
];

/**
 * Reads `get=10,set=1`; an operation without a number weighs 1.
 *
 * @returns The parts, or a sentence that says what is wrong.
 */
export function parseMix(text: string): readonly MixPart[] | string {
  const weights = new Map<OperationName, number>();
  for (const part of text.split(",")) {
    const [name, weightText = "1"] = part.trim().split("=", 2);
    const operation = operationNames.find((each) => each === name);
    if (operation === undefined) return `"${name}" is none of ${operationNames.join(", ")}.`;
    const weight = /^\d{1,9}(\.\d{1,6})?$/.test(weightText) ? Number(weightText) : -1;
    if (weight < 0) return `The weight of ${operation} is "${weightText}", and must be a number.`;
    if (weights.has(operation)) return `${operation} is named twice.`;
    if (weight > 0) weights.set(operation, weight);
  }
  const mix = operationNames.filter((operation) => weights.has(operation))
    .map((operation) => ({ operation, weight: weights.get(operation)! }));
  if (mix.length === 0) return "No operation has a weight above 0.";
  const lone = mix.find(({ operation }) => isLone(operation));
  if (lone !== undefined && mix.length > 1) return `${lone.operation} cannot be mixed with others.`;
  return mix;
}

/** Whether it is a load of its own. */
export function isLone(operation: OperationName): boolean {
  return operation === "watch" || operation === "connect";
}

/** The mix of gets and sets that has this part (0 to 1) of gets. */
export function mixOfReadRatio(ratio: number): readonly MixPart[] {
  const mix: MixPart[] = [
    { operation: "get", weight: ratio },
    { operation: "set", weight: 1 - ratio },
  ];
  return mix.filter(({ weight }) => weight > 0);
}

/** As {@link parseMix} reads it. */
export function mixText(mix: readonly MixPart[]): string {
  return mix.map(({ operation, weight }) => `${operation}=${Number(weight.toFixed(6))}`).join(",");
}
