import { zxidToHex } from "../../protocol/zxid.ts";
import { javaDouble } from "../java_text.ts";
import type { StatusView } from "../status_view.ts";
import { connectionText } from "./connection_text.ts";

/** Apache's tree has the root twice, as `` and as `/`, and counts both; dashboards expect the sum. */
export function nodeCount(view: StatusView): number {
  return view.znodeCount + 1;
}

/** @returns The reply to `srvr` (StatCommand, ServerStats). */
export function srvr(view: StatusView): string {
  return heading(view) + summary(view);
}

/** @returns The reply to `stat`: `srvr` with the clients in it. */
export function stat(view: StatusView): string {
  let clients = "Clients:\n";
  for (const connection of view.connections()) clients += `${connectionText(connection, true)}\n`;
  return `${heading(view)}${clients}\n${summary(view)}`;
}

function heading(view: StatusView): string {
  const readOnly = view.mode === "read-only" ? "READ-ONLY mode; serving only read-only clients\n" : "";
  return `Zookeeper version: ${view.process.version}\n${readOnly}`;
}

function summary(view: StatusView): string {
  const { requestLatency, packetsReceived, packetsSent, proposalSize } = view.metrics;
  const latency = `${requestLatency.minimum}/${javaDouble(requestLatency.average)}/${requestLatency.maximum}`;
  const lines = [
    `Latency min/avg/max: ${latency}`,
    `Received: ${packetsReceived.value}`,
    `Sent: ${packetsSent.value}`,
    `Connections: ${view.connectionCount}`,
    `Outstanding: ${view.outstandingRequests}`,
    `Zxid: 0x${zxidToHex(view.lastZxid)}`,
    `Mode: ${view.mode}`,
    `Node count: ${nodeCount(view)}`,
  ];
  if (view.mode === "leader") {
    lines.push(
      `Proposal sizes last/min/max: ${proposalSize.last}/${proposalSize.minimum}/${proposalSize.maximum}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
