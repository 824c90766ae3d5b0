import { resolve } from "node:path";
import type { ConfigSources } from "../src/config/zoo_cfg.ts";
import type { ConfigEntry } from "../src/config/entries.ts";
import { CliError, ExitCode } from "./_errors.ts";
import { readFile } from "./_read_file.ts";
import { configFlags, type ServerFlags } from "./server.ts";

/**
 * What a server's configuration is made of, from the command line.
 *
 * @throws {CliError} When `--set` or `--id` cannot be read; the values of keys are judged later.
 */
export function configSources(file: string | undefined, flags: ServerFlags): ConfigSources {
  const overrides: ConfigEntry[] = (flags.set ?? []).map(readSetting);
  for (const [flag, key] of Object.entries(configFlags) as [keyof typeof configFlags, string][]) {
    const value = flags[flag];
    if (value !== undefined) overrides.push(overrideOf(key, value, flagName(flag)));
  }
  return { file, overrides, serverId: readServerId(flags.id), readFile, absolute: (path) => resolve(path) };
}

function readSetting(setting: string): ConfigEntry {
  const at = setting.indexOf("=");
  if (at < 1) {
    throw new CliError(
      ExitCode.usage,
      `--set ${setting} must be a key and a value, such as --set snapCount=1000`,
    );
  }
  const key = setting.slice(0, at).trim();
  return overrideOf(key, setting.slice(at + 1).trim(), "--set");
}

/** Who names a directory on the command line means it from where he is. */
function overrideOf(key: string, value: string, where: string): ConfigEntry {
  const isDirectory = (key === "dataDir" || key === "dataLogDir") && value !== "";
  return { key, value: isDirectory ? resolve(value) : value, where, override: true };
}

function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function readServerId(id: string | undefined): number | undefined {
  if (id === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(id)) {
    throw new CliError(ExitCode.usage, `--id ${id} must be a whole number, this server's id`);
  }
  return Number(id);
}
