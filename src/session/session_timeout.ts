/** The window that granted session timeouts stay in. */
export interface SessionTimeoutLimits {
  /** `minSessionTimeout`; 2 ticks unless configured. */
  readonly minMs: number;
  /** `maxSessionTimeout`; 20 ticks unless configured. */
  readonly maxMs: number;
}

/**
 * Chooses the session timeout a server grants.
 *
 * A request outside the window, a negative one too, moves to its nearest edge; it is never refused.
 *
 * @param requestedMs Timeout the client asked for, in milliseconds.
 * @param limits Window in milliseconds.
 * @returns Granted timeout in milliseconds.
 * @throws {RangeError} If `limits.minMs` exceeds `limits.maxMs`.
 * @see Fact: ZooKeeperServer.processConnectRequest
 */
export function grantSessionTimeout(requestedMs: number, limits: SessionTimeoutLimits): number {
  const { minMs, maxMs } = limits;
  if (minMs > maxMs) {
    throw new RangeError(`the shortest session timeout, ${minMs} ms, exceeds the longest, ${maxMs} ms`);
  }
  if (requestedMs < minMs) return minMs;
  return requestedMs > maxMs ? maxMs : requestedMs;
}
