import { formatServer, type ServerAddress } from "../../src/client/connection_string.ts";
import { askWord } from "../_four_letter_word.ts";
import {
  askServer,
  type MonitorReport,
  readMntr,
  type ServerFinding,
  type ServerReport,
} from "../_server_report.ts";

/** What was learnt of one server. */
export interface ServerStatus {
  /** `host:port`. */
  readonly server: string;
  readonly finding: ServerFinding;
  /** Null when it does not serve, or may not answer `mntr`. */
  readonly monitor: MonitorReport | null;
}

/** Asks one server; never rejects. */
export async function statusOf(address: ServerAddress, timeoutMs: number): Promise<ServerStatus> {
  const server = formatServer(address);
  const finding = await askServer(address, timeoutMs);
  if (finding.kind !== "serving") return { server, finding, monitor: null };
  // One after the other: a second connection at the same time would count among the first one's clients.
  const answer = await askWord(address, "mntr", timeoutMs);
  return { server, finding, monitor: answer.kind === "text" ? readMntr(answer.text) : null };
}

/** @returns What a server reports; null when it does not serve. */
export function reportOf({ finding }: ServerStatus): ServerReport | null {
  return finding.kind === "serving" ? finding.report : null;
}

/** The servers that lead, or stand alone: writes are decided there. More than one means several ensembles. */
export function leadersOf(servers: readonly ServerStatus[]): readonly ServerStatus[] {
  return servers.filter((each) => {
    const mode = reportOf(each)?.mode;
    return mode === "leader" || mode === "standalone";
  });
}

/** Why a server has no numbers to show, and what may be done; null when it has. */
export function problemOf({ finding }: ServerStatus): string | null {
  switch (finding.kind) {
    case "serving":
      return null;
    case "looking":
      return "runs, but serves nobody: it has no quorum, or is still starting";
    case "forbidden":
      return "runs, but may not tell: add srvr to its 4lw.commands.whitelist";
    case "unreachable":
      return finding.problem;
  }
}
