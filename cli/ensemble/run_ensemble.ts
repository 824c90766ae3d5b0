import { rmdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { DiskError } from "../../src/base/disk.ts";
import { fileWriter, LineWriter } from "../../src/io/log_sink.ts";
import { nodeDisk } from "../../src/io/node_disk.ts";
import { processIdentity } from "../../src/io/process_identity.ts";
import { type DataLock, lockDataDir } from "../../src/storage/data_lock.ts";
import { DataDirectoryError } from "../../src/storage/errors.ts";
import { CliError, ExitCode } from "../_errors.ts";
import { selfCommand, selfName } from "../_self.ts";
import { isScreen, paintOf } from "../_style.ts";
import { defaultDataDir, type EnsembleFlags } from "../ensemble.ts";
import { askLauncher } from "./control_client.ts";
import { serveControl } from "./control_server.ts";
import {
  controlPath,
  launcherPidFile,
  makeDirectory,
  nodePaths,
  readLayout,
  readPid,
  wipeEnsemble,
  writeEnsemble,
} from "./ensemble_directory.ts";
import type { Hints } from "./event_text.ts";
import { JsonDisplay } from "./json_display.ts";
import { Launcher } from "./launcher.ts";
import type { Display } from "./launcher_event.ts";
import { connectionString, type Layout, movedLayout, planLayout, sizeText, votersOf } from "./layout.ts";
import { endLeftovers } from "./leftovers.ts";
import { dataDirFlag, nextSteps } from "./next_steps.ts";
import { LiveDisplay } from "./live_display.ts";
import { PlainDisplay } from "./plain_display.ts";
import { busyPorts, busyPortsText, freeBasePort, nextBasePorts, randomBasePorts } from "./ports.ts";
import { checkSettings, settingsOf } from "./settings.ts";

const defaultVoters = 3;
const defaultBasePort = 2181;

/**
 * Runs an ensemble until it is told to stop; then ends the process.
 *
 * @param voters Undefined for three, or for what is in the directory.
 * @throws {CliError} When it cannot start.
 */
export async function runEnsemble(voters: number | undefined, flags: EnsembleFlags): Promise<void> {
  const dataDir = flags.dataDir ?? defaultDataDir;
  const notices: string[] = [];
  const found = readLayout(dataDir);
  const before = flags.fresh === true ? undefined : found;
  if (before !== undefined) notices.push(...sizeNotices(before, voters, flags.observers, dataDir));
  const settings = settingsOf(flags);

  const made = makeDirectory(dataDir);
  const lock = await lockEnsemble(dataDir);
  let layout: Layout;
  try {
    if (found !== undefined) notices.push(...await endLeftovers(dataDir, found));
    layout = await chooseLayout(before, voters, flags, dataDir);
    // All that may be wrong is found out before anything is removed.
    checkSettings(dataDir, layout, settings, before);
    if (flags.fresh === true && found !== undefined) wipeEnsemble(dataDir, found);
    writeEnsemble(dataDir, layout, settings, before);
    writeFileSync(launcherPidFile(dataDir), `${process.pid}\n`);
  } catch (error) {
    lock.release();
    if (made) removeEmpty(dataDir);
    throw startFailure(error);
  }

  const output = new LineWriter(fileWriter(1));
  process.on("exit", () => output.writeWaitingNow());
  const display = displayFor(flags, layout, dataDir, (text) => output.writeLine(text));
  const launcher = new Launcher({
    layout,
    dataDir,
    display,
    pathsOf: (id) => nodePaths(dataDir, id),
    command: selfCommand(),
  });
  onStopAsked(flags.exitWithParent === true, launcher);
  for (const message of notices) display.tell({ event: "notice", message });
  launcher.start();

  const control = await serveControl(controlPath(dataDir), (request) => launcher.handle(request))
    .catch((error: Error) => {
      const message = `other terminals cannot give orders: ${error.message}`;
      display.tell({ event: "notice", message });
      return undefined;
    });
  const end = await launcher.done;
  await control?.close();
  rmSync(launcherPidFile(dataDir), { force: true });
  lock.release();
  await output.drain();
  process.exit(end === "stopped" ? ExitCode.done : ExitCode.failed);
}

/** What to say when a directory has an ensemble of another size than asked for. */
function sizeNotices(
  layout: Layout,
  voters: number | undefined,
  observers: number | undefined,
  dataDir: string,
): string[] {
  const has = votersOf(layout);
  const alike = (voters ?? has) === has &&
    (observers ?? layout.nodes.length - has) === layout.nodes.length - has;
  if (alike) return [];
  const fresh = planLayout({ ...newSize(voters, observers), basePort: layout.basePort });
  return [
    `${dataDir} holds an ensemble of ${sizeText(layout)}, which is started as it is; ` +
    `--fresh would replace it by one of ${sizeText(fresh)}`,
  ];
}

function newSize(voters: number | undefined, observers: number | undefined) {
  return { voters: voters ?? defaultVoters, observers: observers ?? 0 };
}

/** @throws {CliError} When another launcher has the directory: tells how to see and to stop its ensemble. */
async function lockEnsemble(dataDir: string): Promise<DataLock> {
  try {
    return lockDataDir(nodeDisk, resolve(dataDir), processIdentity);
  } catch (error) {
    if (!(error instanceof DataDirectoryError)) throw startFailure(error);
  }
  const pid = readPid(launcherPidFile(dataDir));
  const flag = dataDirFlag(dataDir);
  const running = await askLauncher(controlPath(dataDir), { command: "status" }).catch(() => undefined);
  const state = running === undefined ? "is being started or stopped" : "runs already";
  throw new CliError(
    ExitCode.failed,
    `the ensemble in ${dataDir} ${state}${pid === undefined ? "" : ` (process ${pid})`}: ` +
      `"${selfName()} ensemble status${flag}" shows it, "${selfName()} ensemble down${flag}" stops it`,
  );
}

/** Decides on nodes and ports. @throws {CliError} When ports are busy. */
async function chooseLayout(
  before: Layout | undefined,
  voters: number | undefined,
  flags: EnsembleFlags,
  dataDir: string,
): Promise<Layout> {
  const size = before === undefined
    ? newSize(voters, flags.observers)
    : { voters: votersOf(before), observers: before.nodes.length - votersOf(before) };
  const withBase = (basePort: number) =>
    before === undefined ? planLayout({ ...size, basePort }) : movedLayout(before, basePort);
  // What was given free ports once keeps them.
  const asked = flags.basePort === 0 && before !== undefined ? undefined : flags.basePort;
  if (asked === 0) {
    const basePort = await freeBasePort(size, randomBasePorts());
    if (basePort === undefined) throw new CliError(ExitCode.failed, "found no free ports");
    return withBase(basePort);
  }
  const layout = before !== undefined && (asked === undefined || asked === before.basePort)
    ? before
    : withBase(asked ?? defaultBasePort);
  const busy = await busyPorts(layout);
  if (busy.length === 0) return layout;
  const other = await freeBasePort(size, nextBasePorts(layout.basePort));
  const retry = other === undefined
    ? undefined
    : `${selfName()} ensemble${sizeFlags(voters, flags)}${dataDirFlag(dataDir)} --base-port ${other}`;
  throw new CliError(ExitCode.failed, busyPortsText(busy, { zoon: selfName(), retry }));
}

function sizeFlags(voters: number | undefined, { observers, fresh }: EnsembleFlags): string {
  return (voters === undefined ? "" : ` ${voters}`) +
    (observers === undefined ? "" : ` --observers ${observers}`) + (fresh === true ? " --fresh" : "");
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Something is in it by now.
  }
}

function startFailure(error: unknown): unknown {
  if (error instanceof CliError) return error;
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (!(error instanceof DiskError) && code === undefined) return error;
  return new CliError(ExitCode.failed, `cannot use ${path ?? "the data directory"}: ${message}`);
}

function displayFor(
  flags: EnsembleFlags,
  layout: Layout,
  dataDir: string,
  write: (text: string) => void,
): Display {
  if (flags.json === true) return new JsonDisplay(write);
  const steps = { zoon: selfName(), hosts: connectionString(layout), dataDir, voters: votersOf(layout) };
  const hints: Hints = (leader) => nextSteps({ ...steps, leader });
  if (!isScreen()) return new PlainDisplay(write, hints);
  const terminal = {
    write,
    get columns() {
      return process.stdout.columns ?? 80;
    },
    get rows() {
      return process.stdout.rows ?? 24;
    },
  };
  const live = new LiveDisplay(terminal, { paint: paintOf(true), hints, wallMs: () => Date.now() });
  process.stdout.on("resize", () => live.resized());
  return live;
}

const parentCheckMs = 250;

/** Stops the ensemble once this process is asked to. Only who types Ctrl-C twice is in a hurry. */
function onStopAsked(exitWithParent: boolean, launcher: Launcher): void {
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (signal === "SIGINT" && interrupted) {
        launcher.killAll();
        process.exit(ExitCode.failed);
      }
      interrupted ||= signal === "SIGINT";
      void launcher.stop(signal);
    });
  }
  if (!exitWithParent) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    void launcher.stop("the parent process is gone");
  }, parentCheckMs);
}
