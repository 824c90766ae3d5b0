import { showText } from "../shell/show.ts";
import type { Paint, Style } from "../_style.ts";
import type { MonitorReport } from "../_server_report.ts";
import { type Cell, type Column, tableLines } from "../_table.ts";
import { leadersOf, problemOf, reportOf, type ServerStatus } from "./server_status.ts";

const columns: readonly Column[] = [
  { title: "server" },
  { title: "state" },
  { title: "zxid" },
  { title: "latency min/avg/max ms" },
  { title: "connections", right: true },
  { title: "outstanding", right: true, expendable: 2 },
  { title: "znodes", right: true },
  { title: "uptime", right: true, expendable: 3 },
  { title: "version", expendable: 1 },
];

const stateStyles: Readonly<Record<string, Style>> = {
  leader: "green",
  standalone: "green",
  "read-only": "yellow",
  looking: "yellow",
  unknown: "yellow",
  unreachable: "red",
};

/** @returns The table, the problems of servers that have no numbers, and a sentence about the leader. */
export function statusText(servers: readonly ServerStatus[], paint: Paint, width: number): string {
  const lines = tableLines(columns, servers.map(rowOf), { width, paint });
  const problems = servers.flatMap((each) => {
    const problem = problemOf(each);
    return problem === null ? [] : [`${each.server}: ${showText(problem)}`];
  });
  if (problems.length > 0) lines.push("", ...problems);
  lines.push("", verdict(servers, paint));
  const silent = servers.filter((each) => reportOf(each) !== null && each.monitor === null);
  if (silent.length > 0) {
    const names = silent.map(({ server }) => server).join(", ");
    lines.push(`Add mntr to the 4lw.commands.whitelist of ${names} to see uptimes and followers in step.`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** The word for what a server does now. */
export function stateOf({ finding }: ServerStatus): string {
  if (finding.kind === "serving") return finding.report.mode;
  return finding.kind === "forbidden" ? "unknown" : finding.kind;
}

function rowOf(status: ServerStatus): Cell[] {
  const state = stateOf(status);
  const style = stateStyles[state];
  const first: Cell[] = [status.server, style === undefined ? state : { text: state, style }];
  const report = reportOf(status);
  if (report === null) return [...first, ...columns.slice(first.length).map(() => "")];
  const { min, avg, max } = report.latencyMs;
  return [
    ...first,
    report.zxid,
    `${min}/${Number(avg.toFixed(2))}/${max}`,
    String(report.connections),
    String(report.outstanding),
    String(report.znodes),
    status.monitor?.uptimeMs === undefined ? "" : durationText(status.monitor.uptimeMs),
    showText(report.version),
  ];
}

function verdict(servers: readonly ServerStatus[], paint: Paint): string {
  const leaders = leadersOf(servers);
  if (leaders.length === 0) return paint("red", "No leader serves.");
  if (leaders.length > 1) {
    const names = leaders.map(({ server }) => server).join(" and ");
    const why = "these are servers of several ensembles, or one of them has just lost its office";
    return paint("yellow", `${names} all say that they lead: ${why}.`);
  }
  const [leader] = leaders;
  if (reportOf(leader)?.mode === "standalone") {
    return servers.length === 1
      ? `${leader.server} serves, standalone.`
      : paint("yellow", `${leader.server} stands alone: it is in no ensemble with the others.`);
  }
  const learners = learnersText(leader.monitor);
  return learners === null ? `${leader.server} leads.` : `${leader.server} leads, with ${learners} in step.`;
}

/** `2 followers (1 of them without a vote) and 1 observer`; null when the leader does not tell. */
function learnersText(monitor: MonitorReport | null): string | null {
  if (monitor?.syncedFollowers === undefined) return null;
  const { syncedFollowers, syncedNonVotingFollowers = 0, syncedObservers = 0 } = monitor;
  const voteless = syncedNonVotingFollowers === 0
    ? ""
    : ` (${syncedNonVotingFollowers} of them without a vote)`;
  const observers = syncedObservers === 0 ? "" : ` and ${counted(syncedObservers, "observer")}`;
  return counted(syncedFollowers, "follower") + voteless + observers;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** @returns Two units at most: `3 d 4 h`, `2 min 5 s`, `12 s`. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const units: readonly (readonly [string, number])[] = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const [name, size] = units[first];
  const head = `${Math.floor(seconds / size)} ${name}`;
  const [nextName, nextSize] = units[first + 1] ?? ["", 0];
  const rest = nextSize === 0 ? 0 : Math.floor((seconds % size) / nextSize);
  return rest === 0 ? head : `${head} ${rest} ${nextName}`;
}
