/** One side of a stream connection, as the outer ring offers it. */
export interface Socket {
  /** Numeric address of the other side; IPv4-mapped IPv6 shown as IPv4. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /**
   * Hands bytes to the network; they may be reused as soon as the call returns.
   *
   * @returns Bytes that wait in memory since the network did not take them yet; 0 when all went out.
   */
  write(bytes: Uint8Array): number;
  /** Sends what waits, then ends the connection in order (FIN). */
  end(): void;
  /** Drops the connection and what waits. */
  destroy(): void;
  /** Stops, or goes on, reading: back-pressure. */
  pause(): void;
  resume(): void;
}

/** What a socket tells its owner. After `onClose` nothing follows. */
export interface SocketEvents {
  /**
   * True while the last word of the peer is being answered by somebody else: when the peer ends its side, this side is
   * not ended with it.
   */
  readonly answersLater?: boolean;
  /** `bytes` belong to the receiver. */
  onData(bytes: Uint8Array): void;
  /** All that waited has gone out. */
  onDrain(): void;
  /** The connection is gone; `error` says why when it did not end in order. */
  onClose(error: Error | null): void;
}

/** A listening port. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  close(): void;
}

/** The code of a {@link ListenError} for a name that has no address: it may have one later. */
export const noAddress = "ENOTFOUND";

/** Why a port could not be opened, by the names of errno. */
export class ListenError extends Error {
  override name = "ListenError";
  readonly code: string;
  /** Which one, where that is known. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  constructor(code: string, message: string, address?: { readonly host: string; readonly port: number }) {
    super(message);
    this.code = code;
    this.address = address;
  }
}

/**
 * A port that several processes of one server listen on, so that the system spreads its clients over them: the first
 * one makes sure that nobody else has it, the others join in.
 */
export type PortSharing = "first" | "joins";

/** Opens ports and dials peers. */
export interface Network {
  /**
   * @param host Address to bind; "" means all.
   * @param port 0 picks a free one.
   * @param accept Called per connection; gives the connection's events.
   * @param sharing Given when other processes of this server listen there, too.
   * @throws {ListenError} When the port is busy or not allowed.
   */
  listen(
    host: string,
    port: number,
    accept: (socket: Socket) => SocketEvents,
    sharing?: PortSharing,
  ): Promise<Listener>;
  /** Resolves once connected; names are resolved anew at each call. @throws {Error} When it cannot connect in time. */
  dial(
    host: string,
    port: number,
    timeoutMs: number,
    open: (socket: Socket) => SocketEvents,
  ): Promise<Socket>;
}
