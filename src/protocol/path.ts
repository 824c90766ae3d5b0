/**
 * Checks a path by ZooKeeper's rule.
 *
 * @returns Null when it is fine, else what is wrong, in words.
 * @see Fact: PathUtils.validatePath. Units are UTF-16, so nothing beyond the BMP passes.
 */
export function pathProblem(path: string): string | null {
  if (path.length === 0) return "path is empty";
  if (path.charCodeAt(0) !== slash) return 'path must start with "/"';
  if (path.length === 1) return null;
  if (path.charCodeAt(path.length - 1) === slash) return 'path must not end with "/"';
  let componentStart = 1;
  for (let index = 1; index <= path.length; index++) {
    const unit = index === path.length ? slash : path.charCodeAt(index);
    if (unit === slash) {
      const length = index - componentStart;
      if (length === 0) return `empty node name at ${index}`;
      if (path.charCodeAt(componentStart) === dot) {
        if (length === 1) return `relative path "." at ${componentStart}`;
        if (length === 2 && path.charCodeAt(componentStart + 1) === dot) {
          return `relative path ".." at ${componentStart}`;
        }
      }
      componentStart = index + 1;
    } else if (
      unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0
    ) {
      return `invalid character U+${unit.toString(16).toUpperCase().padStart(4, "0")} at ${index}`;
    }
  }
  return null;
}

/** @returns The parent's path; "/" for a child of the root. The path must contain a "/". */
export function parentPath(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.slice(0, at);
}

/** @returns The last component of a path. */
export function nodeName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** @returns `parent` and `name` joined. */
export function childPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

/**
 * The suffix of a sequential znode: Java's `%010d` of the parent's create counter, where the sign of a
 * negative one counts in the width.
 */
export function sequenceSuffix(counter: number): string {
  return counter >= 0 ? String(counter).padStart(10, "0") : `-${String(-counter).padStart(9, "0")}`;
}

const slash = 0x2f;
const dot = 0x2e;
