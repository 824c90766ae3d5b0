/**
 * The numbers a server counts while it works, under Apache's names (ServerMetrics, ServerStats). Recording
 * allocates nothing and costs a few instructions; all work is left to the rare reader.
 *
 * Times are in milliseconds and may have a fraction; readers show whole milliseconds, as Apache has only those.
 */

/** A number that only grows, until the server's statistics are reset. */
export class Counter {
  value = 0;

  add(amount: number): void {
    this.value += amount;
  }

  reset(): void {
    this.value = 0;
  }
}

/** Counters by key; a key appears with its first count. */
export class KeyedCounter {
  readonly values: Map<string, number> = new Map();

  add(key: string, amount: number): void {
    this.values.set(key, (this.values.get(key) ?? 0) + amount);
  }

  reset(): void {
    this.values.clear();
  }
}

/** What a {@link Summary} holds; a histogram's buckets by number, those that hold something. */
export interface SummaryShare {
  readonly count: number;
  readonly sum: number;
  /** Of no meaning while `count` is 0. */
  readonly least: number;
  readonly greatest: number;
  readonly buckets?: readonly (readonly [bucket: number, count: number])[];
}

/** Count, sum, least and greatest of recorded values (AvgMinMaxCounter). */
export class Summary {
  count = 0;
  sum = 0;
  #least = Infinity;
  #greatest = -Infinity;

  /** @param value At least 0; a negative one (a clock's jump) is left out, as Apache does. */
  record(value: number): void {
    if (!(value >= 0)) return;
    this.count += 1;
    this.sum += value;
    if (value < this.#least) this.#least = value;
    if (value > this.#greatest) this.#greatest = value;
  }

  /** @returns What another process {@link add}s to its own. */
  share(): SummaryShare {
    return { count: this.count, sum: this.sum, least: this.#least, greatest: this.#greatest };
  }

  /** Counts what another process recorded, too. */
  add({ count, sum, least, greatest }: SummaryShare): void {
    if (count === 0) return;
    this.count += count;
    this.sum += sum;
    this.#least = Math.min(this.#least, least);
    this.#greatest = Math.max(this.#greatest, greatest);
  }

  /** Mean, rounded to 4 decimals; 0 before the first value. */
  get average(): number {
    return this.count === 0 ? 0 : Math.round(this.sum / this.count * 10_000) / 10_000;
  }

  /** Least value, rounded down to a whole number; 0 before the first value. */
  get minimum(): number {
    return this.count === 0 ? 0 : Math.floor(this.#least);
  }

  /** Greatest value, rounded up to a whole number, so that the mean never exceeds it; 0 before the first value. */
  get maximum(): number {
    return this.count === 0 ? 0 : Math.ceil(this.#greatest);
  }

  reset(): void {
    this.count = 0;
    this.sum = 0;
    this.#least = Infinity;
    this.#greatest = -Infinity;
  }
}

/** Values up to here have a bucket each; above, each doubling is cut into 32, so that a bucket is 3 % wide. */
const exactEnd = 64;
const bucketsPerDoubling = 32;
/** Up to 2^31 - 1; greater values fall into the last bucket. */
const bucketCount = exactEnd + 25 * bucketsPerDoubling;

/**
 * A {@link Summary} that also knows quantiles, over fixed buckets. Apache draws a sample of 4096 values; the
 * buckets count all of them, to the nearest whole number below 64 and within 3 % above.
 */
export class Histogram extends Summary {
  readonly #buckets: Float64Array = new Float64Array(bucketCount);

  override record(value: number): void {
    if (!(value >= 0)) return;
    super.record(value);
    this.#buckets[bucketOf(value)] += 1;
  }

  override share(): SummaryShare {
    const buckets: [number, number][] = [];
    for (const [bucket, count] of this.#buckets.entries()) if (count > 0) buckets.push([bucket, count]);
    return { ...super.share(), buckets };
  }

  override add(share: SummaryShare): void {
    super.add(share);
    for (const [bucket, count] of share.buckets ?? []) this.#buckets[bucket] += count;
  }

  /**
   * @param fraction Such as 0.99.
   * @returns A whole number that this part of the values does not exceed; 0 before the first value.
   */
  quantile(fraction: number): number {
    const rank = Math.max(1, Math.ceil(fraction * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.#buckets[bucket];
      if (seen >= rank) return Math.min(upperEdgeOf(bucket), this.maximum);
    }
    return 0;
  }

  override reset(): void {
    super.reset();
    this.#buckets.fill(0);
  }
}

function bucketOf(value: number): number {
  const whole = value >= 0x7fffffff ? 0x7fffffff : Math.round(value);
  if (whole < exactEnd) return whole;
  const shift = 26 - Math.clz32(whole);
  return exactEnd + (shift - 1) * bucketsPerDoubling + (whole >>> shift) - bucketsPerDoubling;
}

function upperEdgeOf(bucket: number): number {
  if (bucket < exactEnd) return bucket;
  const shift = Math.floor((bucket - exactEnd) / bucketsPerDoubling) + 1;
  const step = (bucket - exactEnd) % bucketsPerDoubling + bucketsPerDoubling;
  return (step + 1) * 2 ** shift - 1;
}

/** Last, least and greatest of some sizes in bytes; -1 before the first (BufferStats). */
export class SizeRange {
  last = -1;
  minimum = -1;
  maximum = -1;

  record(bytes: number): void {
    this.last = bytes;
    if (this.minimum === -1 || bytes < this.minimum) this.minimum = bytes;
    if (bytes > this.maximum) this.maximum = bytes;
  }

  /** Counts what another process recorded, too. */
  add({ last, minimum, maximum }: Pick<SizeRange, "last" | "minimum" | "maximum">): void {
    if (minimum === -1) return;
    if (this.last === -1) this.last = last;
    if (this.minimum === -1 || minimum < this.minimum) this.minimum = minimum;
    if (maximum > this.maximum) this.maximum = maximum;
  }

  reset(): void {
    this.last = -1;
    this.minimum = -1;
    this.maximum = -1;
  }
}

/** What one process of a server counted for its clients, in a fixed order. */
export interface MetricsShare {
  readonly counters: readonly number[];
  readonly summaries: readonly SummaryShare[];
  readonly clientResponseSize: Pick<SizeRange, "last" | "minimum" | "maximum">;
}

/** All that one server counts. Made once per server and handed to whoever records. */
export class ServerMetrics {
  /** Requests, pings and four-letter words taken from clients (`packets_received`). */
  readonly packetsReceived: Counter = new Counter();
  /** Replies, watch events and answers to four-letter words (`packets_sent`; Apache counts each 8 KiB of the last). */
  readonly packetsSent: Counter = new Counter();
  /** From a request's arrival to its reply, ms, all kinds together (`avg_latency` and its neighbours). */
  readonly requestLatency: Summary = new Summary();
  /** Bytes of reply bodies (`last_client_response_size` and its neighbours). */
  readonly clientResponseSize: SizeRange = new SizeRange();
  /** Bytes of proposals, on a leader (`last_proposal_size` and its neighbours). */
  readonly proposalSize: SizeRange = new SizeRange();
  /** Failed `auth` requests (`auth_failed_count`); `srst` leaves it alone. */
  readonly authFailed: Counter = new Counter();

  /** From arrival to reply, ms, of requests that only read (`readlatency`). */
  readonly readLatency: Histogram = new Histogram();
  /** From arrival to reply, ms, of requests that became a txn (`updatelatency`). */
  readonly updateLatency: Histogram = new Histogram();
  /** From a txn's append to the end of the sync that covers it, ms (`sync_processor_queue_and_flush_time_ms`). */
  readonly appendToSyncedTime: Histogram = new Histogram();
  /** From a proposal to its quorum of acks, ms (`quorum_ack_latency`). */
  readonly quorumAckLatency: Histogram = new Histogram();

  /** One sync of the txn log, ms (`fsynctime`). */
  readonly fsyncTime: Summary = new Summary();
  /** Txns that one sync covered (`sync_processor_batch_size`). */
  readonly syncBatchSize: Summary = new Summary();
  /** Writing one snapshot, ms (`snapshottime`). */
  readonly snapshotTime: Summary = new Summary();
  /** Loading the tree at start, ms (`dbinittime`). */
  readonly databaseInitTime: Summary = new Summary();
  /** Its two parts, ms, and the number of txns replayed (`startup_…`). */
  readonly startupSnapshotLoadTime: Summary = new Summary();
  readonly startupTxnsLoadTime: Summary = new Summary();
  readonly startupTxnsLoaded: Summary = new Summary();
  /** From looking for a leader to having one, ms (`election_time`). */
  readonly electionTime: Summary = new Summary();
  /** Without taking part in broadcast, ms (`unavailable_time`); of a leader (`leader_unavailable_time`). */
  readonly unavailableTime: Summary = new Summary();
  readonly leaderUnavailableTime: Summary = new Summary();
  /** From the epoch's acceptance until a learner takes part, ms (`follower_sync_time`, `observer_sync_time`). */
  readonly followerSyncTime: Summary = new Summary();
  readonly observerSyncTime: Summary = new Summary();
  /** Watches fired by one change, by the kind of event (`node_created_watch_count` and its neighbours). */
  readonly nodeCreatedWatches: Summary = new Summary();
  readonly nodeDeletedWatches: Summary = new Summary();
  readonly nodeChangedWatches: Summary = new Summary();
  readonly nodeChildrenWatches: Summary = new Summary();

  /** Bytes of requests (`bytes_received_count`), of replies (`response_bytes`) and of watch events (`watch_bytes`). */
  readonly bytesReceived: Counter = new Counter();
  readonly responseBytes: Counter = new Counter();
  readonly watchBytes: Counter = new Counter();
  /** Connect requests read (`connection_request_count`). */
  readonly connectionRequests: Counter = new Counter();
  /** Connections that their clients ended, or that were lost (`connection_drop_count`; NIOServerCnxn.handleFailedRead). */
  readonly connectionsDropped: Counter = new Counter();
  /** Connections refused at the door: too many, or throttled (`connection_rejected`). */
  readonly connectionsRejected: Counter = new Counter();
  /** Connect requests met while not serving (`cnxn_closed_without_zk_server_running`). */
  readonly connectionsClosedNotServing: Counter = new Counter();
  /** Connections closed as they never sent a connect request (`sessionless_connections_expired`). */
  readonly sessionlessConnectionsExpired: Counter = new Counter();
  /** Sessions expired (`stale_sessions_expired`). */
  readonly sessionsExpired: Counter = new Counter();
  /** Requests refused for their size (`large_requests_rejected`). */
  readonly largeRequestsRejected: Counter = new Counter();
  /** Connect requests that named a session (`connection_revalidate_count`). */
  readonly connectionRevalidations: Counter = new Counter();
  /** Sessions that a leader was asked about by learners (`revalidate_count`). */
  readonly revalidations: Counter = new Counter();
  /** Proposals made (`proposal_count`) and txns committed (`commit_count`), by a leader. */
  readonly proposals: Counter = new Counter();
  readonly commits: Counter = new Counter();
  /** What a learner is told by its leader (`learner_proposal_received_count`, `learner_commit_received_count`). */
  readonly learnerProposals: Counter = new Counter();
  readonly learnerCommits: Counter = new Counter();
  /** Txns handed to the log (`sync_processor_request_queued`). */
  readonly txnsQueuedForLog: Counter = new Counter();
  /** Snapshots sent to learners (`snap_count`) and logs of differences (`diff_count`). */
  readonly snapshotsSent: Counter = new Counter();
  readonly diffsSent: Counter = new Counter();
  /** Times this server went looking for a leader (`looking_count`). */
  readonly lookings: Counter = new Counter();
  /** Txns whose recorded tree digest differs from ours (`digest_mismatches_count`). */
  readonly digestMismatches: Counter = new Counter();
  /** Failures that stop the server (`unrecoverable_error_count`). */
  readonly unrecoverableErrors: Counter = new Counter();
  /** Requests refused by a quota, by the first part of the path (`<ns>_quota_exceeded_error_per_namespace`). */
  readonly quotaExceeded: KeyedCounter = new KeyedCounter();

  /** The counters shown by `mntr`, by Apache's names. */
  readonly counters: ReadonlyArray<readonly [name: string, counter: Counter]> = [
    ["bytes_received_count", this.bytesReceived],
    ["response_bytes", this.responseBytes],
    ["watch_bytes", this.watchBytes],
    ["connection_request_count", this.connectionRequests],
    ["connection_drop_count", this.connectionsDropped],
    ["connection_rejected", this.connectionsRejected],
    ["cnxn_closed_without_zk_server_running", this.connectionsClosedNotServing],
    ["sessionless_connections_expired", this.sessionlessConnectionsExpired],
    ["stale_sessions_expired", this.sessionsExpired],
    ["large_requests_rejected", this.largeRequestsRejected],
    ["connection_revalidate_count", this.connectionRevalidations],
    ["revalidate_count", this.revalidations],
    ["proposal_count", this.proposals],
    ["commit_count", this.commits],
    ["learner_proposal_received_count", this.learnerProposals],
    ["learner_commit_received_count", this.learnerCommits],
    ["sync_processor_request_queued", this.txnsQueuedForLog],
    ["snap_count", this.snapshotsSent],
    ["diff_count", this.diffsSent],
    ["looking_count", this.lookings],
    ["digest_mismatches_count", this.digestMismatches],
    ["unrecoverable_error_count", this.unrecoverableErrors],
  ];

  /** The summaries without quantiles, by Apache's names. */
  readonly summaries: ReadonlyArray<readonly [name: string, summary: Summary]> = [
    ["fsynctime", this.fsyncTime],
    ["sync_processor_batch_size", this.syncBatchSize],
    ["snapshottime", this.snapshotTime],
    ["dbinittime", this.databaseInitTime],
    ["startup_snap_load_time", this.startupSnapshotLoadTime],
    ["startup_txns_load_time", this.startupTxnsLoadTime],
    ["startup_txns_loaded", this.startupTxnsLoaded],
    ["election_time", this.electionTime],
    ["unavailable_time", this.unavailableTime],
    ["leader_unavailable_time", this.leaderUnavailableTime],
    ["follower_sync_time", this.followerSyncTime],
    ["observer_sync_time", this.observerSyncTime],
    ["node_created_watch_count", this.nodeCreatedWatches],
    ["node_deleted_watch_count", this.nodeDeletedWatches],
    ["node_changed_watch_count", this.nodeChangedWatches],
    ["node_children_watch_count", this.nodeChildrenWatches],
  ];

  /** The summaries with quantiles, by Apache's names. */
  readonly histograms: ReadonlyArray<readonly [name: string, histogram: Histogram]> = [
    ["readlatency", this.readLatency],
    ["updatelatency", this.updateLatency],
    ["sync_processor_queue_and_flush_time_ms", this.appendToSyncedTime],
    ["quorum_ack_latency", this.quorumAckLatency],
  ];

  /** @returns What a process that only serves clients adds to its server's numbers. */
  share(): MetricsShare {
    const { last, minimum, maximum } = this.clientResponseSize;
    return {
      counters: this.#clientCounters.map((counter) => counter.value),
      summaries: this.#clientSummaries.map((summary) => summary.share()),
      clientResponseSize: { last, minimum, maximum },
    };
  }

  /** Counts what other processes of this server did for clients, too. */
  add({ counters, summaries, clientResponseSize }: MetricsShare): void {
    for (const [index, counter] of this.#clientCounters.entries()) counter.add(counters[index]);
    for (const [index, summary] of this.#clientSummaries.entries()) summary.add(summaries[index]);
    this.clientResponseSize.add(clientResponseSize);
  }

  /** Holds what `other` counted so far, which may go on counting. */
  copy(other: ServerMetrics): void {
    for (const [index, [, counter]] of this.counters.entries()) counter.add(other.counters[index][1].value);
    for (const [index, [, one]] of this.summaries.entries()) one.add(other.summaries[index][1].share());
    for (const [index, [, one]] of this.histograms.entries()) one.add(other.histograms[index][1].share());
    for (const name of ["packetsReceived", "packetsSent", "authFailed"] as const) {
      this[name].add(other[name].value);
    }
    this.requestLatency.add(other.requestLatency.share());
    this.clientResponseSize.add(other.clientResponseSize);
    this.proposalSize.add(other.proposalSize);
    for (const [key, count] of other.quotaExceeded.values) this.quotaExceeded.add(key, count);
  }

  /** What clients cause, in whichever process of the server they are. */
  get #clientCounters(): readonly Counter[] {
    return [
      this.packetsReceived,
      this.packetsSent,
      this.authFailed,
      this.bytesReceived,
      this.responseBytes,
      this.watchBytes,
      this.connectionRequests,
      this.connectionsDropped,
      this.connectionsRejected,
      this.connectionsClosedNotServing,
      this.sessionlessConnectionsExpired,
      this.largeRequestsRejected,
      this.connectionRevalidations,
    ];
  }

  get #clientSummaries(): readonly Summary[] {
    return [
      this.requestLatency,
      this.readLatency,
      this.updateLatency,
      this.nodeCreatedWatches,
      this.nodeDeletedWatches,
      this.nodeChangedWatches,
      this.nodeChildrenWatches,
    ];
  }

  /** Starts anew, as `srst` asks (ServerStats.reset). */
  reset(): void {
    this.packetsReceived.reset();
    this.packetsSent.reset();
    this.requestLatency.reset();
    this.clientResponseSize.reset();
    this.proposalSize.reset();
    this.quotaExceeded.reset();
    for (const [, counter] of this.counters) counter.reset();
    for (const [, summary] of this.summaries) summary.reset();
    for (const [, histogram] of this.histograms) histogram.reset();
  }
}
