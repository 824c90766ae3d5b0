import { ConfigError } from "../../src/config/config_error.ts";
import { loadServerConfig } from "../../src/config/zoo_cfg.ts";
import { CliError, ExitCode } from "../_errors.ts";
import { readFile } from "../_read_file.ts";
import { nodePaths, plannedConfig } from "./ensemble_directory.ts";
import type { Layout } from "./layout.ts";
import { isOwnKey, newNodeConfig, type Setting } from "./node_config.ts";

/**
 * The keys of zoo.cfg that flags set.
 *
 * @throws {CliError} When one cannot be read, or is not for users to set.
 */
export function settingsOf(
  { tickTime, set = [] }: { readonly tickTime?: number; readonly set?: readonly string[] },
): Setting[] {
  const settings = set.map(readSetting);
  return tickTime === undefined ? settings : [["tickTime", String(tickTime)], ...settings];
}

function readSetting(text: string): Setting {
  const at = text.indexOf("=");
  const key = text.slice(0, at).trim();
  if (at < 1 || !/^[\w.]+$/.test(key)) {
    throw new CliError(
      ExitCode.usage,
      `--set ${text} must be a key and a value, such as --set snapCount=1000`,
    );
  }
  if (isOwnKey(key)) {
    throw new CliError(
      ExitCode.usage,
      `--set ${text}: an ensemble decides on ${key} itself; there are --data-dir, --base-port and --observers`,
    );
  }
  return [key, text.slice(at + 1).trim()];
}

/**
 * Reads the zoo.cfg that settings lead to as a server would, before anything is written.
 *
 * @param before The ensemble that is there and stays; undefined for a new one.
 * @throws {CliError} With what is wrong, by key.
 */
export function checkSettings(
  dataDir: string,
  layout: Layout,
  settings: readonly Setting[],
  before: Layout | undefined,
): void {
  if (settings.length === 0) return;
  const [node] = layout.nodes;
  const { id } = node;
  const { config, data } = nodePaths(dataDir, id);
  const text = before === undefined
    ? newNodeConfig(layout, node, data, settings)
    : plannedConfig(dataDir, layout, node, settings, before);
  try {
    loadServerConfig({
      file: config,
      overrides: [],
      serverId: id,
      readFile: (path) => path === config ? Buffer.from(text, "latin1") : readFile(path),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map(({ key, value, rule }) =>
      key === undefined ? rule : `${key}${value === undefined ? "" : `=${value}`} ${rule}`
    );
    throw new CliError(ExitCode.usage, problems.join("\n"));
  }
}
