import type { ServerMetrics } from "../admin/metrics.ts";

/**
 * Times how long a server looks for a leader, and how long it serves nobody (QuorumPeer.setZabState,
 * Leader.lead, Follower.followLeader). Times are monotonic ms.
 */
export class Availability {
  readonly #metrics: ServerMetrics;
  #lookingSinceMs: number | null = null;
  #unavailableSinceMs: number | null;

  /** The server serves nobody yet. */
  constructor(metrics: ServerMetrics, nowMs: number) {
    this.#metrics = metrics;
    this.#unavailableSinceMs = nowMs;
  }

  onLooking(nowMs: number): void {
    this.#metrics.lookings.add(1);
    this.#lookingSinceMs = nowMs;
  }

  /** A leader is elected, or named by a reconfiguration: then there was no election to time. */
  onOffice(nowMs: number): void {
    if (this.#lookingSinceMs !== null) this.#metrics.electionTime.record(nowMs - this.#lookingSinceMs);
    this.#lookingSinceMs = null;
  }

  /** It takes part in broadcast. */
  onServing(isLeader: boolean, nowMs: number): void {
    if (this.#unavailableSinceMs === null) return;
    const ms = nowMs - this.#unavailableSinceMs;
    this.#metrics.unavailableTime.record(ms);
    if (isLeader) this.#metrics.leaderUnavailableTime.record(ms);
    this.#unavailableSinceMs = null;
  }

  /** Its office is over. */
  onOfficeOver(nowMs: number): void {
    this.#unavailableSinceMs ??= nowMs;
  }
}
