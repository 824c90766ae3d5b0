/** Set by the build (`--define`); absent when run from source. */
declare const ZOON_BUILD_DATE: string | undefined;

/** Zoon's own version: the one of package.json. */
export const zoonVersion = "0.1.0";

/** The version of Apache ZooKeeper whose behaviour is followed; clients switch features by it. */
export const zookeeperVersion = "3.9.5";

/** When the binary was built, such as `2026-11-21 01:17 UTC`. */
export const buildDate: string = typeof ZOON_BUILD_DATE === "string" ? ZOON_BUILD_DATE : "unknown";

/**
 * The version as four-letter words tell it, in the shape of Version.getFullVersion: number, dash, revision, comma,
 * build date. Readers such as kazoo take the digits up to the first dash.
 */
export const fullVersion = `${zookeeperVersion}-zoon-${zoonVersion}, built on ${buildDate}`;
