/** Reads what servers answer to `srvr` and `mntr`. */
import type { ServerMode } from "../src/admin/status_view.ts";
import type { ServerAddress } from "../src/client/connection_string.ts";
import { askWord } from "./_four_letter_word.ts";

const modes: readonly ServerMode[] = ["standalone", "leader", "follower", "observer", "read-only"];

/** What `srvr` tells of a server that serves. */
export interface ServerReport {
  readonly mode: ServerMode;
  /** Up to the comma before the build's date, such as `3.9.5-zoon-0.1.0`. */
  readonly version: string;
  /** Hexadecimal, with `0x` before it. */
  readonly zxid: string;
  readonly latencyMs: { readonly min: number; readonly avg: number; readonly max: number };
  readonly received: number;
  readonly sent: number;
  /** Clients: the connection that asked is not among them. */
  readonly connections: number;
  /** Requests taken and not yet answered. */
  readonly outstanding: number;
  /** As `srvr` counts, the root twice. */
  readonly znodes: number;
}

/** What a server's answer means. */
export type ServerFinding =
  | { readonly kind: "serving"; readonly report: ServerReport }
  /** It runs, and has no quorum or is still starting. */
  | { readonly kind: "looking" }
  /** It runs, and may not answer this word. */
  | { readonly kind: "forbidden" }
  | { readonly kind: "unreachable"; readonly problem: string; readonly nobodyHome: boolean };

/** Asks a server with `srvr` what it does. Never rejects. */
export async function askServer(server: ServerAddress, timeoutMs: number): Promise<ServerFinding> {
  const answer = await askWord(server, "srvr", timeoutMs);
  if (answer.kind === "problem") {
    return { kind: "unreachable", problem: answer.problem, nobodyHome: answer.nobodyHome };
  }
  return readSrvr(answer.text);
}

/**
 * Reads the answer to `srvr`.
 *
 * @see Fact: StatCommand, AbstractFourLetterCommand.ZK_NOT_SERVING, FourLetterCommands
 */
export function readSrvr(text: string): ServerFinding {
  if (text.includes("not currently serving requests")) return { kind: "looking" };
  if (text.includes("is not executed because it is not in the whitelist")) return { kind: "forbidden" };
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2).trim());
  }
  const mode = modes.find((each) => each === fields.get("Mode"));
  const [, zxid] = /^(0x[0-9a-f]{1,16})$/.exec(fields.get("Zxid") ?? "") ?? [];
  if (mode === undefined || zxid === undefined) {
    const problem = text === ""
      ? "closes connections without an answer; is it a ZooKeeper server's client port?"
      : "answers, but not as a ZooKeeper server does";
    return { kind: "unreachable", problem, nobodyHome: false };
  }
  const count = (name: string) => Number(/^[0-9]{1,15}/.exec(fields.get(name) ?? "")?.[0] ?? 0);
  const [min = 0, avg = 0, max = 0] = (fields.get("Latency min/avg/max") ?? "").split("/").map(finite);
  return {
    kind: "serving",
    report: {
      mode,
      version: shortVersion(fields.get("Zookeeper version") ?? ""),
      zxid,
      latencyMs: { min, avg, max },
      received: count("Received"),
      sent: count("Sent"),
      connections: Math.max(0, count("Connections") - 1),
      outstanding: count("Outstanding"),
      znodes: count("Node count"),
    },
  };
}

function finite(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : 0;
}

/** Without the build's date and the commit, which Apache puts behind a dash; Debian's package leaves it unfilled. */
function shortVersion(text: string): string {
  return text.replace(/,.*$/s, "").replace(/-(?:[0-9a-f]{40}|\$\{.*\})$/, "");
}

/** What `mntr` adds to `srvr`; undefined where a server does not tell. */
export interface MonitorReport {
  readonly uptimeMs: number | undefined;
  readonly ephemerals: number | undefined;
  readonly watches: number | undefined;
  readonly dataBytes: number | undefined;
  /** Followers that are in step with this leader, those of them without a vote, observers, and all its learners. */
  readonly syncedFollowers: number | undefined;
  readonly syncedNonVotingFollowers: number | undefined;
  readonly syncedObservers: number | undefined;
  readonly learners: number | undefined;
}

/** Reads the answer to `mntr`; null when the server may not give it, or gave something else. */
export function readMntr(text: string): MonitorReport | null {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const tab = line.indexOf("\t");
    if (tab > 0) values.set(line.slice(0, tab), line.slice(tab + 1).trim());
  }
  if (!values.has("zk_server_state")) return null;
  const number = (name: string) => {
    const value = Number(values.get(name) ?? "");
    return values.has(name) && Number.isFinite(value) ? value : undefined;
  };
  return {
    uptimeMs: number("zk_uptime"),
    ephemerals: number("zk_ephemerals_count"),
    watches: number("zk_watch_count"),
    dataBytes: number("zk_approximate_data_size"),
    syncedFollowers: number("zk_synced_followers"),
    syncedNonVotingFollowers: number("zk_synced_non_voting_followers"),
    syncedObservers: number("zk_synced_observers"),
    learners: number("zk_learners"),
  };
}
