import { javaDouble } from "../java_text.ts";
import type { Histogram, Summary } from "../metrics.ts";
import type { StatusView } from "../status_view.ts";
import { nodeCount } from "./stat.ts";

/**
 * @returns The reply to `mntr`: `zk_<name>`, a tab and the value per line, names as Apache's (MonitorCommand,
 *   ZooKeeperServer.registerMetrics, ServerMetrics). Apache's order is that of a hash table; ours is fixed.
 */
export function mntr(view: StatusView): string {
  const lines: string[] = [];
  const show = (name: string, value: string | number) => lines.push(`zk_${name}\t${value}\n`);

  show("version", view.process.version);
  show("server_state", view.mode);
  if (view.ensemble !== undefined) show("peer_state", view.ensemble.peerState);
  showGauges(view, show);
  showEnsemble(view, show);
  showQuotas(view, show);

  const { counters, summaries, histograms } = view.metrics;
  for (const [name, counter] of counters) show(name, counter.value);
  for (const [name, summary] of summaries) showSummary(name, summary, show);
  for (const [name, histogram] of histograms) {
    showSummary(name, histogram, show);
    showQuantiles(name, histogram, show);
  }
  return lines.join("");
}

type Show = (name: string, value: string | number) => void;

function showGauges(view: StatusView, show: Show): void {
  const { metrics } = view;
  show("avg_latency", javaDouble(metrics.requestLatency.average));
  show("max_latency", metrics.requestLatency.maximum);
  show("min_latency", metrics.requestLatency.minimum);
  show("packets_received", metrics.packetsReceived.value);
  show("packets_sent", metrics.packetsSent.value);
  show("num_alive_connections", view.connectionCount);
  show("outstanding_requests", view.outstandingRequests);
  show("uptime", Math.floor(view.uptimeMs));
  show("znode_count", nodeCount(view));
  show("watch_count", view.watchCount);
  show("ephemerals_count", view.ephemeralCount);
  show("approximate_data_size", view.approximateDataBytes);
  show("global_sessions", view.globalSessionCount);
  show("local_sessions", view.localSessionCount);
  show("open_file_descriptor_count", view.process.openFiles());
  show("max_file_descriptor_count", view.process.openFilesMax());
  show("last_client_response_size", metrics.clientResponseSize.last);
  show("max_client_response_size", metrics.clientResponseSize.maximum);
  show("min_client_response_size", metrics.clientResponseSize.minimum);
  show("auth_failed_count", metrics.authFailed.value);
}

function showEnsemble(view: StatusView, show: Show): void {
  if (view.ensemble === undefined) return;
  show("quorum_size", view.ensemble.quorumSize);
  const { leader } = view.ensemble;
  if (leader === undefined) return;
  show("learners", leader.learners);
  show("synced_followers", leader.syncedFollowers);
  show("synced_non_voting_followers", leader.syncedNonVotingFollowers);
  show("synced_observers", leader.syncedObservers);
  show("pending_syncs", leader.pendingSyncs);
  show("leader_uptime", Math.floor(leader.uptimeMs));
  show("last_proposal_size", view.metrics.proposalSize.last);
  show("max_proposal_size", view.metrics.proposalSize.maximum);
  show("min_proposal_size", view.metrics.proposalSize.minimum);
}

/** Quotas of one namespace are added up, those without a limit as -1 (QuotaMetricsUtils). */
function showQuotas(view: StatusView, show: Show): void {
  const sums = new Map<string, number>();
  for (const quota of view.quotas()) {
    addTo(sums, `${quota.namespace}_quota_count_limit_per_namespace`, quota.countLimit);
    addTo(sums, `${quota.namespace}_quota_bytes_limit_per_namespace`, quota.bytesLimit);
    addTo(sums, `${quota.namespace}_quota_count_usage_per_namespace`, quota.countUsage);
    addTo(sums, `${quota.namespace}_quota_bytes_usage_per_namespace`, quota.bytesUsage);
  }
  for (const [name, sum] of sums) show(name, sum);
  for (const [namespace, count] of view.metrics.quotaExceeded.values) {
    show(`${namespace}_quota_exceeded_error_per_namespace`, count);
  }
}

function addTo(sums: Map<string, number>, name: string, amount: number): void {
  sums.set(name, (sums.get(name) ?? 0) + amount);
}

function showSummary(name: string, summary: Summary, show: Show): void {
  show(`avg_${name}`, javaDouble(summary.average));
  show(`min_${name}`, summary.minimum);
  show(`max_${name}`, summary.maximum);
  show(`cnt_${name}`, summary.count);
  show(`sum_${name}`, Math.round(summary.sum));
}

function showQuantiles(name: string, histogram: Histogram, show: Show): void {
  show(`p50_${name}`, histogram.quantile(0.5));
  show(`p95_${name}`, histogram.quantile(0.95));
  show(`p99_${name}`, histogram.quantile(0.99));
  show(`p999_${name}`, histogram.quantile(0.999));
}
