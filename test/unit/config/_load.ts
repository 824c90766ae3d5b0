import type { ConfigEntry } from "../../../src/config/entries.ts";
import { ConfigError, type LoadedConfig, loadServerConfig } from "../../../src/config/zoo_cfg.ts";

/** Files by path, and flags, in the place of a disk and a command line. */
export interface LoadInput {
  cfg?: string;
  files?: Record<string, string>;
  flags?: Record<string, string>;
  serverId?: number;
}

/** Loads a configuration of which `cfg`, if given, is `zoo.cfg`. */
export function load({ cfg, files = {}, flags = {}, serverId }: LoadInput): LoadedConfig {
  const all: Record<string, string> = cfg === undefined ? files : { ...files, "zoo.cfg": cfg };
  const overrides: ConfigEntry[] = Object.entries(flags).map(
    ([key, value]) => ({ key, value, where: `--${key}`, override: true }),
  );
  return loadServerConfig({
    file: cfg === undefined ? undefined : "zoo.cfg",
    overrides,
    serverId,
    readFile: (path) => all[path] === undefined ? undefined : new TextEncoder().encode(all[path]),
  });
}

/** @returns The message of the refusal. @throws {Error} When the configuration is taken. */
export function refusal(input: LoadInput): string {
  try {
    load(input);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("the configuration was taken");
}
