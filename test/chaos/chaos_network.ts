/** The network of a cluster of real processes, with a switch in every direction of every link. */
import type { Target } from "../wire/connection.ts";

/** A server's id, or 0 for all clients together. */
export type Place = number;

/** The place of all clients. */
export const clients: Place = 0;

/** What travels one way from one place to another: `from>to`. */
export type Link = `${Place}>${Place}`;

/** The link that carries what `from` sends to `to`. */
export function link(from: Place, to: Place): Link {
  return `${from}>${to}`;
}

/** Both directions between two places. */
export function both(a: Place, b: Place): Link[] {
  return [link(a, b), link(b, a)];
}

/** Where servers are. */
export interface ClusterNetwork {
  /** Lines of zoo.cfg: addresses of its own and of the others as server `id` must see them. */
  configOf(id: Place): Record<string, string>;
  /** Where clients find a server; faults reach this way. */
  clientAddress(id: Place): string;
  /** Where a server answers whatever is cut. */
  statusTarget(id: Place): Target;
  /** The command line that runs a program where the server lives. */
  wrap(id: Place, command: readonly string[]): string[];
}

/** See the head of this file. */
export interface ChaosNetwork extends ClusterNetwork {
  readonly kind: "namespaces" | "proxy";
  /** Whether {@linkcode ChaosNetwork.setDelay} and {@linkcode ChaosNetwork.reset} do anything. */
  readonly canDelay: boolean;
  /** Lets nothing through on these links, silently, and everything on all others. */
  setBlocked(links: ReadonlySet<Link>): Promise<void>;
  /** Holds what travels on these links back by so many ms; none by default. */
  setDelay(links: ReadonlySet<Link>, delayMs: number): void;
  /** Breaks all connections between two places. */
  reset(a: Place, b: Place): void;
  close(): Promise<void>;
}
