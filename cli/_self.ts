import { isAbsolute, relative, sep } from "node:path";

/** True in the compiled executable, whose sources lie in a file system of its own. */
function isCompiled(): boolean {
  return Bun.main.startsWith("/$bunfs/") || /^[A-Za-z]:[\\/]~BUN[\\/]/.test(Bun.main);
}

/** The words that start this very program again: the executable, or the runtime and the source. */
export function selfCommand(): readonly string[] {
  return isCompiled() ? [process.execPath] : [process.execPath, Bun.main];
}

/** How a person in this directory would type this program's name. */
export function selfName(): string {
  if (!isCompiled()) return "zoon";
  if (Bun.which("zoon") === process.execPath) return "zoon";
  const path = relative(process.cwd(), process.execPath);
  if (path === "" || isAbsolute(path) || path.startsWith("..")) return process.execPath;
  return path.includes(sep) ? path : `.${sep}${path}`;
}
