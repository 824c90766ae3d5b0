import type { EnsembleConfigStatus, StatusView } from "../status_view.ts";

/** @returns The reply to `conf` (ZooKeeperServer.dumpConf, QuorumZooKeeperServer.dumpConf). */
export function conf(view: StatusView): string {
  const { config } = view;
  const lines = [
    `clientPort=${config.clientPort}`,
    `secureClientPort=${config.secureClientPort}`,
    `dataDir=${config.snapshotDir}`,
    `dataDirSize=${view.snapshotDirBytes()}`,
    `dataLogDir=${config.logDir}`,
    `dataLogSize=${view.logDirBytes()}`,
    `tickTime=${config.tickMs}`,
    `maxClientCnxns=${config.maxClientConnections}`,
    `minSessionTimeout=${config.minSessionTimeoutMs}`,
    `maxSessionTimeout=${config.maxSessionTimeoutMs}`,
    `clientPortListenBacklog=${config.listenBacklog}`,
    `serverId=${config.serverId}`,
  ];
  const ensemble = config.ensemble === undefined ? "" : ensembleText(config.ensemble);
  return `${lines.join("\n")}\n${ensemble}`;
}

function ensembleText(ensemble: EnsembleConfigStatus): string {
  return [
    `initLimit=${ensemble.initLimitTicks}`,
    `syncLimit=${ensemble.syncLimitTicks}`,
    "electionAlg=3",
    `electionPort=${ensemble.electionPort}`,
    `quorumPort=${ensemble.quorumPort}`,
    `peerType=${ensemble.observer ? 1 : 0}`,
    "membership: ",
    ensemble.membership,
  ].join("\n");
}
