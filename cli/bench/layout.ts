/**
 * What a run makes below its root:
 *
 *     /k/0/…/00000/00   the keys, by hundreds in directories, below as many levels as were asked for
 *     /c/000            directories for what create and multi make, as /c/<directory>/<connection>-<number>
 *     /e/000            the same for ephemeral znodes
 *     /w                what watchers watch
 */
import type { OperationName } from "./operations.ts";

/** Keys in one directory. */
export const keysPerDirectory = 100;
/** Keys have seven digits. */
export const keyCountMax = 10_000_000;
/** Directories among which created znodes are spread, so that no list of children outgrows a reply. */
export const createDirectories = 256;
/** Connections have five digits in the names of what they create. */
export const connectionsMax = 99_999;

/** Path of a key. */
export function keyPath(root: string, depth: number, key: number): string {
  return `${keyDirectory(root, depth, key)}/${digits(key % keysPerDirectory, 2)}`;
}

/** Path of the directory in which a key is. */
export function keyDirectory(root: string, depth: number, key: number): string {
  return `${root}/k${"/0".repeat(depth - 1)}/${digits(Math.floor(key / keysPerDirectory), 5)}`;
}

/** Path of a znode that a connection creates as its `number`th, which is at most 10^9. */
export function createdPath(
  root: string,
  kind: "c" | "e",
  { connection, number }: { connection: number; number: number },
): string {
  const directory = (connection + number) % createDirectories;
  return `${root}/${kind}/${digits(directory, 3)}/${digits(connection, 5)}-${digits(number, 9)}`;
}

/** Path of what watchers watch. */
export function watchedPath(root: string): string {
  return `${root}/w`;
}

/** What has to be there before a load with these operations, parents before their children, but for the keys. */
export function directoriesFor(
  root: string,
  operations: ReadonlySet<OperationName>,
  { keyCount, depth }: { keyCount: number; depth: number },
): string[] {
  const paths: string[] = [];
  if (needsKeys(operations)) {
    for (let level = 0; level < depth; level++) paths.push(`${root}/k${"/0".repeat(level)}`);
    for (let key = 0; key < keyCount; key += keysPerDirectory) paths.push(keyDirectory(root, depth, key));
  }
  const created: ("c" | "e")[] = [];
  if (operations.has("create") || operations.has("delete")) created.push("c");
  if (operations.has("create-ephemeral")) created.push("e");
  for (const kind of created) {
    paths.push(`${root}/${kind}`);
    for (let at = 0; at < createDirectories; at++) paths.push(`${root}/${kind}/${digits(at, 3)}`);
  }
  if (operations.has("watch")) paths.push(watchedPath(root));
  return paths;
}

/** Whether a load with these operations asks for keys. */
export function needsKeys(operations: ReadonlySet<OperationName>): boolean {
  return (["get", "exists", "children", "set", "multi"] as const).some((each) => operations.has(each));
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
