/**
 * Who is judged and with which settings, shared by the suite and by the script that runs it.
 */
import { type RunningServer, type ServerOptions, startApache, startZoon } from "../interop/apache_server.ts";

/** Servers whose differences the suite knows. */
export type Flavor = "zoon" | "apache-3.8" | "apache-3.9.5";

/** Names of all flavours, for flags. */
export const flavors: readonly Flavor[] = ["zoon", "apache-3.8", "apache-3.9.5"];

/** Environment variables by which scripts/conformance.ts tells the suite what it faces. */
export const environment = {
  /** host:port */
  server: "ZK_CONFORMANCE_SERVER",
  /** A {@linkcode Flavor}; guessed from `srvr` when absent. */
  flavor: "ZK_CONFORMANCE_FLAVOR",
  /** Number of the process, of several that the server has, in which sessions begin; any when absent. */
  process: "ZK_CONFORMANCE_PROCESS",
  /** `1` when the runner knows how to start further servers of this flavour. */
  launch: "ZK_CONFORMANCE_LAUNCH",
  /** `1` when the server has {@linkcode suiteCfg} and {@linkcode suiteJvmProps}. */
  prepared: "ZK_CONFORMANCE_PREPARED",
} as const;

/** Credentials whose digest the prepared server knows as its superDigest. */
export const superCredentials = "super:test";

/** zoo.cfg lines of a prepared server. */
export const suiteCfg: Record<string, string> = {
  tickTime: "400",
  maxSessionTimeout: "60000",
  extendedTypesEnabled: "true",
  enforceQuota: "true",
  "DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
};

/** How often a prepared server looks for containers and TTL nodes to reap, in ms. */
export const reaperIntervalMs = 300;

/** System properties of a prepared Apache, which no line of its zoo.cfg can set. */
export const suiteJvmProps: Record<string, string> = {
  "znode.container.checkIntervalMs": String(reaperIntervalMs),
};

/** The same for Zoon, which reads them from zoo.cfg. */
export const suiteZoonCfg: Record<string, string> = { ...suiteCfg, ...suiteJvmProps };

/**
 * Starts a server of a flavour with the suite's settings, or with others over them.
 *
 * @param jvmProps System properties for an Apache over those of the suite.
 */
export function startPrepared(
  flavor: Flavor,
  options: ServerOptions = {},
  jvmProps: Record<string, string> = {},
): Promise<RunningServer> {
  if (flavor === "zoon") return startZoon({ ...options, cfg: { ...suiteZoonCfg, ...options.cfg } });
  const version = flavor === "apache-3.8" ? "3.8" : "3.9.5";
  const props = { ...suiteJvmProps, ...jvmProps };
  return startApache({ ...options, version, cfg: { ...suiteCfg, ...options.cfg }, jvmProps: props });
}
