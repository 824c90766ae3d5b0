import { UsageError } from "./command_error.ts";

/**
 * Checks a path before anything is sent, in the words of Apache's shell.
 *
 * @param sequential The server will append a number, so that a trailing "/" is fine.
 * @throws {UsageError} With Apache's sentence.
 * @see Fact: PathUtils.validatePath
 */
export function checkPath(path: string, sequential = false): string {
  const problem = pathSentence(sequential ? `${path}1` : path);
  if (problem !== null) throw new UsageError(problem);
  return path;
}

function pathSentence(path: string): string | null {
  if (path.length === 0) return "Path length must be > 0";
  if (path[0] !== "/") return "Path must start with / character";
  if (path.length === 1) return null;
  if (path.endsWith("/")) return "Path must not end with / character";
  const reason = pathReason(path);
  return reason === null ? null : `Invalid path string "${path}" caused by ${reason}`;
}

function pathReason(path: string): string | null {
  for (let at = 1; at < path.length; at++) {
    const unit = path.charCodeAt(at);
    const before = path[at - 1];
    const endsName = at + 1 === path.length || path[at + 1] === "/";
    if (unit === 0) return `null character not allowed @${at}`;
    if (path[at] === "/" && before === "/") return `empty node name specified @${at}`;
    if (path[at] === "." && endsName && (before === "/" || (before === "." && path[at - 2] === "/"))) {
      return `relative paths not allowed @${at}`;
    }
    if (
      unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0
    ) return `invalid character @${at}`;
  }
  return null;
}
