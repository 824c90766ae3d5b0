import { JuteWriter } from "../jute/writer.ts";

/** A small reply or two fit without growing. */
const bytesAtFirst = 512;
/** A buffer that grew beyond this is cut back once it is sent. */
const bytesKept = 64 * 1024;
/** What an object and its buffer take beside the buffer's bytes. */
const bytesBeside = 256;

/**
 * Buffers for what goes out, lent to connections from the first byte of a turn until it is sent: a connection that has
 * nothing to say holds none, whatever it was sent before.
 */
export class OutBuffers {
  readonly #free: JuteWriter[] = [];
  readonly #bytesMax: number;
  #bytes = 0;

  /** @param bytesMax What is kept of buffers that nobody has; as many as a busy turn needs should fit. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of the buffers that nobody has. */
  get freeBytes(): number {
    return this.#bytes;
  }

  /** @returns An empty buffer, the taker's own until {@link give}. */
  take(): JuteWriter {
    const buffer = this.#free.pop();
    if (buffer === undefined) return new JuteWriter(bytesAtFirst);
    this.#bytes -= buffer.bytes.length + bytesBeside;
    return buffer;
  }

  /** Takes a buffer back; whoever had it must not use it any more. */
  give(buffer: JuteWriter): void {
    buffer.reset(bytesKept);
    const bytes = buffer.bytes.length + bytesBeside;
    if (this.#bytes + bytes > this.#bytesMax) return;
    this.#bytes += bytes;
    this.#free.push(buffer);
  }
}
