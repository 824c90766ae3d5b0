/**
 * The server that the interop suite judges: the compiled Zoon, or Apache itself to judge the suite.
 */
import { type ApacheVersion, type RunningServer, startApache, startZoon } from "./apache_server.ts";

/** What a suite can be pointed at. */
export type Flavor = "zoon" | "apache-3.8" | "apache-3.9.5";

/** Names of all flavours. */
export const flavors: readonly Flavor[] = ["zoon", "apache-3.8", "apache-3.9.5"];

/** Environment variable that names the {@linkcode Flavor} under test. */
export const targetVariable = "ZOON_INTEROP_TARGET";

/** The flavour under test; Zoon unless the environment says otherwise. */
export const target: Flavor = chosenTarget();

/** zoo.cfg of a server that programs of ours drive: quick ticks, TTL nodes on. */
export const clientTestCfg: Record<string, string> = {
  tickTime: "400",
  maxSessionTimeout: "60000",
  extendedTypesEnabled: "true",
};

/** Settings that Apache takes only as system properties, and Zoon from zoo.cfg. */
export const reaperCfg: Record<string, string> = { "znode.container.checkIntervalMs": "300" };

/** Options of {@linkcode startFlavor}. */
export interface FlavorOptions {
  cfg?: Record<string, string>;
  /** Lines of zoo.cfg for Zoon, system properties for Apache. */
  properties?: Record<string, string>;
  dataDir?: string;
}

/** Starts a server of any flavour. */
export function startFlavor(flavor: Flavor, options: FlavorOptions = {}): Promise<RunningServer> {
  const { cfg, properties, dataDir } = options;
  if (flavor === "zoon") return startZoon({ cfg: { ...cfg, ...properties }, dataDir });
  const version = flavor.slice("apache-".length) as ApacheVersion;
  return startApache({ version, cfg, jvmProps: properties, dataDir });
}

/** Starts the server under test for programs of ours. */
export function startTarget(): Promise<RunningServer> {
  return startFlavor(target, { cfg: clientTestCfg, properties: reaperCfg });
}

function chosenTarget(): Flavor {
  const name = process.env[targetVariable] ?? "zoon";
  const found = flavors.find((flavor) => flavor === name);
  if (found === undefined) throw new Error(`${targetVariable}=${name}: known are ${flavors.join(", ")}`);
  return found;
}
