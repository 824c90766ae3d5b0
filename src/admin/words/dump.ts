import { sessionIdToHex } from "../../protocol/session_id.ts";
import { javaDate } from "../java_text.ts";
import type { SessionExpirySet, StatusView } from "../status_view.ts";
import { remoteText } from "./connection_text.ts";

/**
 * @returns The reply to `dump`: sessions, ephemerals and connections (DumpCommand, ExpiryQueue.dump,
 * LeaderSessionTracker, LearnerSessionTracker).
 */
export function dump(view: StatusView): string {
  return `SessionTracker dump:\n${sessions(view)}` +
    `ephemeral nodes dump:\n${ephemerals(view)}` +
    `Connections dump:\nConnections ${connectionSets(view)}`;
}

function sessions(view: StatusView): string {
  const local = view.localSessionExpirySets();
  const localText = local === undefined ? "" : `Local Session ${sessionSets(local)}`;
  // Only who leads knows when a global session expires.
  if (view.mode !== "leader" && view.mode !== "standalone") return localText + globalSessions(view);
  return `${localText}${local === undefined ? "" : "Global "}Session ${
    sessionSets(view.sessionExpirySets())
  }`;
}

function globalSessions(view: StatusView): string {
  const all = [...view.globalSessions()].sort(([one], [other]) => one < other ? -1 : 1);
  let text = `Global Sessions(${all.length}):\n`;
  for (const [id, timeoutMs] of all) text += `${sessionIdToHex(id)}\t${timeoutMs}ms\n`;
  return text;
}

function sessionSets(all: Iterable<SessionExpirySet>): string {
  const sets: ExpirySet[] = [];
  for (const { expiresAtMs, sessionIds } of all) {
    sets.push({ expiresAtMs, members: Array.from(sessionIds, sessionIdToHex) });
  }
  return setsText(sets);
}

function connectionSets(view: StatusView): string {
  const sets: ExpirySet[] = [];
  for (const { expiresAtMs, connections } of view.connectionExpirySets()) {
    const members = Array.from(
      connections,
      (connection) => `ip: ${remoteText(connection)} sessionId: ${sessionIdToHex(connection.sessionId)}`,
    );
    sets.push({ expiresAtMs, members });
  }
  return setsText(sets);
}

interface ExpirySet {
  expiresAtMs: number;
  members: string[];
}

function setsText(sets: ExpirySet[]): string {
  const total = sets.reduce((sum, set) => sum + set.members.length, 0);
  let text = `Sets (${sets.length})/(${total}):\n`;
  for (const { expiresAtMs, members } of sets) {
    text += `${members.length} expire at ${javaDate(expiresAtMs)}:\n`;
    for (const member of members) text += `\t${member}\n`;
  }
  return text;
}

function ephemerals(view: StatusView): string {
  let owners = 0;
  let text = "";
  for (const [owner, paths] of view.ephemeralsBySession()) {
    owners += 1;
    text += `${sessionIdToHex(owner)}:\n`;
    for (const path of paths) text += `\t${path}\n`;
  }
  return `Sessions with Ephemerals (${owners}):\n${text}`;
}
