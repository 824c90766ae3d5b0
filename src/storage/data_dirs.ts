import { type Disk, DiskError, isDiskFull } from "../base/disk.ts";
import { DataDirectoryError } from "./errors.ts";
import { joinPath, parentOf, partialName, zxidOfName } from "./file_names.ts";

/** Where a server's files are; both end in `version-2`. */
export interface DataDirs {
  readonly snapshots: string;
  readonly logs: string;
}

/** What {@link openDataDirs} is told. */
export interface DataDirsOptions {
  readonly disk: Disk;
  readonly dataDir: string;
  readonly dataLogDir: string;
  /** Make what is missing (`datadir.autocreate`). */
  readonly create: boolean;
}

const versionDirectory = "version-2";

/**
 * Finds or makes a server's directories, and refuses those where another setting of dataLogDir left files
 * behind (FileTxnSnapLog).
 *
 * @throws {DataDirectoryError} If one is missing, cannot be made or written, or holds the other's files.
 */
export function openDataDirs(options: DataDirsOptions): DataDirs {
  const { disk, dataDir, dataLogDir } = options;
  const dirs = {
    snapshots: joinPath(dataDir, versionDirectory),
    logs: joinPath(dataLogDir, versionDirectory),
  };
  for (const directory of new Set([dirs.snapshots, dirs.logs])) prepare(options, directory);
  if (dirs.snapshots !== dirs.logs) {
    refuseStrays(disk, dirs.logs, "snapshot", "dataLogDir", "dataDir");
    refuseStrays(disk, dirs.snapshots, "log", "dataDir", "dataLogDir");
  }
  return dirs;
}

function prepare({ disk, create }: DataDirsOptions, directory: string): void {
  try {
    if (!disk.exists(directory)) {
      if (!create) {
        throw new DataDirectoryError(
          `The directory ${directory} does not exist, and datadir.autocreate=false forbids to make it; make it by hand`,
        );
      }
      makeDurably(disk, directory);
    }
    disk.list(directory);
    const probe = joinPath(directory, partialName("probe"));
    disk.open(probe, "create").close();
    disk.remove(probe);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    // No room is no reason not to start: reads can be served.
    if (isDiskFull(error) && disk.exists(directory)) return;
    throw new DataDirectoryError(
      `The data directory ${directory} cannot be used (${error.code}): ` +
        (isDiskFull(error)
          ? "there is no room on its disk to make it"
          : "it must be a directory that this user may read and write"),
    );
  }
}

/** Makes a directory that a power cut cannot take away again, with all that is acknowledged in it by then. */
function makeDurably(disk: Disk, directory: string): void {
  const parents: string[] = [];
  for (let path = directory; !disk.exists(path) && parentOf(path) !== path; path = parentOf(path)) {
    parents.push(parentOf(path));
  }
  disk.makeDirectory(directory);
  for (const parent of parents) disk.syncDirectory(parent);
}

function refuseStrays(
  disk: Disk,
  directory: string,
  kind: "log" | "snapshot",
  is: string,
  other: string,
): void {
  const stray = disk.list(directory).find((name) => zxidOfName(name, kind) !== null);
  if (stray === undefined) return;
  throw new DataDirectoryError(
    `${joinPath(directory, stray)} is a ${kind} in the directory of ${is}: was ${is} or ${other} changed? ` +
      `Move the ${kind} files to ${other}, or set it back`,
  );
}
