/** Why no session could be had: asks each server of a connection string directly, as a person would. */
import {
  formatServer,
  parseConnectionString,
  type ServerAddress,
} from "../../src/client/connection_string.ts";
import { askWord } from "../_four_letter_word.ts";

/** How long each server is given, in ms; all are asked at once. */
const askTimeoutMs = 1_500;

/** What was found at one server. */
export interface Finding {
  /** `host:port`. */
  readonly server: string;
  /** In a few words. */
  readonly problem: string;
  /** Nothing listens there, or there is no such host: waiting a little longer would not help. */
  readonly nobodyHome: boolean;
}

/** Asks all servers of a connection string, which the client has accepted. Never rejects. */
export async function diagnose(connectionString: string): Promise<Finding[]> {
  return await Promise.all(parseConnectionString(connectionString).servers.map(ask));
}

/** @returns One line per server. */
export function findingsText(findings: readonly Finding[]): string {
  return findings.map(({ server, problem }) => `  ${server}: ${problem}`).join("\n");
}

async function ask(address: ServerAddress): Promise<Finding> {
  const server = formatServer(address);
  const answer = await askWord(address, "srvr", askTimeoutMs);
  return answer.kind === "problem"
    ? { server, problem: answer.problem, nobodyHome: answer.nobodyHome }
    : { server, problem: answerProblem(answer.text), nobodyHome: false };
}

/** Reads the answer to `srvr`. */
function answerProblem(answer: string): string {
  if (answer.includes("not currently serving requests")) {
    return "is up but serves nobody: it has no quorum, or is still starting";
  }
  const mode = /^Mode: (.*)$/m.exec(answer)?.[1];
  if (mode === "read-only") return "is read-only at the moment; -r would put up with it";
  if (mode !== undefined) return `is up (${mode}) but gave no session in time`;
  if (answer.includes("not in the whitelist")) return "is up but gave no session in time";
  return "closes connections without an answer; is it a ZooKeeper server's client port?";
}
