/**
 * All that a differential run leaves out or forgives on purpose, in one place.
 *
 * Left out of every run, as the answers to it are nothing that anybody should depend on:
 * - request types that are a server's own and no client's;
 * - quotas on "/", and a ttl that is negative beside flags that mean none;
 * - requests pipelined behind a setACL: until it is applied Apache judges them by the ACL before it, as the
 *   pending change keeps the old one (PrepRequestProcessor, case setACL);
 * - createContainer with the flags of an ephemeral: Apache takes it for one while it is pending, and makes a
 *   container of it in the end;
 * - create counters near 2^31, where Apache's pipelined and lone creates differ from each other.
 *
 * Forgiven by the player's normalising:
 * - the order of children, ephemerals, identities and ACL entries made by the scheme `auth`: hash order;
 * - the order of the events of one closing session: its ephemerals go in hash order;
 * - whether a write that cannot be decoded consumes a zxid: in 3.8 each does, in 3.9.5 only a multi, and a
 *   server that gives none is as right, for nothing was written;
 * - the moment at which auth is answered: Apache overtakes earlier requests, so auth is always sent alone.
 *
 * Left out between releases of different age, by {@linkcode profileOf}:
 * - what {@linkcode Profile} names, and the zxid of notifications.
 */
import type { Profile } from "./steps.ts";

/** A difference that is right: both answers to one request, normalised. */
export interface KnownDifference {
  /** Why both are right. */
  reason: string;
  /** True when this entry explains the two texts; `flavors` are those of side A and B. */
  explains(request: string, a: string, b: string, flavors: [string, string]): boolean;
}

/** Differences that show only in the answer at hand and leave no trace in the servers' state. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    reason:
      'getAllChildrenNumber "" counts the root itself on Apache, which keeps it under two names (DataTree.nodes)',
    explains: (request, a, b) => {
      const total = /total (\d+)$/;
      const [one, other] = [total.exec(a), total.exec(b)];
      return request === 'getAllChildrenNumber ""' && one !== null && other !== null &&
        Math.abs(Number(one[1]) - Number(other[1])) === 1;
    },
  },
  {
    reason:
      "3.8 answers checkWatches by whether anybody at all watches the path (WatchManager.containsWatcher)",
    explains: (request, a, b, flavors) => {
      if (!flavors.includes("apache-3.8") || !request.startsWith("checkWatches")) return false;
      const level = (text: string) => text.replace(/ OK\b/, " NOWATCHER");
      return level(a) === level(b);
    },
  },
  {
    reason:
      "3.8 adds an empty multi answer behind the error of an undecodable multi, which clients must not read",
    explains: (_request, a, b, flavors) => {
      const strip = (text: string) => text.replace(/ followed by ffffffff01ffffffff$/, "");
      return flavors.includes("apache-3.8") && strip(a) === strip(b);
    },
  },
];

/** What may be generated for a pair of servers: what the older one knows. */
export function profileOf(flavors: readonly string[]): Profile {
  const modern = !flavors.includes("apache-3.8");
  return { persistentWatches: modern, unreadableNodes: modern, multiCreate2: modern };
}

/** Whether both servers put a transaction's zxid into its notifications. */
export function comparesEventZxids(flavors: readonly string[]): boolean {
  return !flavors.includes("apache-3.8");
}
