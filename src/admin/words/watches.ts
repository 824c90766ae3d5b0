import { sessionIdToHex } from "../../protocol/session_id.ts";
import type { StatusView } from "../status_view.ts";

/** @returns The reply to `wchs`: how much is watched (WatchManager.toString). */
export function wchs(view: StatusView): string {
  const { connections, paths, watches } = view.dataWatchCounts();
  return `${connections} connections watching ${paths} paths\nTotal watches:${watches}\n`;
}

/** @returns The reply to `wchc`: watched paths by session, then an empty line. */
export function wchc(view: StatusView): string {
  let text = "";
  for (const [sessionId, paths] of view.dataWatchesBySession()) {
    text += `${sessionIdToHex(sessionId)}\n`;
    for (const path of paths) text += `\t${path}\n`;
  }
  return `${text}\n`;
}

/** @returns The reply to `wchp`: watching sessions by path, then an empty line. */
export function wchp(view: StatusView): string {
  let text = "";
  for (const [path, sessionIds] of view.dataWatchesByPath()) {
    text += `${path}\n`;
    for (const sessionId of sessionIds) text += `\t${sessionIdToHex(sessionId)}\n`;
  }
  return `${text}\n`;
}
