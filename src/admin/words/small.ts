/** The words whose reply is a few lines. */
import { zxidToHex } from "../../protocol/zxid.ts";
import type { StatusView } from "../status_view.ts";

/** @returns The reply to `dirs`: bytes on disk (DirsCommand). */
export function dirs(view: StatusView): string {
  return `datadir_size: ${view.snapshotDirBytes()}\nlogdir_size: ${view.logDirBytes()}\n`;
}

/** @returns The reply to `isro`: whether writes are refused; `null` while nothing is served (IsroCommand). */
export function isro(view: StatusView): string {
  if (!view.serving) return "null";
  return view.mode === "read-only" ? "ro" : "rw";
}

/** @returns The reply to `hash`: the tree's digest at each zxid divisible by 128 (DigestCommand). */
export function hash(view: StatusView): string {
  let text = "";
  for (const [zxid, digest] of view.digestHistory()) {
    text += `${zxidToHex(zxid)}: ${BigInt.asIntN(64, digest)}\n`;
  }
  return text;
}

/** @returns The reply to `envi`: where the server runs, as `key=value` lines (EnvCommand, Environment). */
export function envi(view: StatusView): string {
  let text = `Environment:\nzookeeper.version=${view.process.version}\n`;
  for (const [key, value] of view.process.environment()) text += `${key}=${value}\n`;
  return text;
}
