import type { FourLetterWord } from "../admin/four_letter_words.ts";
import type { ServerMetrics } from "../admin/metrics.ts";
import type { ChunkIntake } from "../jute/frame.ts";
import type { JuteReader } from "../jute/reader.ts";
import type { Access } from "../pipeline/auth/access.ts";
import type { WriteOp } from "../pipeline/op.ts";
import type { AuthId } from "../protocol/acl.ts";
import type { ConnectRequest } from "../protocol/connect.ts";
import type { Session } from "../session/session_tracker.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { WatchManager } from "../watch/watch_manager.ts";
import type { ClientRequest } from "./client_request.ts";
import type { OutBuffers } from "./out_buffers.ts";
import type { Connection } from "./connection.ts";

/** What a connection asks of its server. */
export interface ConnectionHost {
  readonly tree: DataTree;
  readonly watches: WatchManager;
  readonly access: Access;
  readonly metrics: ServerMetrics;
  /** Monotonic ms of this turn. */
  readonly nowMs: number;
  /** Largest frame a client may send, in bytes (`jute.maxbuffer`). */
  readonly frameBytesMax: number;
  /** Largest string or buffer within a frame. */
  readonly fieldBytesMax: number;
  readonly outBuffers: OutBuffers;
  /** Stands at the frame that is being handled. */
  readonly frameReader: JuteReader;
  /** Where frames are read. */
  readonly chunkIntake: ChunkIntake;
  /** The server has no quorum and serves reads only. */
  readonly isReadOnly: boolean;
  /** sync is for the leader to answer, which is another server. */
  readonly asksForSync: boolean;

  wallMs(): number;
  /**
   * Whether so many requests wait in the whole server that a connection with so many of them is not to be read
   * (ZooKeeperServer.shouldThrottle).
   */
  isPressedBy(waitingCount: number): boolean;
  /**
   * A request of so many bytes has come.
   *
   * @returns False when large requests already hold all the memory they may: the connection is to be closed.
   */
  admits(requestBytes: number): boolean;
  /** @returns What of a request's size counts as large: all of it, or 0. */
  largeBytesOf(requestBytes: number): number;
  /** Bytes of large requests that wait have changed. */
  onLargeBytesWait(change: number): void;
  /** Input has come: the clock is read anew, and the turn's end will follow. */
  beginTurn(): void;
  onDirty(connection: Connection): void;
  touch(session: Session): void;
  /** Answers a four-letter word; `rest` is what came behind it. `done` is called once, now or later. */
  answerFourLetter(word: FourLetterWord, rest: Uint8Array, done: (text: string) => void): void;
  /** Answers later by onSessionReady or onSessionInvalid, or closes the connection. */
  onConnectRequest(connection: Connection, request: ConnectRequest): void;
  /** @returns False while the server insists on authentication that these ids do not give. */
  mayServe(authIds: readonly AuthId[]): boolean;
  /**
   * Makes a txn of a write; `Connection.onWriteDone` follows once it is applied or was refused.
   *
   * @returns 0, or an error to answer instead, and then nothing follows.
   * @throws {JuteError} If the body cannot be decoded.
   */
  submitWrite(connection: Connection, op: WriteOp, request: ClientRequest, body: JuteReader): number;
  /** A local session's client has asked for its end and is answered. */
  onLocalSessionClosed(session: Session): void;
  /** Asks the leader; `Connection.onSyncDone` follows. */
  submitSync(connection: Connection, request: ClientRequest): void;
  /** The number of requests that wait has changed. */
  onRequestWaits(change: number): void;
  /** It has stopped, and goes on when there is room for its requests. */
  onLinedUp(connection: Connection): void;
  /** It goes on, or waits for its client alone. */
  onLeftLine(connection: Connection): void;
  onBadFrame(connection: Connection, length: number): void;
  onBadConnectRequest(connection: Connection): void;
  onAuthFailed(connection: Connection): void;
  /** The client reads so slowly that what waits for it is beyond the limit: it is to be closed. */
  onTooSlow(connection: Connection): void;
  onConnectionClosed(connection: Connection): void;
}
