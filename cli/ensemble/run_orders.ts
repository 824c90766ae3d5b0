/** Orders to a running ensemble, from another terminal. */
import { CliError, ExitCode } from "../_errors.ts";
import { writeErr, writeOut } from "../_output.ts";
import { selfName } from "../_self.ts";
import { isScreen, paintOf } from "../_style.ts";
import type { OrderFlags } from "../ensemble.ts";
import { durationText } from "../status/status_text.ts";
import { askLauncher } from "./control_client.ts";
import type { ControlReply, ControlRequest, NodeAction } from "./control_protocol.ts";
import { controlPath, readLayout } from "./ensemble_directory.ts";
import { dataDirFlag } from "./next_steps.ts";
import { nodeTable } from "./node_table.ts";
import { leaderOf, type NodeView } from "./node_view.ts";

/** `zoon ensemble status`. @returns 0 when a leader serves. @throws {CliError} When no ensemble runs there. */
export async function showEnsemble({ dataDir, json }: OrderFlags): Promise<ExitCode> {
  const reply = await order(dataDir, { command: "status" });
  if (reply.kind !== "status") throw unexpected(reply);
  const { nodes, pid, upMs } = reply;
  const leader = leaderOf(nodes);
  if (json) {
    const connectionString = hostsOf(nodes);
    writeOut(`${JSON.stringify({ dataDir, pid, upMs, connectionString, leader: leader ?? null, nodes })}\n`);
  } else {
    const screen = isScreen();
    const paint = paintOf(screen);
    const lines = [
      ...nodeTable(nodes, { paint, width: screen ? process.stdout.columns : Infinity }),
      "",
      `In ${dataDir} for ${durationText(upMs)} (process ${pid}); clients connect to ${hostsOf(nodes)}`,
    ];
    if (leader === undefined) lines.push(paint("red", "No leader serves."));
    writeOut(lines.map((line) => `${line}\n`).join(""));
  }
  return leader === undefined ? ExitCode.failed : ExitCode.done;
}

/**
 * `zoon ensemble kill ID` and its likes.
 *
 * @returns 0 when it was done to all nodes named.
 * @throws {CliError} When no ensemble runs there, or it has no such nodes.
 */
export async function orderNodes(
  action: NodeAction,
  nodes: readonly string[],
  { dataDir, json }: OrderFlags,
): Promise<ExitCode> {
  const reply = await order(dataDir, { command: action, nodes: [...nodes] });
  if (reply.kind !== "results") throw unexpected(reply);
  const { results } = reply;
  if (json) writeOut(`${JSON.stringify({ command: action, results })}\n`);
  for (const { done, message } of json ? [] : results) {
    if (done) writeOut(`${message}\n`);
    else writeErr(`zoon: ${message}\n`);
  }
  return results.every(({ done }) => done) ? ExitCode.done : ExitCode.failed;
}

/** `zoon ensemble down`. @throws {CliError} When no ensemble runs there. */
export async function takeDown({ dataDir, json }: OrderFlags): Promise<ExitCode> {
  const reply = await order(dataDir, { command: "down" });
  if (reply.kind !== "down") throw unexpected(reply);
  writeOut(
    json ? `${JSON.stringify({ command: "down", dataDir })}\n` : `the ensemble in ${dataDir} is down\n`,
  );
  return ExitCode.done;
}

async function order(dataDir: string, request: ControlRequest): Promise<ControlReply> {
  const reply = await askLauncher(controlPath(dataDir), request);
  if (reply?.kind === "refused") throw new CliError(ExitCode.failed, reply.message);
  if (reply !== undefined) return reply;
  const start = `"${selfName()} ensemble${dataDirFlag(dataDir)}"`;
  const layout = readLayout(dataDir);
  throw new CliError(
    ExitCode.failed,
    layout === undefined
      ? `there is no ensemble in ${dataDir}: ${start} makes one`
      : `the ensemble in ${dataDir} does not run: ${start} starts it`,
  );
}

function unexpected({ kind }: ControlReply): CliError {
  return new CliError(ExitCode.failed, `the launcher gave an answer of another kind: ${kind}`);
}

function hostsOf(nodes: readonly NodeView[]): string {
  return nodes.map(({ client }) => client).join(",");
}
