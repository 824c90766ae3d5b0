import type { Socket, SocketEvents } from "../base/network.ts";
import { normalAddress } from "./address.ts";

/** Bun's socket, carrying its wrapper. */
export type RawSocket = Bun.Socket<BunSocket>;

/** Milliseconds that an ended connection may stand still before it is dropped. */
const lingerMs = 5000;

/** A waiting buffer grown beyond this is given back once it is empty. */
const keepBytes = 64 * 1024;

const nothing = new Uint8Array(0);

/**
 * A stream connection over Bun's sockets: they take what the kernel takes and leave the rest to the caller.
 *
 * Bun's own `end()` closes at once, and bytes of the peer that were not read then become a reset that can
 * destroy our last reply on its way. So the end is a FIN, and input is read and dropped until the peer's FIN
 * comes or nothing has moved for {@link lingerMs}.
 */
export class BunSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #raw: RawSocket;
  #events: SocketEvents | null = null;
  /** Bytes the kernel has not taken: `#waiting[#from, #to)`. */
  #waiting: Uint8Array = nothing;
  #from = 0;
  #to = 0;
  #paused = false;
  /** We said the last word: what still comes in is dropped. */
  #ending = false;
  #peerEnded = false;
  #destroying = false;
  #closed = false;
  #linger: ReturnType<typeof setTimeout> | null = null;

  constructor(raw: RawSocket, remoteAddress: string, remotePort: number) {
    this.#raw = raw;
    this.remoteAddress = normalAddress(remoteAddress);
    this.remotePort = remotePort;
  }

  /** Makes the wrapper of a socket that has just been connected to an address, and its owner. */
  static open(
    raw: RawSocket,
    address: string,
    port: number,
    owner: (socket: Socket) => SocketEvents,
  ): BunSocket {
    raw.setNoDelay(true);
    const socket = new BunSocket(raw, address, port);
    raw.data = socket;
    socket.#events = owner(socket);
    return socket;
  }

  write(bytes: Uint8Array): number {
    if (this.#ending || this.#closed) return 0;
    if (this.#to > this.#from) {
      this.#keep(bytes, 0);
      return this.#to - this.#from;
    }
    const written = this.#raw.write(bytes);
    // -1: the close has not reached us yet.
    if (written === bytes.length || written < 0) return 0;
    this.#keep(bytes, written);
    return this.#to - this.#from;
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    this.#startLinger();
    if (this.#to === this.#from) this.#sendFin();
  }

  destroy(): void {
    if (this.#destroying || this.#closed) return;
    this.#ending = true;
    this.#destroying = true;
    this.#raw.terminate();
  }

  pause(): void {
    if (this.#paused || this.#ending || this.#closed) return;
    this.#paused = true;
    this.#raw.pause();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#raw.resume();
  }

  /** Bun read something. */
  onRawData(bytes: Uint8Array): void {
    if (!this.#ending) this.#events!.onData(bytes);
  }

  /** The kernel takes bytes again. */
  onRawDrain(): void {
    if (this.#to === this.#from || this.#closed) return;
    const written = this.#raw.write(this.#waiting, this.#from, this.#to - this.#from);
    if (written < 0) return;
    this.#from += written;
    if (this.#from < this.#to) {
      if (this.#ending && written > 0) this.#startLinger();
      return;
    }
    this.#from = 0;
    this.#to = 0;
    if (this.#waiting.length > keepBytes) this.#waiting = nothing;
    if (this.#ending) this.#sendFin();
    else this.#events!.onDrain();
  }

  /**
   * The peer sent its FIN. What its last bytes asked for may be answered at the end of this turn, so that
   * `echo ruok | nc` gets its answer; then the connection ends.
   */
  onRawEnd(): void {
    this.#peerEnded = true;
    setImmediate(() =>
      setImmediate(() => {
        if (this.#events?.answersLater !== true) this.end();
      })
    );
  }

  /** Bun has let go of the connection. */
  onRawClose(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#waiting = nothing;
    const reason = this.#ending ? null : error ?? null;
    // Bun calls this inside terminate(): an owner must not be re-entered from its own call.
    if (this.#destroying) queueMicrotask(() => this.#events?.onClose(reason));
    else this.#events?.onClose(reason);
  }

  #keep(bytes: Uint8Array, from: number): void {
    const more = bytes.length - from;
    const held = this.#to - this.#from;
    if (this.#to + more > this.#waiting.length) {
      let target = this.#waiting;
      // Moving the rest down is only worth it while it is the smaller part; else writes would cost their square.
      if (held + more > target.length || held > target.length / 2) {
        target = new Uint8Array(Math.max(held + more, 2 * target.length, 4096));
      }
      target.set(this.#waiting.subarray(this.#from, this.#to));
      this.#waiting = target;
      this.#from = 0;
      this.#to = held;
    }
    this.#waiting.set(from === 0 ? bytes : bytes.subarray(from), this.#to);
    this.#to += more;
  }

  #sendFin(): void {
    // With both directions ended there is nothing left to be read or reset.
    if (this.#peerEnded) {
      this.#raw.end();
      return;
    }
    this.#raw.shutdown();
    // A paused socket would not see the peer's FIN.
    this.resume();
    this.#startLinger();
  }

  #startLinger(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.destroy(), lingerMs);
  }
}

/**
 * What Bun calls for every connection, of whatever kind, once it has its wrapper; without an `error` entry a throw is
 * uncaught and fatal. A connection that was reset before it was accepted has no address and never gets a wrapper.
 */
export const socketHandlers = {
  binaryType: "uint8array",
  data: (raw: RawSocket, bytes: Uint8Array) => raw.data?.onRawData(bytes),
  drain: (raw: RawSocket) => raw.data?.onRawDrain(),
  end: (raw: RawSocket) => raw.data?.onRawEnd(),
  close: (raw: RawSocket, error?: Error) => raw.data?.onRawClose(error),
} as const;
