/** Our own bug: a rule of this program does not hold. Never caught; the process stops (error kind 3 of the design). */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/**
 * Stops the program when one of its own rules is broken; never used on input from outside.
 *
 * @param ok The condition that must hold.
 * @param rule Which rule, in words.
 * @throws {AssertionError} If `ok` is false.
 */
export function assert(ok: boolean, rule: string): asserts ok {
  if (!ok) throw new AssertionError(`broken rule: ${rule}`);
}
