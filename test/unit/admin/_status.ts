import { ServerMetrics } from "../../../src/admin/metrics.ts";
import type { ConnectionStatus, StatusView } from "../../../src/admin/status_view.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";

/** A connection with a session that has read something. */
export function connectionOf(more: Partial<ConnectionStatus>): ConnectionStatus {
  return {
    remoteAddress: "127.0.0.1",
    remotePort: 34204,
    reading: true,
    queued: 0,
    received: 152,
    sent: 153,
    sessionId: 0x100001103dd0000n,
    sessionTimeoutMs: 10000,
    establishedAtMs: 1795224368775,
    lastOp: OpCode.getData,
    lastXid: 0x97,
    lastZxid: 0x92,
    lastResponseAtMs: 1135200.9,
    lastLatencyMs: 0.4,
    minLatencyMs: 0.1,
    avgLatencyMs: 0.6,
    maxLatencyMs: 7.2,
    ...more,
  };
}

/** A connection before its session, which now asks a four-letter word. */
export function strangerOf(remotePort: number): ConnectionStatus {
  return connectionOf({ remotePort, reading: false, received: 1, sent: 0, sessionId: 0n });
}

/**
 * The state of an Apache 3.8.0 server that was asked every word while two kazoo clients were connected: two
 * ephemerals, four data watches, 140 setData. The expected texts of the tests are its answers.
 */
export function statusOf(more: Partial<StatusView> = {}): StatusView {
  const first = connectionOf({});
  const second = connectionOf({
    remotePort: 34210,
    received: 4,
    sent: 5,
    sessionId: 0x100001103dd0001n,
    establishedAtMs: 1795224368823,
    lastXid: 3,
    lastResponseAtMs: 1135201,
    maxLatencyMs: 0,
  });
  const stranger = strangerOf(34234);
  const metrics = new ServerMetrics();
  metrics.packetsReceived.add(157);
  metrics.packetsSent.add(159);
  for (const latency of [0, 0, 7, 0, 1, 1, 0, 0, 0, 0, 0, 0]) metrics.requestLatency.record(latency);
  return {
    serving: true,
    mode: "standalone",
    metrics,
    config: {
      clientPort: 23000,
      secureClientPort: -1,
      snapshotDir: "/var/d/version-2",
      logDir: "/var/l/version-2",
      tickMs: 3000,
      maxClientConnections: 60,
      minSessionTimeoutMs: 6000,
      maxSessionTimeoutMs: 60000,
      listenBacklog: -1,
      serverId: 0,
    },
    process: {
      version: "3.9.5-zoon-0.1.0, built on 2026-11-21 01:17 UTC",
      environment: () => [["host.name", "localhost"], ["java.version", "<NA>"], ["user.dir", "/a=b"]],
      openFiles: () => 12,
      openFilesMax: () => 20000,
    },
    ensemble: undefined,
    uptimeMs: 20460.7,
    lastZxid: 0x92,
    outstandingRequests: 0,
    znodeCount: 8,
    ephemeralCount: 2,
    approximateDataBytes: 64,
    watchCount: 5,
    globalSessionCount: 2,
    localSessionCount: 0,
    connectionCount: 3,
    connections: () => [first, stranger, second],
    localSessionExpirySets: () => undefined,
    globalSessions: () => [],
    sessionExpirySets: () => [
      {
        expiresAtMs: Date.UTC(2026, 10, 21, 1, 26, 19),
        sessionIds: [0x100001103dd0000n, 0x100001103dd0001n],
      },
    ],
    connectionExpirySets: () => [
      { expiresAtMs: Date.UTC(2026, 10, 21, 1, 26, 23), connections: [stranger, first, second] },
    ],
    ephemeralsBySession: () => [[0x100001103dd0000n, ["/a/e2", "/a/e"]]],
    dataWatchCounts: () => ({ connections: 2, paths: 3, watches: 4 }),
    dataWatchesBySession: () => [[0x100001103dd0000n, ["/a", "/zz"]], [0x100001103dd0001n, ["/a", "/a/b"]]],
    dataWatchesByPath: () => [
      ["/a", [0x100001103dd0000n, 0x100001103dd0001n]],
      ["/a/b", [0x100001103dd0001n]],
      ["/zz", [0x100001103dd0000n]],
    ],
    quotas: () => [],
    digestHistory: () => [[0x80, 14239301172n], [0x100, 0xffffffffffffffffn]],
    snapshotDirBytes: () => 457,
    logDirBytes: () => 67109337,
    ...more,
  };
}
