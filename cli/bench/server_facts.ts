import { formatServer, type ServerAddress } from "../../src/client/connection_string.ts";
import { askWord } from "../_four_letter_word.ts";
import { readSrvr } from "../_server_report.ts";

/** What a server tells of itself; what it may not tell is left out. */
export interface ServerFacts {
  readonly server: string;
  readonly mode?: string;
  readonly version?: string;
  /** Its answer to `conf`. */
  readonly configuration?: Readonly<Record<string, string>>;
  /** Its answer to `envi`: runtime and system. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What a sync of its log took on average and at the 99th percentile, since it started, if it counts that. */
  readonly syncMs?: { readonly average: number; readonly p99: number | null };
}

const timeoutMs = 2_000;

/** Asks all servers at once. Never rejects. */
export function factsOf(servers: readonly ServerAddress[]): Promise<ServerFacts[]> {
  return Promise.all(servers.map(factsOfServer));
}

async function factsOfServer(address: ServerAddress): Promise<ServerFacts> {
  const [srvr, conf, envi, mntr] = await Promise.all(
    ["srvr", "conf", "envi", "mntr"].map(async (word) => {
      const answer = await askWord(address, word, timeoutMs);
      return answer.kind === "text" ? answer.text : "";
    }),
  );
  const finding = readSrvr(srvr);
  const configuration = pairsOf(conf);
  const environment = pairsOf(envi);
  const syncMs = syncOf(mntr);
  return {
    server: formatServer(address),
    ...(finding.kind === "serving" ? { mode: finding.report.mode, version: finding.report.version } : {}),
    ...(configuration === null ? {} : { configuration }),
    ...(environment === null ? {} : { environment }),
    ...(syncMs === null ? {} : { syncMs }),
  };
}

/** Lines of `key=value`; null when there are none. */
export function pairsOf(text: string): Record<string, string> | null {
  const pairs: [string, string][] = [];
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) pairs.push([line.slice(0, at).trim(), line.slice(at + 1).trim()]);
  }
  return pairs.length === 0 ? null : Object.fromEntries(pairs);
}

/** @see Fact: ServerMetrics.FSYNC_TIME, as `mntr` prints summaries */
export function syncOf(mntr: string): { average: number; p99: number | null } | null {
  const number = (name: string) => {
    const [, text] = new RegExp(`^zk_${name}\\t([0-9.]+)$`, "m").exec(mntr) ?? [];
    return text === undefined ? null : Number(text);
  };
  const average = number("avg_fsynctime");
  return average === null ? null : { average, p99: number("p99_fsynctime") };
}
