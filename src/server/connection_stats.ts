import type { Zxid } from "../protocol/zxid.ts";

/** What four-letter words tell of a connection (ServerCnxn's statistics). */
export class ConnectionStats {
  /** Wall time in ms. */
  readonly establishedAtMs: number;
  /** Granted session timeout; 0 before there is a session. */
  timeoutMs = 0;
  received = 0;
  sent = 0;
  lastOp: number | undefined = undefined;
  lastXid = -1;
  lastZxid: Zxid = -1;
  lastResponseAtMs = 0;
  lastLatencyMs = 0;
  minLatencyMs = Infinity;
  maxLatencyMs = 0;
  #latencyMsSum = 0;
  #replies = 0;

  constructor(establishedAtMs: number) {
    this.establishedAtMs = establishedAtMs;
  }

  get avgLatencyMs(): number {
    return this.#replies === 0 ? 0 : this.#latencyMsSum / this.#replies;
  }

  onReply(op: number, xid: number, zxid: Zxid, nowMs: number, latencyMs: number): void {
    this.lastOp = op;
    // A client's own last request is of interest, not its pings (ServerCnxn.updateStatsForResponse).
    if (xid >= 0) this.lastXid = xid;
    this.lastZxid = zxid;
    this.lastResponseAtMs = nowMs;
    this.lastLatencyMs = latencyMs;
    if (latencyMs < this.minLatencyMs) this.minLatencyMs = latencyMs;
    if (latencyMs > this.maxLatencyMs) this.maxLatencyMs = latencyMs;
    this.#latencyMsSum += latencyMs;
    this.#replies++;
  }

  /** Starts anew, as `crst` asks. */
  reset(): void {
    this.received = 0;
    this.sent = 0;
    this.lastOp = undefined;
    this.lastXid = -1;
    this.lastZxid = -1;
    this.lastResponseAtMs = 0;
    this.lastLatencyMs = 0;
    this.minLatencyMs = Infinity;
    this.maxLatencyMs = 0;
    this.#latencyMsSum = 0;
    this.#replies = 0;
  }
}
