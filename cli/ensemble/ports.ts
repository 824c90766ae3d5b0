import { createServer } from "node:net";
import { findPortOwner, type PortOwner } from "../_port_owner.ts";
import { type Layout, nodeHost, planLayout } from "./layout.ts";
import { basePortMax } from "./limits.ts";
import { dataDirFlag } from "./next_steps.ts";
import { nodeOf } from "./process_table.ts";

/** One port that a node needs. */
export interface NodePort {
  readonly port: number;
  readonly id: number;
  /** What the node does there. */
  readonly use: "clients" | "quorum" | "elections";
}

/** All ports of an ensemble, clients' first. */
export function portsOf({ nodes }: Layout): NodePort[] {
  return [
    ...nodes.map(({ id, clientPort }): NodePort => ({ port: clientPort, id, use: "clients" })),
    ...nodes.map(({ id, quorumPort }): NodePort => ({ port: quorumPort, id, use: "quorum" })),
    ...nodes.map(({ id, electionPort }): NodePort => ({ port: electionPort, id, use: "elections" })),
  ];
}

/** The ports of an ensemble that others use, or that may not be used. */
export async function busyPorts(layout: Layout): Promise<NodePort[]> {
  const all = portsOf(layout);
  const free = await Promise.all(all.map(({ port }) => isFree(port)));
  return all.filter((_, index) => !free[index]);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(false));
    probe.listen(port, nodeHost, () => probe.close(() => done(true)));
  });
}

/**
 * A base port at which all ports of an ensemble are free.
 *
 * @param candidates Tried in their order.
 * @returns undefined when none is.
 */
export async function freeBasePort(
  layout: { readonly voters: number; readonly observers: number },
  candidates: Iterable<number>,
): Promise<number | undefined> {
  for (const basePort of candidates) {
    if (basePort > basePortMax) continue;
    if ((await busyPorts(planLayout({ ...layout, basePort }))).length === 0) return basePort;
  }
  return undefined;
}

/** Bases below the range from which systems take the ports of outgoing connections, in random order. */
export function* randomBasePorts(): Iterable<number> {
  for (let tries = 0; tries < 200; tries++) yield 10_000 + Math.floor(Math.random() * 22_000);
}

/** Bases a person would choose next; then any, for among the ports of outgoing connections all may be in use. */
export function* nextBasePorts(basePort: number): Iterable<number> {
  for (let step = 1; step <= 20; step++) yield basePort + 1000 * step;
  yield* randomBasePorts();
}

/** How many busy ports a message names. */
const namedMax = 3;

/**
 * Says which ports are busy, by whom if that can be known, and what may be done.
 *
 * @param zoon How the program is called here.
 * @param retry The words that start the ensemble on other ports; undefined when none were found.
 */
export function busyPortsText(
  busy: readonly NodePort[],
  { zoon, retry, ownerOf = findPortOwner }: {
    readonly zoon: string;
    readonly retry: string | undefined;
    readonly ownerOf?: (port: number) => PortOwner | undefined;
  },
): string {
  const named = busy.slice(0, namedMax);
  const lines = named.map((each) => busyPortText(each, ownerOf));
  const ensembles = new Set(named.flatMap(({ port }) => {
    const owner = ownerOf(port);
    return owner === undefined ? [] : nodeOf(owner.pid)?.directory ?? [];
  }));
  if (busy.length > namedMax) lines.push(`and so are ${busy.length - namedMax} others`);
  for (const directory of ensembles) lines.push(`Stop that: ${zoon} ensemble down${dataDirFlag(directory)}`);
  if (ensembles.size === 0) lines.push("Stop what uses them");
  if (retry !== undefined) lines.push(`or take other ports: ${retry}`);
  return lines.join("\n");
}

/** Says that a port is busy, and by whom if that can be known. */
export function busyPortText(
  { port, id, use }: NodePort,
  ownerOf: (port: number) => PortOwner | undefined = findPortOwner,
): string {
  const what = `port ${port} (node ${id}, ${use}) is used by`;
  const owner = ownerOf(port);
  if (owner === undefined) return `${what} another process, or not allowed`;
  const node = nodeOf(owner.pid);
  const by = `${what} process ${owner.pid} (${owner.name})`;
  return node === undefined ? by : `${by}, node ${node.id} of the ensemble in ${node.directory}`;
}
