import { expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { type SessionConfig, SessionMachine } from "../../../src/client/session_machine.ts";

const password = new Uint8Array(16).fill(7);

/** A machine with its effects written down, driven to the next deadline again and again. */
class Script {
  nowMs = 0;
  readonly log: string[] = [];
  readonly machine: SessionMachine;

  constructor(config: Partial<SessionConfig> & { hosts?: number } = {}) {
    const { hosts = 3, ...rest } = config;
    const servers = Array.from({ length: hosts }, (_, index) => ({ host: `h${index + 1}`, port: 2181 }));
    this.machine = new SessionMachine(
      {
        servers,
        sessionTimeoutMs: 9_000,
        readOnlyAllowed: false,
        session: null,
        random: seededRandom(3),
        ...rest,
      },
      {
        dial: ({ host }, timeoutMs) => this.#note(`dial ${host} ${timeoutMs}`),
        hangUp: () => this.#note("hangUp"),
        sendConnectRequest: ({ sessionId, timeoutMs, lastZxidSeen, readOnly }) =>
          this.#note(
            `connect id=${sessionId} timeout=${timeoutMs} zxid=${lastZxidSeen}${readOnly ? " readOnly" : ""}`,
          ),
        sendPing: () => this.#note("ping"),
        sendClose: () => this.#note("close"),
        probe: ({ host }) => this.#note(`probe ${host}`),
        established: (readOnly) => this.#note(readOnly ? "established readOnly" : "established"),
        lost: () => this.#note("lost"),
        died: (state, reason) => this.#note(reason === null ? state : `${state}: ${reason}`),
      },
    );
    this.machine.start(this.nowMs);
  }

  #note(line: string): void {
    this.log.push(line);
  }

  /** What happened since the last look. */
  take(): string[] {
    return this.log.splice(0);
  }

  at(ms: number): this {
    this.nowMs = ms;
    return this;
  }

  /** Goes from deadline to deadline until `ms`. @returns What happened, with the times. */
  run(ms: number): string[] {
    const trace = this.take();
    for (let atMs = this.machine.nextDeadlineMs(); atMs <= ms; atMs = this.machine.nextDeadlineMs()) {
      this.nowMs = Math.max(this.nowMs, atMs);
      this.machine.onTime(this.nowMs);
      for (const line of this.take()) trace.push(`${Math.round(this.nowMs)} ${line}`);
    }
    this.nowMs = ms;
    return trace;
  }

  /** Serves the session on the server that is being dialled. */
  serve({ id = 5n, timeoutMs = 9_000, readOnly = false } = {}): this {
    this.machine.onDialed(this.nowMs);
    this.machine.onConnectResponse({ timeoutMs, sessionId: id, password, readOnly }, this.nowMs);
    return this;
  }
}

test("the first attempt is made at once and asks for a new session", () => {
  const script = new Script();
  script.serve({ timeoutMs: 6_000 });
  expect(script.take()).toEqual(["dial h1 3000", "connect id=0 timeout=9000 zxid=0", "established"]);
  expect(script.machine.timeoutMs).toBe(6_000);
  expect(script.machine.sessionId).toBe(5n);
  expect(script.machine.server).toEqual({ host: "h1", port: 2181 });
});

test("servers that refuse are tried in turn, with a growing wait after each round", () => {
  const script = new Script();
  const hosts: string[] = [];
  const roundEndsMs: number[] = [];
  for (let attempt = 0; attempt < 30; attempt++) {
    hosts.push(script.take().join());
    script.machine.onDialFailed("refused", script.nowMs);
    const nextMs = script.machine.nextDeadlineMs();
    if (attempt % 3 === 2) roundEndsMs.push(nextMs - script.nowMs);
    else expect(nextMs).toBe(script.nowMs);
    script.at(nextMs).machine.onTime(nextMs);
  }
  expect(hosts.slice(0, 4)).toEqual(["dial h1 3000", "dial h2 3000", "dial h3 3000", "dial h1 3000"]);
  expect(roundEndsMs[0]).toBeGreaterThanOrEqual(5);
  expect(roundEndsMs[0]).toBeLessThanOrEqual(11);
  expect(roundEndsMs.at(-1)!).toBeGreaterThan(roundEndsMs[0] * 5);
  for (const waitMs of roundEndsMs) expect(waitMs).toBeLessThanOrEqual(1_001);
});

test("a dial or handshake without an answer is given up after the timeout's share of one server", () => {
  const script = new Script();
  expect(script.run(2_999)).toEqual(["dial h1 3000"]);
  expect(script.run(3_000)).toEqual(["3000 hangUp", "3000 dial h2 3000"]);
  script.machine.onDialed(script.nowMs);
  script.take();
  expect(script.run(6_000)).toEqual(["6000 hangUp", "6000 dial h3 3000"]);
  expect(script.machine.lastFailure).toContain("h2:2181 did not agree on a session within 3000 ms");
});

test("an idle connection is pinged every third of the timeout", () => {
  const script = new Script().serve();
  script.take();
  expect(script.run(2_999)).toEqual([]);
  expect(script.run(3_000)).toEqual(["3000 ping"]);
  script.machine.onHeard(3_001);
  expect(script.run(6_000)).toEqual(["6000 ping"]);
});

test("requests put the ping off, and no silence lasts longer than ten seconds", () => {
  const busy = new Script().serve();
  busy.machine.onSent(2_000);
  busy.machine.onHeard(2_001);
  busy.take();
  expect(busy.run(5_000)).toEqual(["5000 ping"]);

  const slow = new Script({ sessionTimeoutMs: 60_000 }).serve({ timeoutMs: 60_000 });
  slow.take();
  expect(slow.run(10_000)).toEqual(["10000 ping"]);
});

test("two thirds of silence drop the connection, four thirds end the session", () => {
  const script = new Script({ hosts: 1 }).serve();
  script.take();
  expect(script.run(6_020)).toEqual([
    "3000 ping",
    "6000 hangUp",
    "6000 lost",
    expect.stringMatching(/dial h1/),
  ]);
  const trace = script.run(60_000);
  expect(trace.at(-2)).toBe("12000 hangUp");
  expect(trace.at(-1)).toMatch(/^12000 expired: session 0x5 has expired: no server heard for 12000 ms/);
  expect(script.machine.dead).toBe(true);
  expect(script.machine.nextDeadlineMs()).toBe(Infinity);
});

test("a reconnect shows the session, its password and the newest zxid, and soon", () => {
  const script = new Script().serve();
  script.machine.lastZxid = 0x500000007;
  script.take();
  script.at(5_000).machine.onConnectionClosed("reset", script.nowMs);
  expect(script.take()).toEqual(["lost"]);
  expect(script.machine.nextDeadlineMs()).toBeLessThan(5_010);
  expect(script.run(5_010).at(-1)).toMatch(/dial h2 3000/);
  script.serve();
  expect(script.take()).toEqual([`connect id=5 timeout=9000 zxid=${0x500000007}`, "established"]);
});

test("a server that drops every new connection is not asked in a tight loop", () => {
  const script = new Script({ hosts: 1 });
  const waitsMs: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    script.serve();
    script.machine.onConnectionClosed("reset", script.nowMs);
    const nextMs = script.machine.nextDeadlineMs();
    waitsMs.push(nextMs - script.nowMs);
    script.at(nextMs).machine.onTime(nextMs);
  }
  expect(waitsMs.at(-1)!).toBeGreaterThan(200);
});

test("a refused session has expired", () => {
  const script = new Script().serve();
  script.at(5_000).machine.onConnectionClosed("reset", script.nowMs);
  script.run(5_010);
  script.machine.onDialed(script.nowMs);
  script.take();
  script.machine.onConnectResponse(
    { timeoutMs: 0, sessionId: 0n, password: new Uint8Array(16), readOnly: false },
    script.nowMs,
  );
  expect(script.take()).toEqual(["hangUp", "expired: session 0x5 has expired, says h2:2181"]);
});

test("a session that was never had cannot expire: the client goes on trying", () => {
  const script = new Script({ hosts: 1 });
  script.machine.onDialFailed("refused", 0);
  const trace = script.run(100_000);
  expect(trace.some((line) => line.includes("expired"))).toBe(false);
});

test("a session taken over is shown at the first connection and expires if nobody answers", () => {
  const session = { id: 9n, password };
  const shown = new Script({ session });
  shown.machine.onDialed(0);
  expect(shown.take()).toEqual(["dial h1 3000", "connect id=9 timeout=9000 zxid=0"]);

  const lonely = new Script({ session });
  expect(lonely.run(100_000).at(-1)).toStartWith("12000 expired");
});

test("a read-only server is passed over by those who want to write", () => {
  const script = new Script();
  script.serve({ readOnly: true });
  expect(script.take().slice(-1)).toEqual(["hangUp"]);
  expect(script.machine.lastFailure).toBe("h1:2181 is read-only at the moment");
  expect(script.run(0)).toEqual(["0 dial h2 3000"]);
});

test("on a read-only server the next ones are probed, ever more rarely, until one takes writes", () => {
  const script = new Script({ readOnlyAllowed: true });
  script.serve({ readOnly: true, id: 3n });
  expect(script.take()).toEqual([
    "dial h1 3000",
    "connect id=0 timeout=9000 zxid=0 readOnly",
    "established readOnly",
  ]);
  expect(script.run(100)).toEqual(["100 probe h2"]);
  script.machine.onProbed(false, 110);
  expect(script.run(400)).toEqual(["300 probe h3"]);
  script.machine.onProbed(true, 400);
  expect(script.take()).toEqual(["hangUp", "lost"]);
  expect(script.run(420).at(-1)).toMatch(/dial h3 3000/);
  // The read-only server's session means nothing to others.
  script.serve({ id: 4n });
  expect(script.take()).toEqual(["connect id=0 timeout=9000 zxid=0 readOnly", "established"]);
});

test("close() asks the server and takes its answer, its end of connection or its silence for the end", () => {
  const answered = new Script().serve();
  answered.take();
  answered.machine.close(0);
  answered.machine.onCloseAnswered();
  expect(answered.take()).toEqual(["close", "hangUp", "closed"]);

  const dropped = new Script().serve();
  dropped.take();
  dropped.machine.close(0);
  dropped.machine.onConnectionClosed("reset", 1);
  expect(dropped.take()).toEqual(["close", "closed"]);

  const silent = new Script().serve();
  silent.take();
  silent.machine.close(0);
  expect(silent.run(10_000)).toEqual(["close", "5000 hangUp", "5000 closed"]);
});

test("close() without a connection ends at once", () => {
  const dialing = new Script();
  dialing.machine.close(0);
  expect(dialing.take()).toEqual(["dial h1 3000", "hangUp", "closed"]);

  const waiting = new Script();
  waiting.machine.onDialFailed("refused", 0);
  waiting.take();
  waiting.machine.close(0);
  expect(waiting.take()).toEqual(["closed"]);
});

test("a dead machine does nothing, whatever comes late", () => {
  const script = new Script();
  script.machine.close(0);
  script.take();
  script.machine.onDialed(1);
  script.machine.onDialFailed("late", 1);
  script.machine.onConnectionClosed("late", 1);
  script.machine.onProbed(true, 1);
  script.machine.onAuthFailed("late");
  script.machine.onTime(1_000_000);
  expect(script.take()).toEqual([]);
});
