import { OpCode } from "../../protocol/op_code.ts";
import { sessionIdToHex } from "../../protocol/session_id.ts";
import { zxidToHex } from "../../protocol/zxid.ts";
import type { ConnectionStatus } from "../status_view.ts";

/** What `lop=` calls a request (FinalRequestProcessor). */
const lastOpNames: ReadonlyMap<number, string> = new Map([
  [OpCode.ping, "PING"],
  [OpCode.createSession, "SESS"],
  [OpCode.closeSession, "CLOS"],
  [OpCode.multi, "MULT"],
  [OpCode.multiRead, "MLTR"],
  [OpCode.create, "CREA"],
  [OpCode.create2, "CREA"],
  [OpCode.createTTL, "CREA"],
  [OpCode.createContainer, "CREA"],
  [OpCode.delete, "DELE"],
  [OpCode.deleteContainer, "DELE"],
  [OpCode.setData, "SETD"],
  [OpCode.reconfig, "RECO"],
  [OpCode.setACL, "SETA"],
  [OpCode.sync, "SYNC"],
  [OpCode.check, "CHEC"],
  [OpCode.exists, "EXIS"],
  [OpCode.getData, "GETD"],
  [OpCode.setWatches, "SETW"],
  [OpCode.setWatches2, "STW2"],
  [OpCode.addWatch, "ADDW"],
  [OpCode.getACL, "GETA"],
  [OpCode.getChildren, "GETC"],
  [OpCode.getChildren2, "GETC"],
  [OpCode.getAllChildrenNumber, "GETACN"],
  [OpCode.checkWatches, "CHKW"],
  [OpCode.removeWatches, "REMW"],
  [OpCode.whoAmI, "HOMI"],
  [OpCode.getEphemerals, "GETE"],
]);

/** @returns `/127.0.0.1:44844`, as Java shows a socket address; IPv6 in brackets. */
export function remoteText(connection: ConnectionStatus): string {
  const host = connection.remoteAddress;
  return `/${host.includes(":") ? `[${host}]` : host}:${connection.remotePort}`;
}

/**
 * @param brief Leaves out the session, as `stat` does.
 * @returns One connection's line without its end (ServerCnxn.dumpConnectionInfo).
 */
export function connectionText(connection: ConnectionStatus, brief: boolean): string {
  const counts = `queued=${connection.queued},recved=${connection.received},sent=${connection.sent}`;
  const session = brief || connection.sessionId === 0n ? "" : sessionText(connection);
  return ` ${remoteText(connection)}[${connection.reading ? 1 : 0}](${counts}${session})`;
}

function sessionText(connection: ConnectionStatus): string {
  const lastOp = connection.lastOp === undefined ? "NA" : lastOpNames.get(connection.lastOp) ?? "NA";
  const lastXid = connection.lastXid >= 0 ? `,lcxid=0x${connection.lastXid.toString(16)}` : "";
  return `,sid=${sessionIdToHex(connection.sessionId)},lop=${lastOp}` +
    `,est=${Math.floor(connection.establishedAtMs)},to=${connection.sessionTimeoutMs}` +
    `${lastXid},lzxid=0x${zxidToHex(connection.lastZxid)},lresp=${Math.floor(connection.lastResponseAtMs)}` +
    `,llat=${Math.floor(connection.lastLatencyMs)},minlat=${Math.floor(connection.minLatencyMs)}` +
    `,avglat=${Math.floor(connection.avgLatencyMs)},maxlat=${Math.floor(connection.maxLatencyMs)}`;
}
