import { sessionIdToHex } from "../../protocol/session_id.ts";
import { javaDate } from "../java_text.ts";
import type { StatusView } from "../status_view.ts";
import { remoteText } from "./connection_text.ts";

/** @returns The reply to `dump`: sessions, ephemerals and connections (DumpCommand, ExpiryQueue.dump). */
export function dump(view: StatusView): string {
  return `SessionTracker dump:\nSession ${sessionSets(view)}` +
    `ephemeral nodes dump:\n${ephemerals(view)}` +
    `Connections dump:\nConnections ${connectionSets(view)}`;
}

function sessionSets(view: StatusView): string {
  const sets: ExpirySet[] = [];
  for (const { expiresAtMs, sessionIds } of view.sessionExpirySets()) {
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
