/**
 * A writer for measuring gaps: one write after another over one session, and when its connection breaks it dials
 * again at once, as often as it takes. It waits no longer than it must, so what it measures is the servers' time.
 */
import { bodies, connectFrame, requestFrame } from "../wire/frames.ts";
import { opcode } from "../wire/codes.ts";
import type { Target } from "../wire/connection.ts";

/** A write that was acknowledged. */
export interface Acknowledged {
  /** Monotonic, in ms. */
  readonly atMs: number;
  /** Epoch of its txn: which leader it came of. */
  readonly epoch: number;
  readonly target: Target;
}

type Raw = Bun.Socket<undefined>;

/** Between two attempts to be served, in ms. */
const retryMs = 2;
/** An attempt that hears nothing for so long is given up, in ms. */
const silenceMsMax = 1000;
const noPassword = new Uint8Array(16);

/** See the head of this file. */
export class FailoverProbe {
  readonly #targets: readonly Target[];
  readonly #path: string;
  readonly #onAcknowledged: (write: Acknowledged) => void;
  #at = 0;
  #raw: Raw | null = null;
  #held: Uint8Array = new Uint8Array(0);
  #sessionId = 0n;
  #password: Uint8Array = noPassword;
  #served = false;
  #xid = 0;
  #stopped = false;
  #paused = false;
  #idle: (() => void) | null = null;
  #silence: ReturnType<typeof setTimeout> | undefined;

  /** @param targets Servers, in the order in which they are tried; the first one begins. */
  constructor(targets: readonly Target[], path: string, onAcknowledged: (write: Acknowledged) => void) {
    this.#targets = targets;
    this.#path = path;
    this.#onAcknowledged = onAcknowledged;
    this.#dial();
  }

  /** The server tried or used now. */
  get target(): Target {
    return this.#targets[this.#at];
  }

  /** Asks for nothing more until {@linkcode resume}; resolves when the write under way is answered. */
  pause(): Promise<void> {
    this.#paused = true;
    if (!this.#served) return Promise.resolve();
    return new Promise((done) => this.#idle = done);
  }

  resume(): void {
    this.#paused = false;
    if (this.#served) this.#write();
  }

  /** Ends it; its session is left to expire. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#silence);
    this.#raw?.terminate();
  }

  #dial(): void {
    if (this.#stopped) return;
    this.#held = new Uint8Array(0);
    this.#served = false;
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      clearTimeout(this.#silence);
      this.#raw = null;
      this.#served = false;
      this.#idle?.();
      this.#at = (this.#at + 1) % this.#targets.length;
      setTimeout(() => this.#dial(), retryMs);
    };
    const listen = () => {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(() => {
        this.#raw?.terminate();
        end();
      }, silenceMsMax);
    };
    listen();
    Bun.connect<undefined>({
      hostname: this.target.host,
      port: this.target.port,
      socket: {
        binaryType: "uint8array",
        open: (raw) => {
          if (ended) return raw.terminate();
          this.#raw = raw;
          raw.setNoDelay(true);
          raw.write(connectFrame({
            timeoutMs: 30_000,
            sessionId: this.#sessionId,
            password: this.#password,
          }));
        },
        data: (_raw, bytes) => {
          if (ended) return;
          listen();
          this.#onData(bytes as Uint8Array);
        },
        close: end,
        error: end,
        connectError: end,
      },
    }).catch(end);
  }

  #onData(bytes: Uint8Array): void {
    const held = new Uint8Array(this.#held.length + bytes.length);
    held.set(this.#held);
    held.set(bytes, this.#held.length);
    const view = new DataView(held.buffer);
    let at = 0;
    while (held.length - at >= 4) {
      const size = view.getInt32(at);
      if (held.length - at - 4 < size) break;
      if (!this.#served) this.#onSession(view, at + 4);
      else this.#onReply(view, at + 4);
      at += 4 + size;
    }
    this.#held = held.slice(at);
  }

  #onSession(view: DataView, at: number): void {
    const timeoutMs = view.getInt32(at + 4);
    if (timeoutMs <= 0) {
      // The session is gone: the next attempt begins one.
      this.#sessionId = 0n;
      this.#password = noPassword;
      this.#raw?.terminate();
      return;
    }
    this.#served = true;
    this.#sessionId = view.getBigInt64(at + 8);
    this.#password = new Uint8Array(view.buffer.slice(at + 20, at + 36));
    if (!this.#paused) this.#write();
  }

  #onReply(view: DataView, at: number): void {
    const xid = view.getInt32(at);
    const epoch = view.getInt32(at + 4);
    const error = view.getInt32(at + 12);
    if (xid !== this.#xid) return;
    if (error !== 0) {
      this.#raw?.terminate();
      return;
    }
    this.#onAcknowledged({ atMs: performance.now(), epoch, target: this.target });
    if (this.#paused) this.#idle?.();
    else this.#write();
  }

  #write(): void {
    const body = bodies.setData(this.#path, "x", -1);
    this.#raw?.write(requestFrame(++this.#xid, opcode.setData, body));
  }
}
