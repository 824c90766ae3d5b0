import type { SessionIdShare } from "../../session/session_ids.ts";

/** Processes of one server, the main one included; a power of two, since session ids are dealt out by it. */
export const serverProcessesMax = 64;

/** @returns The session ids of the process of that number: 0 is the main one. */
export function sessionIdsOf(index: number): SessionIdShare {
  return { index, step: serverProcessesMax };
}

/** Session ids of the main process of a server that has workers. */
export const mainSessionIds: SessionIdShare = sessionIdsOf(0);
