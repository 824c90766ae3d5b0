/**
 * The directory of a local ensemble:
 *
 *     ensemble.json    what it is made of; its presence makes the directory an ensemble's
 *     zoon.pid         process id of the launcher
 *     control.sock     where the launcher takes orders from other terminals
 *     <id>/zoo.cfg     one directory per node, with its files of dynamic configuration beside this one
 *     <id>/zoon.pid    process id of the node, while it runs
 *     <id>/zoon.log    all its runs, the latest last
 *     <id>/data/       myid and version-2, as Apache's server keeps them
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseProperties } from "../../src/quorum/properties.ts";
import { CliError, ExitCode } from "../_errors.ts";
import { type Layout, layoutSchema, type NodePlan } from "./layout.ts";
import { newNodeConfig, type Setting, withPorts, withSettings } from "./node_config.ts";

const layoutName = "ensemble.json";
/** What a launcher that was killed leaves behind; a directory with nothing else is as good as empty. */
const launcherFiles: readonly string[] = [".zoon.lock", "zoon.pid", "control.sock"];

/** Absolute paths of a node's files. */
export interface NodePaths {
  readonly home: string;
  readonly config: string;
  readonly data: string;
  readonly pidFile: string;
  readonly log: string;
}

/** Where a node keeps what. */
export function nodePaths(directory: string, id: number): NodePaths {
  const home = resolve(directory, String(id));
  return {
    home,
    config: join(home, "zoo.cfg"),
    data: join(home, "data"),
    pidFile: join(home, "zoon.pid"),
    log: join(home, "zoon.log"),
  };
}

/** Where the launcher writes its process id. */
export function launcherPidFile(directory: string): string {
  return resolve(directory, "zoon.pid");
}

/** Where the launcher listens for orders. */
export function controlPath(directory: string): string {
  return resolve(directory, "control.sock");
}

/** Whether somebody else's directory, known by its path alone, is that of an ensemble. */
export function isEnsemble(directory: string): boolean {
  return existsSync(join(directory, layoutName));
}

/**
 * Reads what ensemble a directory holds; undefined when it is empty or not there.
 *
 * @throws {CliError} When it holds something else: nothing of that is touched.
 */
export function readLayout(directory: string): Layout | undefined {
  const names = namesIn(directory);
  if (names === undefined || names.every((name) => launcherFiles.includes(name))) return undefined;
  if (!names.includes(layoutName)) {
    const some = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
    throw new CliError(
      ExitCode.failed,
      `${directory} is not the directory of an ensemble, and not empty (${some}): choose another --data-dir`,
    );
  }
  const path = join(directory, layoutName);
  const layout = layoutSchema.safeParse(jsonIn(path));
  if (layout.success) return layout.data;
  throw new CliError(
    ExitCode.failed,
    `${path} is not as zoon writes it (${problemOf(layout.error.issues)}): choose another --data-dir`,
  );
}

function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    const reason = code === "ENOTDIR" ? "it is not a directory" : message;
    throw new CliError(ExitCode.failed, `cannot use ${directory}: ${reason}`);
  }
}

function jsonIn(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function problemOf(issues: readonly { path: readonly PropertyKey[]; message: string }[]): string {
  const [{ path, message }] = issues;
  return path.length === 0 ? "it is no JSON object" : `${path.map(String).join(".")}: ${message}`;
}

/** Makes the directory if need be. @throws {CliError} When that cannot be. @returns Whether it was made. */
export function makeDirectory(directory: string): boolean {
  try {
    return mkdirSync(directory, { recursive: true }) !== undefined;
  } catch (error) {
    throw new CliError(ExitCode.failed, `cannot make ${directory}: ${(error as Error).message}`);
  }
}

/** Removes the nodes of an ensemble with their data, and nothing that is not an ensemble's. */
export function wipeEnsemble(directory: string, layout: Layout): void {
  for (const { id } of layout.nodes) rmSync(nodePaths(directory, id).home, { recursive: true, force: true });
  rmSync(join(directory, layoutName), { force: true });
}

/**
 * The files of every node, and what ensemble they are of. What is there stays, edits by hand included, but for
 * the settings given and the paths, which follow when the directory was moved.
 *
 * @param before What it was until now, if that had other ports.
 */
export function writeEnsemble(
  directory: string,
  layout: Layout,
  settings: readonly Setting[],
  before: Layout = layout,
): void {
  // First of all: whatever else may be missing after a crash is then written at the next start.
  writeWhole(join(directory, layoutName), `${JSON.stringify(layout, null, 2)}\n`);
  for (const node of layout.nodes) {
    const { home, config, data } = nodePaths(directory, node.id);
    mkdirSync(data, { recursive: true });
    const myid = join(data, "myid");
    if (!existsSync(myid)) writeWhole(myid, `${node.id}\n`);
    for (const path of dynamicFilesIn(home)) rewrite(path, (text) => withPorts(text, before, layout));
    const planned = plannedConfig(directory, layout, node, settings, before);
    if (!existsSync(config) || readFileSync(config, "latin1") !== planned) writeWhole(config, planned);
  }
}

/** The text of a node's zoo.cfg as {@link writeEnsemble} would leave it. */
export function plannedConfig(
  directory: string,
  layout: Layout,
  node: NodePlan,
  settings: readonly Setting[],
  before: Layout,
): string {
  const { home, config, data } = nodePaths(directory, node.id);
  if (!existsSync(config)) return newNodeConfig(layout, node, data, settings);
  return editedConfig(readFileSync(config, "latin1"), { before, layout, home, data, settings });
}

interface Edits {
  readonly before: Layout;
  readonly layout: Layout;
  readonly home: string;
  readonly data: string;
  readonly settings: readonly Setting[];
}

function editedConfig(text: string, { before, layout, home, data, settings }: Edits): string {
  const moved = withSettings(withPorts(text, before, layout), [["dataDir", data], ...settings]);
  const dynamic = parseProperties(moved).get("dynamicConfigFile")?.value;
  if (dynamic === undefined) return moved;
  const here = join(home, basename(dynamic));
  return existsSync(here) ? withSettings(moved, [["dynamicConfigFile", here]]) : moved;
}

/** Files to which reconfigurations move the server list (QuorumPeerConfig). */
function dynamicFilesIn(home: string): string[] {
  return readdirSync(home).filter((name) => name.startsWith("zoo.cfg.dynamic")).map((name) =>
    join(home, name)
  );
}

function rewrite(path: string, edit: (text: string) => string): void {
  const text = readFileSync(path, "latin1");
  const edited = edit(text);
  if (edited !== text) writeWhole(path, edited);
}

/** Nobody sees half of a file, and a full disk costs none. */
function writeWhole(path: string, text: string): void {
  const partial = `${path}.part`;
  writeFileSync(partial, text, "latin1");
  renameSync(partial, path);
}

/** The process id in a file; undefined when there is none. */
export function readPid(path: string): number | undefined {
  try {
    const [, digits] = /^([1-9][0-9]{0,9})\s*$/.exec(readFileSync(path, "latin1")) ?? [];
    return digits === undefined ? undefined : Number(digits);
  } catch {
    return undefined;
  }
}

/** When a file was last written, in ms of wall time; undefined when there is none. */
export function writtenAtMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
