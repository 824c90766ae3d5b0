/**
 * The greeting on an election port, with another address in it.
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 8 | protocol version, -65536 or -65535 |
 * | 8 | 8 | id of the dialling server |
 * | 16 | 4 | length of the address |
 * | 20 | n | `host:port` of its election port |
 *
 * @see Fact: apache/zookeeper QuorumCnxManager.java, InitialMessage
 */
const headBytes = 20;
const addressBytesMax = 2048;

/** Holds a greeting back until it is whole, for Java reads it in one go, and passes on all that follows. */
export class HandshakeRewriter {
  readonly #address: () => string;
  #held: Uint8Array = new Uint8Array(0);
  #done = false;

  /** @param address What the greeting shall name. */
  constructor(address: () => string) {
    this.#address = address;
  }

  /** @returns What may be passed on now. */
  take(chunk: Uint8Array): Uint8Array {
    if (this.#done) return chunk;
    const held = new Uint8Array(this.#held.length + chunk.length);
    held.set(this.#held);
    held.set(chunk, this.#held.length);
    this.#held = held;
    const view = new DataView(held.buffer);
    if (held.length < 8) return new Uint8Array(0);
    const version = view.getBigInt64(0);
    if (version !== -65536n && version !== -65535n) return this.#release(held);
    if (held.length < headBytes) return new Uint8Array(0);
    const length = view.getInt32(16);
    if (length < 1 || length > addressBytesMax) return this.#release(held);
    if (held.length < headBytes + length) return new Uint8Array(0);

    const address = new TextEncoder().encode(this.#address());
    const rest = held.subarray(headBytes + length);
    const rewritten = new Uint8Array(headBytes + address.length + rest.length);
    rewritten.set(held.subarray(0, headBytes));
    new DataView(rewritten.buffer).setInt32(16, address.length);
    rewritten.set(address, headBytes);
    rewritten.set(rest, headBytes + address.length);
    return this.#release(rewritten);
  }

  #release(bytes: Uint8Array): Uint8Array {
    this.#done = true;
    this.#held = new Uint8Array(0);
    return bytes;
  }
}
