/** Zoon's own version: the one of package.json. */
export const zoonVersion = "0.1.0";

/** The version of Apache ZooKeeper whose behaviour is followed; clients switch features by it. */
export const zookeeperVersion = "3.9.5";

/**
 * The version as four-letter words tell it, in the shape of Version.getFullVersion: number, dash, revision, comma,
 * build date. Readers such as kazoo take the digits up to the first dash.
 *
 * @param builtAt When the program was built, such as `2026-11-21 01:17 UTC`.
 */
export function fullVersion(builtAt: string): string {
  return `${zookeeperVersion}-zoon-${zoonVersion}, built on ${builtAt}`;
}
