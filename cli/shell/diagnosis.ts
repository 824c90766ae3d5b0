/** Why no session could be had: asks each server of a connection string directly, as a person would. */
import { connect } from "node:net";

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

/** Asks all servers of a connection string. Never rejects. */
export async function diagnose(connectionString: string): Promise<Finding[]> {
  return await Promise.all(serversOf(connectionString).map(ask));
}

/** @returns One line per server. */
export function findingsText(findings: readonly Finding[]): string {
  return findings.map(({ server, problem }) => `  ${server}: ${problem}`).join("\n");
}

interface Server {
  readonly host: string;
  readonly port: number;
}

/** Reads what the client has already accepted, so nothing is checked again. */
function serversOf(connectionString: string): Server[] {
  const slash = connectionString.indexOf("/");
  const hosts = slash < 0 ? connectionString : connectionString.slice(0, slash);
  return hosts.split(",").map((each) => each.trim()).filter((each) => each !== "").map((each) => {
    const match = /^\[(.+)\](?::(\d+))?$/.exec(each) ?? /^([^:]*)(?::(\d+))?$/.exec(each);
    return { host: match?.[1] ?? each, port: Number(match?.[2] ?? 2181) };
  });
}

function ask({ host, port }: Server): Promise<Finding> {
  const server = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((done) => {
    let connected = false;
    let answer = "";
    const socket = connect({ host, port });
    const settle = (problem: string, nobodyHome = false) => {
      clearTimeout(timer);
      socket.destroy();
      done({ server, problem, nobodyHome });
    };
    const timer = setTimeout(
      () => settle(connected ? "takes connections but does not answer" : "does not answer"),
      askTimeoutMs,
    );
    socket.on("connect", () => {
      connected = true;
      socket.write("srvr");
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? "";
      settle(reasons[code] ?? error.message, code === "ECONNREFUSED" || code === "ENOTFOUND");
    });
    socket.on("close", () => settle(answerProblem(answer)));
  });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens there",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name service does not answer",
  ETIMEDOUT: "does not answer",
  EHOSTUNREACH: "no route to it",
  ENETUNREACH: "no route to it",
  ECONNRESET: "drops the connection",
};

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
