/**
 * From zoo.cfg and flags to a checked {@link ServerConfig}. What Apache refuses is refused, with file, line, key, value and
 * what would be right; so is nonsense that Apache silently takes for the default. An unknown key is nobody's mistake
 * here, as it may belong to another version. (QuorumPeerConfig)
 */
import { buildServerConfig, type ConfigNotice } from "./build_config.ts";
import { ConfigError, type ConfigProblem } from "./config_error.ts";
import { entriesWithoutFile } from "./defaults.ts";
import { ConfigEntries, type ConfigEntry } from "./entries.ts";
import { type KnownKey, knownKeyOf, knownKeys, type KnownValues } from "./keys.ts";
import { latin1, memberFileText, parseProperties, PropertiesError } from "../quorum/properties.ts";
import type { ServerConfig } from "./server_config.ts";
import { nextConfigPath, versionOfDynamicConfigPath } from "../quorum/config_files.ts";
import { isMemberKey } from "../quorum/member_lines.ts";
import type { Membership } from "../quorum/membership.ts";
import { MembershipTextError, parseMembershipText } from "../quorum/membership_text.ts";
import { findUnsupported, isKnownFamily } from "./unsupported.ts";

export { ConfigError, type ConfigProblem } from "./config_error.ts";
export type { ConfigNotice } from "./build_config.ts";

/** What a configuration is made of. */
export interface ConfigSources {
  /** Path of the zoo.cfg; without one the defaults of `defaults.ts` hold. */
  readonly file: string | undefined;
  /** Over the file, in order: flags. */
  readonly overrides: readonly ConfigEntry[];
  /** From `--id`; over `myid`. */
  readonly serverId: number | undefined;
  /**
   * Reads a whole file.
   * @returns undefined when there is no such file.
   * @throws {Error} When it is there and cannot be read.
   */
  readFile(path: string): Uint8Array | undefined;
  /** Makes a path absolute; absent where paths are so already. */
  absolute?(path: string): string;
}

/** A configuration, and what an operator should hear about it. */
export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly notices: readonly ConfigNotice[];
}

/**
 * Reads and checks everything a server is told at its start: zoo.cfg, the dynamic file it names, `myid`, flags.
 *
 * @throws {ConfigError} With all that is wrong.
 */
export function loadServerConfig(sources: ConfigSources): LoadedConfig {
  const entries = new ConfigEntries();
  for (
    const entry of sources.file === undefined
      ? entriesWithoutFile
      : readEntries(sources.file, sources, latin1)
  ) {
    entries.add(entry);
  }
  for (const entry of sources.overrides) entries.add(entry);

  const { values, whereOf, problems } = checkEntries(entries);
  if (problems.length > 0) throw new ConfigError(problems);

  const serverList = values.dynamicConfigFile === undefined
    ? { entries: [...entries], version: 0 }
    : readDynamicFile(values.dynamicConfigFile, entries, sources);
  const notices: ConfigNotice[] = [];
  const config = buildServerConfig({
    file: sources.file,
    values,
    whereOf,
    serverList,
    keptBeside: keptBeside(entries, sources),
    lastSeen: values.dynamicConfigFile === undefined ? undefined : readLastSeen(sources),
    serverId: sources.serverId ?? readMyId(values.dataDir, sources),
    notices,
  });

  const unsupported = findUnsupported(
    [...entries].map(({ key, value }) => [knownKeyOf(key) ?? key, value]),
    values,
  );
  if (unsupported.length > 0) {
    notices.push({
      level: "warn",
      message: "These settings are known but not supported yet and have no effect",
      fields: { keys: unsupported.join(", ") },
    });
  }
  const unknown = [...entries].map(({ key }) => key).filter(isUnknown);
  if (unknown.length > 0) {
    notices.push({
      level: "debug",
      message: "Unknown settings are passed over",
      fields: { keys: unknown.join(", ") },
    });
  }
  return { config, notices };
}

function isUnknown(key: string): boolean {
  return knownKeyOf(key) === undefined && !isKnownFamily(key) && !isMemberKey(key) && key !== "version";
}

function readEntries(
  path: string,
  sources: ConfigSources,
  decode: (bytes: Uint8Array) => string,
): ConfigEntry[] {
  const bytes = readBytes(path, sources);
  if (bytes === undefined) throw new ConfigError([{ where: path, rule: "there is no such file" }]);
  try {
    return Array.from(
      parseProperties(decode(bytes)),
      ([key, { value, line }]) => ({ key, value, where: `${path}:${line}` }),
    );
  } catch (error) {
    if (!(error instanceof PropertiesError)) throw error;
    throw new ConfigError([{ where: `${path}:${error.line}`, rule: error.message }]);
  }
}

interface CheckedEntries {
  values: KnownValues;
  /** The entry each value came from. */
  whereOf: ReadonlyMap<KnownKey, ConfigEntry>;
  problems: ConfigProblem[];
}

function checkEntries(entries: ConfigEntries): CheckedEntries {
  const values: Record<string, unknown> = {};
  const whereOf = new Map<KnownKey, ConfigEntry>();
  const problems: ConfigProblem[] = [];
  for (const entry of entries) {
    const key = knownKeyOf(entry.key);
    if (key === undefined) continue;
    const type = knownKeys[key];
    const result = type.schema().safeParse(entry.value);
    if (result.success) values[key] = result.data;
    else problems.push({ ...entry, rule: `must be ${type.expected}` });
    whereOf.set(key, entry);
  }
  return { values, whereOf, problems };
}

/** @throws {ConfigError} When it is missing, has other keys, or zoo.cfg has a server list besides. */
function readDynamicFile(
  path: string,
  staticEntries: ConfigEntries,
  sources: ConfigSources,
): { entries: ConfigEntry[]; version: number } {
  const problems: ConfigProblem[] = [];
  for (const entry of staticEntries) {
    if (isMemberKey(entry.key)) {
      problems.push({ ...entry, rule: `must be in the dynamic file ${path}, as dynamicConfigFile is set` });
    }
  }
  const entries = readEntries(path, sources, memberFileText);
  for (const entry of entries) {
    if (entry.key === "version") {
      problems.push({
        ...entry,
        rule: "must not be in the dynamic file: its version is the end of the file's name",
      });
    } else if (!isMemberKey(entry.key)) {
      problems.push({
        ...entry,
        rule: "is not a key of a dynamic file, which has server.N, group.N and weight.N",
      });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { entries, version: versionOfDynamicConfigPath(path) };
}

/** Where a changing membership is kept: nowhere when it comes from flags, as these would bring back the old one. */
function keptBeside(entries: ConfigEntries, { file, absolute }: ConfigSources): string | undefined {
  if (file === undefined) return undefined;
  for (const { key, override } of entries) {
    if (override && (isMemberKey(key) || key === "dynamicConfigFile")) return undefined;
  }
  return absolute === undefined ? file : absolute(file);
}

/**
 * Reads `<zoo.cfg>.dynamic.next`, the configuration that was proposed and not known to be committed when the server
 * stopped. (QuorumPeerConfig.parse, which looks for it only where there is a dynamic file)
 *
 * @throws {ConfigError} When it is there and makes no sense: what this server promised would be forgotten.
 */
function readLastSeen(sources: ConfigSources): Membership | undefined {
  if (sources.file === undefined) return undefined;
  const path = nextConfigPath(sources.file);
  const bytes = readBytes(path, sources);
  if (bytes === undefined) return undefined;
  try {
    return parseMembershipText(memberFileText(bytes));
  } catch (error) {
    if (!(error instanceof MembershipTextError)) throw error;
    throw new ConfigError([{ where: path, rule: error.message }]);
  }
}

/** Reads `myid` in the data directory; undefined when there is none. Its first line is the id, without blanks. */
function readMyId(dataDir: string | undefined, sources: ConfigSources): number | undefined {
  if (dataDir === undefined) return undefined;
  const path = `${dataDir}/myid`;
  const bytes = readBytes(path, sources);
  if (bytes === undefined) return undefined;
  const [line] = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/);
  if (!/^[+-]?[0-9]{1,15}$/.test(line)) {
    throw new ConfigError([{
      where: `${path}:1`,
      rule: `must be the server's id, a whole number, not "${line}"`,
    }]);
  }
  return Number(line);
}

function readBytes(path: string, sources: ConfigSources): Uint8Array | undefined {
  try {
    return sources.readFile(path);
  } catch (error) {
    throw new ConfigError([{ where: path, rule: `cannot be read: ${messageOf(error)}` }]);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
