import type { ClientState, WatchEvent } from "../../mod.ts";
import type { Json } from "./command.ts";
import { showText } from "./show.ts";

/** Names of the states in events (Watcher.Event.KeeperState). */
const keeperStates: Readonly<Record<ClientState, string>> = {
  connecting: "Disconnected",
  connected: "SyncConnected",
  connectedReadOnly: "ConnectedReadOnly",
  disconnected: "Disconnected",
  expired: "Expired",
  authFailed: "AuthFailed",
  closed: "Closed",
};

/**
 * An event as Apache's shell prints it, blank lines included.
 *
 * @see Fact: ZooKeeperMain.MyWatcher, WatchedEvent.toString of 3.9
 */
export function watchText(event: WatchEvent): string {
  const { type, path, state, zxid } = event;
  return `\nWATCHER::\n\nWatchedEvent state:${keeperStates[state]} type:${type} path:${
    showText(path)
  } zxid: ${zxid}\n`;
}

/** An event for `--json`; it may stand between the values of two commands. */
export function watchJson(event: WatchEvent): Json {
  return {
    event: {
      type: event.type,
      state: keeperStates[event.state],
      path: event.path,
      zxid: event.zxid < 0 ? null : `0x${event.zxid.toString(16)}`,
    },
  };
}
