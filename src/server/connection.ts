import { assert } from "../base/assert.ts";
import { Deque } from "../base/deque.ts";
import { limits } from "../base/limits.ts";
import { fourLetterCommand } from "../admin/four_letter_words.ts";
import type { Socket, SocketEvents } from "../base/network.ts";
import { type FrameHandler, FrameSplitter } from "../jute/frame.ts";
import { JuteError, type JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import type { ReadContext, ReadOp, WriteOp } from "../pipeline/op.ts";
import { opOf } from "../pipeline/op_table.ts";
import { type AuthId, Perms } from "../protocol/acl.ts";
import {
  type ConnectRequest,
  decodeConnectRequest,
  encodeConnectResponse,
  invalidSessionResponse,
} from "../protocol/connect.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode, Xid } from "../protocol/op_code.ts";
import { idsFitPacket } from "../protocol/quorum_packet.ts";
import { noSession, type SessionId, sessionPassword } from "../protocol/session_id.ts";
import { encodeNotification, type EventType } from "../protocol/watch_event.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { Session } from "../session/session_tracker.ts";
import type { Watcher, WatcherPaths } from "../watch/watch_manager.ts";
import { ClientRequest } from "./client_request.ts";
import { ConnectionStats } from "./connection_stats.ts";
import type { ConnectionHost } from "./connection_host.ts";
import type { SessionClaimant, SessionOwner, SyncClaimant } from "./roles/role.ts";

/** Replies are handed to the socket when they reach this size, even in the middle of a turn. */
const outBytesFlush = 256 * 1024;

/** Where a connection stands. */
type Phase =
  /** Its first four bytes are not here yet: a frame, or a four-letter word. */
  | "fresh"
  /** It has yet to send its connect request. */
  | "sessionless"
  /** Its session is being decided; later frames wait. */
  | "connecting"
  /** It has a session. */
  | "connected"
  /** It sent a four-letter word, whose answer takes the other processes of this server. */
  | "asking"
  /** Nothing more is read from it; what is owed goes out, then it ends. */
  | "ending"
  | "closed";

/**
 * One client's connection: bytes in, replies and watch events out, in the order the protocol promises.
 *
 * Replies leave in request order. A read runs at once, or waits behind this connection's own writes; other
 * connections never hold it up. Bound: limits.connectionRequestsWaitingMax requests and
 * limits.outboundBytesMax bytes; the client is no longer read before that. (NIOServerCnxn, CommitProcessor)
 */
export class Connection
  implements SocketEvents, FrameHandler, Watcher, ReadContext, SessionClaimant, SessionOwner, SyncClaimant {
  readonly host: ConnectionHost;
  readonly socket: Socket;
  readonly stats: ConnectionStats;
  watches: WatcherPaths | null = null;
  session: Session | null = null;
  authIds: readonly AuthId[];
  /** Monotonic ms of its opening. */
  readonly openedMs: number;

  #phase: Phase = "fresh";
  #head: Uint8Array | null = null;
  readonly #splitter: FrameSplitter;
  /** Shared by all: nobody holds it beyond the handling of one frame. */
  readonly #reader: JuteReader;
  /** What goes out at the end of the turn; null while there is nothing. */
  #out: JuteWriter | null = null;
  /** Bytes the socket has taken but not sent. */
  #unsentBytes = 0;
  /** Requests not answered yet, oldest first; the oldest is always a write, or a sync that the leader was asked for. */
  #waiting: Deque<ClientRequest> | null = null;
  #paused = false;
  #dirty = false;
  #connectRequest: ConnectRequest | null = null;
  #inConnectFrame = false;
  /** Size of the frame being handled. */
  #frameBytes = 0;
  /** A request that ends the connection was taken: nothing behind it counts. */
  #deaf = false;

  constructor(host: ConnectionHost, socket: Socket) {
    this.host = host;
    this.socket = socket;
    this.openedMs = host.nowMs;
    this.stats = new ConnectionStats(host.wallMs());
    this.authIds = [{ scheme: "ip", id: socket.remoteAddress }];
    this.#splitter = new FrameSplitter(host.frameBytesMax, host.chunkIntake);
    this.#reader = host.frameReader;
  }

  get tree(): ConnectionHost["tree"] {
    return this.host.tree;
  }

  get watchManager(): ConnectionHost["watches"] {
    return this.host.watches;
  }

  get access(): ConnectionHost["access"] {
    return this.host.access;
  }

  get sessionId(): SessionId {
    return this.session?.id ?? noSession;
  }

  get answersLater(): boolean {
    return this.#phase === "asking" || (this.#phase === "ending" && this.#dirty);
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress;
  }

  get sessionOwner(): this {
    return this;
  }

  onSessionTaken(): void {
    this.close();
  }

  /** Requests taken and not answered. */
  get waitingCount(): number {
    return this.#waiting?.length ?? 0;
  }

  /** The write that must be answered first, or null when none is waited for. */
  get oldestWrite(): ClientRequest | null {
    const oldest = this.#waiting?.peek();
    return oldest?.op?.kind === "write" ? oldest : null;
  }

  /** Whether its bytes are being read. */
  get reading(): boolean {
    return !this.#paused && this.#phase !== "asking" && this.#phase !== "ending" && this.#phase !== "closed";
  }

  /** Whether it still has to send its connect request. */
  get isSessionless(): boolean {
    return this.#phase === "fresh" || this.#phase === "sessionless";
  }

  get isClosed(): boolean {
    return this.#phase === "closed";
  }

  onData(bytes: Uint8Array): void {
    this.host.beginTurn();
    this.host.metrics.bytesReceived.add(bytes.length);
    if (this.#phase === "fresh") this.#onFirstBytes(bytes);
    else if (this.#phase !== "ending" && this.#phase !== "closed" && this.#phase !== "asking") {
      this.#splitter.push(bytes, this);
    }
  }

  onDrain(): void {
    this.#unsentBytes = 0;
    this.host.beginTurn();
    this.#maybeResume();
    if (this.#paused) this.host.onLinedUp(this);
  }

  onClose(): void {
    if (this.#phase === "closed") return;
    if (this.#phase !== "ending") this.host.metrics.connectionsDropped.add(1);
    this.#onClosed();
  }

  onBadLength(length: number): void {
    this.host.onBadFrame(this, length);
    this.close();
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#phase === "ending" || this.#phase === "closed") return false;
    this.host.metrics.packetsReceived.add(1);
    this.stats.received++;
    this.#reader.reset(bytes, start, end);
    if (this.#phase === "sessionless") {
      this.#inConnectFrame = true;
      this.#onConnectFrame();
      this.#inConnectFrame = false;
      return this.#phase === ("connected" as Phase);
    }
    if (this.#phase === "connecting" || this.#deaf) return false;
    const session = this.session!;
    // A session whose end is decided gets no answers any more.
    if (session.closing) return true;
    if (end - start < 8) {
      this.close();
      return false;
    }
    if (!this.host.admits(end - start)) {
      this.close();
      return false;
    }
    this.host.touch(session);
    this.#frameBytes = end - start;
    this.#onRequest(bytes, start, end);
    if (this.#out !== null && this.#out.length >= outBytesFlush) this.flush();
    return !this.#mustPause();
  }

  /** A session was found or made: the client is told, and what it sent meanwhile is looked at. */
  onSessionReady(session: Session): void {
    const request = this.#connectRequest!;
    if (this.#phase !== "connecting") return;
    this.session = session;
    this.#phase = "connected";
    this.stats.timeoutMs = session.timeoutMs;
    encodeConnectResponse(this.#writer(), {
      timeoutMs: session.timeoutMs,
      sessionId: session.id,
      password: sessionPassword(session.id),
      readOnly: request.readOnly === null ? null : this.host.isReadOnly,
    });
    this.#countSent();
    this.markDirty();
    this.#connectRequest = null;
    // A session found at once is ready while its connect frame is still being handled: the splitter goes on by itself.
    if (this.#inConnectFrame) return;
    this.socket.resume();
    this.#splitter.resume(this);
  }

  /** The session asked for is not valid: the client is told so, and the connection ends in order. */
  onSessionInvalid(): void {
    if (this.#phase !== "connecting") return;
    encodeConnectResponse(this.#writer(), invalidSessionResponse(this.#connectRequest!.readOnly));
    this.#countSent();
    this.end();
  }

  /**
   * A write of this connection was applied, or refused before it became a txn: its reply goes out, and what
   * waited behind it is answered up to the next write.
   *
   * @param body Bytes of the reply's body; ignored with an error.
   */
  onWriteDone(request: ClientRequest, zxid: Zxid, error: number, body: JuteWriter): void {
    if (this.#phase === "closed") return;
    const head = this.#waiting?.shift();
    assert(head === request, "a connection's writes are applied in the order they came");
    this.#stopWaiting(request);
    // Without an answer to one there must be none to what follows it.
    if (this.#phase === "ending") return;
    if (error === ErrorCode.sessionMoved) return this.end();
    const at = this.#beginReply(request.xid, zxid, error);
    if (error === ErrorCode.ok) this.#out!.rawOf(body);
    this.#endReply(at, request.code, request.xid, zxid, request.receivedMs);
    this.host.metrics.updateLatency.record(this.host.nowMs - request.receivedMs);
    if (request.code === OpCode.closeSession && error === ErrorCode.ok) return this.end();
    this.#answerWaiting();
  }

  /** Everything that the leader had committed when this sync was asked for is in the tree. */
  onSyncDone(request: ClientRequest): void {
    if (this.#phase !== "connected") return;
    request.isAwaited = false;
    if (this.#waiting?.peek() === request) this.#answerWaiting();
  }

  /** What is watched has changed (FinalRequestProcessor's notifications go to the socket while the txn is applied). */
  onWatch(type: EventType, path: string, aclKey: number, zxid: Zxid): void {
    if (this.#phase !== "connected") return;
    if (!this.access.allows(this.tree.acls.get(aclKey), Perms.read, this.authIds)) return;
    this.#notify(type, path, zxid);
  }

  tell(type: EventType, path: string): void {
    this.#notify(type, path, -1);
  }

  get watcher(): Watcher {
    return this;
  }

  /** Hands what was written this turn to the socket. */
  flush(): void {
    this.#dirty = false;
    const out = this.#out;
    if (out !== null) {
      if (this.#phase !== "closed" && out.length > 0) this.#unsentBytes = this.socket.write(out.view());
      this.#out = null;
      this.host.outBuffers.give(out);
    }
    if (this.#phase === "closed") return;
    if (this.#phase === "ending") this.socket.end();
    else if (this.#unsentBytes > limits.outboundBytesPause) this.#pause();
  }

  /** Sends what is owed, then ends the connection in order. */
  end(): void {
    if (this.#phase === "closed" || this.#phase === "ending") return;
    this.#phase = "ending";
    this.markDirty();
  }

  /** Drops the connection at once. */
  close(): void {
    if (this.#phase === "closed") return;
    this.socket.destroy();
    this.#onClosed();
  }

  /** This connection has bytes to send at the end of the turn. */
  markDirty(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.host.onDirty(this);
  }

  /** There is room: goes on if only that had stopped it, and may be stopped again by what it takes. */
  onPressureGone(): void {
    this.#maybeResume();
  }

  #onClosed(): void {
    this.#phase = "closed";
    for (let next = this.#waiting?.shift(); next !== undefined; next = this.#waiting?.shift()) {
      this.#stopWaiting(next);
    }
    this.#waiting = null;
    // Somebody up the stack may be writing still: the buffer goes back at the end of the turn.
    if (this.#out !== null) this.markDirty();
    this.host.onConnectionClosed(this);
  }

  #onFirstBytes(bytes: Uint8Array): void {
    let first = bytes;
    if (this.#head !== null) {
      first = new Uint8Array(this.#head.length + bytes.length);
      first.set(this.#head);
      first.set(bytes, this.#head.length);
    }
    if (first.length < 4) {
      this.#head = first;
      return;
    }
    this.#head = null;
    const code = (first[0] << 24) | (first[1] << 16) | (first[2] << 8) | first[3];
    const word = fourLetterCommand(code);
    if (word === undefined) {
      this.#phase = "sessionless";
      this.#splitter.push(first, this);
      return;
    }
    this.stats.received++;
    this.host.metrics.packetsReceived.add(1);
    // Before it is answered, since the answer may list this connection, as one that is no longer read.
    this.#phase = "asking";
    this.host.answerFourLetter(word, first.subarray(4), (text) => {
      if (this.#phase !== "asking") return;
      const answer = new TextEncoder().encode(text);
      if (answer.length > 0) this.#countSent();
      this.#writer().raw(answer);
      this.end();
    });
  }

  #onConnectFrame(): void {
    let request: ConnectRequest;
    try {
      request = decodeConnectRequest(this.#reader);
    } catch (thrown) {
      if (!(thrown instanceof JuteError)) throw thrown;
      this.host.onBadConnectRequest(this);
      return this.close();
    }
    this.#phase = "connecting";
    this.#connectRequest = request;
    this.host.onConnectRequest(this, request);
    // Nothing bounds what a client sends ahead but that it is not read.
    if (this.#phase === ("connecting" as Phase)) this.socket.pause();
  }

  #onRequest(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    const xid = reader.int();
    const code = reader.int();
    const op = opOf(code);
    if (code !== OpCode.auth && code !== OpCode.sasl && !this.host.mayServe(this.authIds)) {
      return this.#answer(xid, code, ErrorCode.sessionClosedRequireSaslAuth);
    }
    if (op === undefined) return this.#onOwnRequest(xid, code);
    // A local session ends here, without a txn.
    if (code === OpCode.closeSession && this.session!.isLocal) return this.#answer(xid, code, ErrorCode.ok);
    if (op.kind === "write") return this.#onWrite(op, xid);
    if (code === OpCode.sync) {
      if (this.host.isReadOnly) return this.#answer(xid, code, ErrorCode.notReadOnly);
      if (this.host.asksForSync) return this.#onSync(op, xid, bytes.slice(start + 8, end));
    }
    if (this.#waiting !== null && this.#waiting.length > 0) {
      const body = bytes.slice(start + 8, end);
      return this.#wait(new ClientRequest(xid, code, op, body, this.authIds, this.host.nowMs, ErrorCode.ok));
    }
    this.#read(op, xid, this.host.nowMs);
  }

  #onWrite(op: WriteOp, xid: number): void {
    const request = new ClientRequest(xid, op.code, op, null, this.authIds, this.host.nowMs, ErrorCode.ok);
    let error: number;
    try {
      error = this.host.submitWrite(this, op, request, this.#reader);
    } catch (thrown) {
      if (!(thrown instanceof JuteError)) throw thrown;
      error = ErrorCode.marshallingError;
    }
    if (error !== ErrorCode.ok) return this.#answer(xid, op.code, error);
    this.#wait(request);
  }

  /** The leader is asked for what it has committed; this and all behind it wait for the answer. */
  #onSync(op: ReadOp, xid: number, body: Uint8Array): void {
    const request = new ClientRequest(xid, op.code, op, body, this.authIds, this.host.nowMs, ErrorCode.ok);
    request.isAwaited = true;
    this.#wait(request);
    this.host.submitSync(this, request);
  }

  /** What the connection answers by itself, without the op table. */
  #onOwnRequest(xid: number, code: number): void {
    if (code === OpCode.ping) return this.#answer(Xid.ping, code, ErrorCode.ok);
    if (code === OpCode.auth) return this.#onAuth(xid);
    if (code === OpCode.sasl) return this.#answer(xid, code, ErrorCode.ok);
    this.#answer(xid, code, ErrorCode.unimplemented);
  }

  #onAuth(xid: number): void {
    let error: number = ErrorCode.authFailed;
    try {
      this.#reader.int();
      const scheme = this.#reader.string();
      const credential = this.#reader.buffer() ?? new Uint8Array(0);
      const provider = this.access.provider(scheme ?? "");
      const ids = provider?.authenticate(credential, this.socket.remoteAddress) ?? null;
      if (ids !== null) {
        const held = this.authIds;
        const added = ids.filter((id) => !held.some((own) => own.scheme === id.scheme && own.id === id.id));
        const all = [...held, ...added];
        // Its server must be able to tell them the leader.
        if (idsFitPacket(all)) {
          if (added.length > 0) this.authIds = all;
          error = ErrorCode.ok;
        }
      }
    } catch (thrown) {
      if (!(thrown instanceof JuteError)) throw thrown;
      error = ErrorCode.marshallingError;
    }
    if (error === ErrorCode.authFailed) this.host.onAuthFailed(this);
    this.#answer(xid, OpCode.auth, error);
  }

  /** Answers with an empty body, now or once what came before is answered. */
  #answer(xid: number, code: number, error: number): void {
    const request = new ClientRequest(xid, code, null, null, this.authIds, this.host.nowMs, error);
    this.#deaf = endsConnection(code, error);
    if (this.#waiting !== null && this.#waiting.length > 0) return this.#wait(request);
    this.#answerOwn(request);
  }

  #answerOwn(request: ClientRequest): void {
    const { code, error } = request;
    if (error === ErrorCode.sessionMoved) return this.end();
    const withoutZxid = code === OpCode.auth || code === OpCode.sasl ||
      error === ErrorCode.sessionClosedRequireSaslAuth;
    const zxid = error === ErrorCode.unimplemented ? -1 : withoutZxid ? 0 : this.tree.lastProcessedZxid;
    const at = this.#beginReply(request.xid, zxid, error);
    // Without SASL configured the server's token is null (ZooKeeperServer.processSasl).
    if (code === OpCode.sasl && error === ErrorCode.ok) this.#out!.int(-1);
    this.#endReply(at, code, request.xid, zxid, request.receivedMs);
    if (!endsConnection(code, error)) return;
    if (code === OpCode.closeSession) this.host.onLocalSessionClosed(this.session!);
    this.end();
  }

  #wait(request: ClientRequest): void {
    this.#waiting ??= new Deque<ClientRequest>(4);
    this.#waiting.push(request);
    this.host.onRequestWaits(1);
    request.largeBytes = this.host.largeBytesOf(this.#frameBytes);
    if (request.largeBytes > 0) this.host.onLargeBytesWait(request.largeBytes);
  }

  #stopWaiting(request: ClientRequest): void {
    this.host.onRequestWaits(-1);
    if (request.largeBytes > 0) this.host.onLargeBytesWait(-request.largeBytes);
  }

  /** Answers what stands before the next write. */
  #answerWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    for (let next = waiting.peek(); next !== undefined; next = waiting.peek()) {
      if (next.op?.kind === "write" || next.isAwaited) break;
      waiting.shift();
      this.#stopWaiting(next);
      if (next.op === null) {
        this.#answerOwn(next);
      } else {
        this.#reader.reset(next.body!);
        const held = this.authIds;
        this.authIds = next.authIds;
        this.#read(next.op, next.xid, next.receivedMs);
        this.authIds = held;
      }
      if (this.#phase !== "connected") return;
    }
    if (this.#out !== null && this.#out.length >= outBytesFlush) this.flush();
    // One request it may always have; for more, clients take turns.
    if (this.#paused && this.waitingCount === 0 && this.host.isPressedBy(1)) this.#maybeResume();
  }

  /** Runs a read whose body the reader stands at. */
  #read(op: ReadOp, xid: number, receivedMs: number): void {
    const out = this.#writer();
    const zxid = this.tree.lastProcessedZxid;
    let error: number;
    if (op.code === OpCode.setWatches || op.code === OpCode.setWatches2) {
      // Events for what was missed go out ahead of the reply, which has no body.
      error = this.#execute(op, out);
      this.#endReply(this.#beginReply(xid, zxid, error), op.code, xid, zxid, receivedMs);
    } else {
      const at = this.#beginReply(xid, zxid, ErrorCode.ok);
      error = this.#execute(op, out);
      if (error !== ErrorCode.ok) {
        out.rewind(at + 20);
        out.intAt(at + 16, error);
      }
      this.#endReply(at, op.code, xid, zxid, receivedMs);
    }
    this.host.metrics.readLatency.record(this.host.nowMs - receivedMs);
  }

  #execute(op: ReadOp, reply: JuteWriter): number {
    try {
      return op.execute(this, this.#reader, reply);
    } catch (thrown) {
      if (!(thrown instanceof JuteError)) throw thrown;
      return ErrorCode.marshallingError;
    }
  }

  /** Writes a reply's length, to be corrected, and header. @returns Where it begins. */
  #beginReply(xid: number, zxid: Zxid, error: number): number {
    const out = this.#writer();
    const at = out.length;
    out.reserve(20);
    out.int(0);
    out.int(xid);
    out.longNumber(zxid);
    out.int(error);
    return at;
  }

  #endReply(at: number, code: number, xid: number, zxid: Zxid, receivedMs: number): void {
    const out = this.#out!;
    const bytes = out.length - at - 4;
    out.intAt(at, bytes);
    this.host.metrics.clientResponseSize.record(bytes);
    this.host.metrics.responseBytes.add(bytes);
    this.host.metrics.requestLatency.record(this.host.nowMs - receivedMs);
    this.stats.onReply(code, xid, zxid, this.host.nowMs, this.host.nowMs - receivedMs);
    this.#countSent();
    this.markDirty();
  }

  #notify(type: EventType, path: string, zxid: Zxid): void {
    const out = this.#writer();
    const before = out.length;
    encodeNotification(out, type, path, zxid);
    this.host.metrics.watchBytes.add(out.length - before);
    this.#countSent();
    this.markDirty();
    if (out.length + this.#unsentBytes > limits.outboundBytesMax) this.host.onTooSlow(this);
  }

  #writer(): JuteWriter {
    return this.#out ??= this.host.outBuffers.take();
  }

  #countSent(): void {
    this.stats.sent++;
    this.host.metrics.packetsSent.add(1);
  }

  #mustPause(): boolean {
    if (this.#phase !== "connected") return true;
    if (
      this.#unsentBytes > limits.outboundBytesPause ||
      this.waitingCount >= limits.connectionRequestsWaitingMax ||
      this.host.isPressedBy(this.waitingCount)
    ) {
      this.#pause();
      return true;
    }
    return false;
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.socket.pause();
    this.host.onLinedUp(this);
  }

  #maybeResume(): void {
    if (!this.#paused || this.#phase !== "connected") return;
    // It waits for its client to read, and takes no room from others meanwhile.
    if (this.#unsentBytes > limits.outboundBytesPause) return this.host.onLeftLine(this);
    if (this.waitingCount > limits.connectionRequestsWaitingMax / 2) return;
    if (this.host.isPressedBy(this.waitingCount)) return;
    this.#paused = false;
    this.#splitter.resume(this);
    // What it sent before may have been enough to stop it again.
    if (this.#paused || this.#phase === ("closed" as Phase)) return;
    this.host.onLeftLine(this);
    this.socket.resume();
  }
}

/**
 * @returns Whether an answer that the connection gives by itself is its last. That a session has moved to another
 * connection is told by closing this one, without a word (FinalRequestProcessor; ZOOKEEPER-710).
 */
function endsConnection(code: number, error: number): boolean {
  return error === ErrorCode.sessionMoved || error === ErrorCode.sessionClosedRequireSaslAuth ||
    error === ErrorCode.unimplemented ||
    (code === OpCode.auth && error === ErrorCode.authFailed) ||
    (code === OpCode.closeSession && error === ErrorCode.ok);
}
