/**
 * The vocabulary between the generator, which invents a run, and the player, which does it to one server.
 */

/** Number of client sessions alive at once; a slot is one of them. */
export const slotCount = 5;

/** Root of all that a run creates, but for quotas. */
export const runRoot = "/d";

/** The subtree that belongs to a slot in concurrent windows. */
export function slotRoot(slot: number): string {
  return `${runRoot}/s${slot}`;
}

/** The subtree with a quota on it, touched one request at a time only. */
export const quotaRoot = `${runRoot}/q`;

/** One request. */
export interface Step {
  slot: number;
  type: number;
  /** The record; setWatches needs a zxid of the server it goes to, `zxidAt(n)` of n windows ago. */
  body: Uint8Array | ((zxidAt: (windowsAgo: number) => bigint) => Uint8Array);
  /** The request in words. */
  text: string;
}

/** What is done between two barriers. */
export type Window =
  /** One session pipelines these. */
  | { kind: "serial"; steps: Step[] }
  /** Several sessions pipeline theirs at the same time, each within its own subtree. */
  | { kind: "concurrent"; steps: Step[] }
  /** One request that should end its connection; the slot gets a new session afterwards. */
  | { kind: "killer"; steps: [Step] }
  /** The slot's session is closed, and a new one opened. */
  | { kind: "close"; slot: number }
  /** The slot's connection is dropped, or left to the server to drop, and its session reattached. */
  | { kind: "reattach"; slot: number; drop: boolean }
  /** The slot tries to reattach with a wrong password: that ends its connection, and it reattaches rightly. */
  | { kind: "intrude"; slot: number }
  /** Every znode there is gets read on both servers and compared; with `sweep` it is then deleted. */
  | { kind: "audit"; sweep: boolean };

/** What the older of two servers can do; nothing is generated on which releases are known to differ. */
export interface Profile {
  /** 3.9: watch modes of a path are independent, watcher types 4 and 5 exist. */
  persistentWatches: boolean;
  /** 3.8.4, 3.9.2: exists needs READ, so ACLs without it may be used. */
  unreadableNodes: boolean;
  /** 3.8.2, 3.9.0: create2 in a multi answers with type 15, bad flags or a null ACL fail the multi as a whole. */
  multiCreate2: boolean;
}

/** How many requests a window sends. */
export function requestsIn(window: Window): number {
  return "steps" in window ? window.steps.length : 1;
}
