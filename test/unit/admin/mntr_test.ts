import { describe, expect, test } from "bun:test";
import { mntr } from "../../../src/admin/words/mntr.ts";
import { statusOf } from "./_status.ts";

function valuesOf(text: string): Map<string, string> {
  expect(text).toEndWith("\n");
  return new Map(text.slice(0, -1).split("\n").map((line) => line.split("\t") as [string, string]));
}

/** Names in the answer of an Apache 3.8.0 that ran standalone, for those that have a meaning here. */
const apacheNames = `
zk_version zk_server_state zk_ephemerals_count zk_num_alive_connections zk_avg_latency zk_outstanding_requests
zk_znode_count zk_global_sessions zk_last_client_response_size zk_packets_sent zk_packets_received
zk_max_client_response_size zk_watch_count zk_auth_failed_count zk_min_latency zk_max_file_descriptor_count
zk_approximate_data_size zk_open_file_descriptor_count zk_local_sessions zk_uptime zk_max_latency
zk_min_client_response_size zk_proposal_count zk_watch_bytes zk_large_requests_rejected zk_connection_rejected
zk_cnxn_closed_without_zk_server_running zk_sessionless_connections_expired zk_looking_count zk_connection_drop_count
zk_digest_mismatches_count zk_bytes_received_count zk_connection_request_count zk_response_bytes zk_diff_count
zk_revalidate_count zk_connection_revalidate_count zk_learner_proposal_received_count
zk_learner_commit_received_count zk_avg_election_time zk_cnt_unavailable_time zk_max_leader_unavailable_time
zk_avg_follower_sync_time zk_avg_observer_sync_time
zk_snap_count zk_unrecoverable_error_count zk_commit_count zk_stale_sessions_expired zk_sync_processor_request_queued
zk_avg_fsynctime zk_min_fsynctime zk_max_fsynctime zk_cnt_fsynctime zk_sum_fsynctime
zk_avg_snapshottime zk_avg_dbinittime zk_avg_startup_snap_load_time zk_avg_startup_txns_load_time
zk_avg_startup_txns_loaded zk_avg_node_created_watch_count zk_avg_node_deleted_watch_count
zk_avg_node_changed_watch_count zk_avg_node_children_watch_count zk_avg_sync_processor_batch_size
zk_p50_readlatency zk_p95_readlatency zk_p99_readlatency zk_p999_readlatency zk_cnt_readlatency
zk_p50_updatelatency zk_p99_quorum_ack_latency zk_p999_sync_processor_queue_and_flush_time_ms
`.trim().split(/\s+/);

describe("mntr", () => {
  test("begins with version and state, one name, tab and value per line", () => {
    expect(mntr(statusOf())).toStartWith(
      "zk_version\t3.9.5-zoon-0.1.0, built on 2026-11-21 01:17 UTC\nzk_server_state\tstandalone\nzk_avg_latency\t0.75\n",
    );
  });

  test("has Apache's names, each once", () => {
    const text = mntr(statusOf());
    const values = valuesOf(text);
    for (const name of apacheNames) expect(values.has(name), name).toBe(true);
    expect(values.size).toBe(text.split("\n").length - 1);
  });

  test("shows the gauges", () => {
    const values = valuesOf(mntr(statusOf()));
    const shown = (name: string) => values.get(`zk_${name}`);
    expect(shown("max_latency")).toBe("7");
    expect(shown("min_latency")).toBe("0");
    expect(shown("packets_received")).toBe("157");
    expect(shown("num_alive_connections")).toBe("3");
    expect(shown("uptime")).toBe("20460");
    expect(shown("znode_count")).toBe("9");
    expect(shown("watch_count")).toBe("5");
    expect(shown("ephemerals_count")).toBe("2");
    expect(shown("approximate_data_size")).toBe("64");
    expect(shown("open_file_descriptor_count")).toBe("12");
    expect(shown("max_file_descriptor_count")).toBe("20000");
    expect(shown("last_client_response_size")).toBe("-1");
  });

  test("shows counters, summaries and quantiles", () => {
    const view = statusOf();
    view.metrics.commits.add(5);
    for (const ms of [0.2, 0.4, 10]) view.metrics.fsyncTime.record(ms);
    for (let ms = 1; ms <= 50; ms++) view.metrics.readLatency.record(ms);
    const values = valuesOf(mntr(view));
    expect(values.get("zk_commit_count")).toBe("5");
    expect(["avg", "min", "max", "cnt", "sum"].map((kind) => values.get(`zk_${kind}_fsynctime`))).toEqual([
      "3.5333",
      "0",
      "10",
      "3",
      "11",
    ]);
    expect(["p50", "p95", "p99", "p999"].map((kind) => values.get(`zk_${kind}_readlatency`))).toEqual([
      "25",
      "48",
      "50",
      "50",
    ]);
    expect(values.get("zk_avg_updatelatency")).toBe("0.0");
  });

  test("adds up the quotas of a namespace and counts what they refused", () => {
    const view = statusOf({
      quotas: () => [
        { namespace: "a", countLimit: 10, bytesLimit: -1, countUsage: 2, bytesUsage: 30 },
        { namespace: "a", countLimit: 5, bytesLimit: -1, countUsage: 1, bytesUsage: 4 },
        { namespace: "b", countLimit: -1, bytesLimit: 7, countUsage: 1, bytesUsage: 0 },
      ],
    });
    view.metrics.quotaExceeded.add("a", 3);
    const values = valuesOf(mntr(view));
    expect(values.get("zk_a_quota_count_limit_per_namespace")).toBe("15");
    expect(values.get("zk_a_quota_bytes_limit_per_namespace")).toBe("-2");
    expect(values.get("zk_a_quota_count_usage_per_namespace")).toBe("3");
    expect(values.get("zk_a_quota_bytes_usage_per_namespace")).toBe("34");
    expect(values.get("zk_b_quota_bytes_limit_per_namespace")).toBe("7");
    expect(values.get("zk_a_quota_exceeded_error_per_namespace")).toBe("3");
  });

  test("says nothing of an ensemble where there is none", () => {
    const names = [...valuesOf(mntr(statusOf())).keys()];
    expect(names.filter((name) => /peer_state|quorum_size|learners|synced/.test(name))).toEqual([]);
  });

  test("of a leader tells of its learners", () => {
    const view = statusOf({
      mode: "leader",
      ensemble: {
        peerState: "leading - broadcast",
        quorumSize: 3,
        leader: {
          learners: 2,
          syncedFollowers: 1,
          syncedNonVotingFollowers: 0,
          syncedObservers: 1,
          pendingSyncs: 0,
          uptimeMs: 99.9,
        },
      },
    });
    const text = mntr(view);
    expect(text).toContain("zk_server_state\tleader\nzk_peer_state\tleading - broadcast\n");
    const values = valuesOf(text);
    expect(values.get("zk_quorum_size")).toBe("3");
    expect(values.get("zk_learners")).toBe("2");
    expect(values.get("zk_synced_followers")).toBe("1");
    expect(values.get("zk_leader_uptime")).toBe("99");
    expect(values.get("zk_last_proposal_size")).toBe("-1");
  });

  test("of a follower has the quorum's size and no leader's numbers", () => {
    const ensemble = { peerState: "following - broadcast", quorumSize: 3 };
    const values = valuesOf(mntr(statusOf({ mode: "follower", ensemble })));
    expect(values.get("zk_quorum_size")).toBe("3");
    expect(values.has("zk_learners")).toBe(false);
  });
});
