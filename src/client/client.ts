import { limits } from "../base/limits.ts";
import type { JuteWriter } from "../jute/writer.ts";
import { type Acl, encodeAcl } from "../protocol/acl.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode } from "../protocol/op_code.ts";
import type { SessionId } from "../protocol/session_id.ts";
import type { Stat } from "../protocol/stat.ts";
import {
  AddWatchMode as AddWatchModeCode,
  EventType,
  WatcherType as WatcherTypeCode,
} from "../protocol/watch_event.ts";
import type { Zxid } from "../protocol/zxid.ts";
import {
  formatServer,
  parseConnectionString,
  shuffled,
  withChroot,
  withoutChroot,
} from "./connection_string.ts";
import {
  aclError,
  createError,
  createOpCode,
  encodeCreate,
  encodeData,
  pathError,
} from "./create_request.ts";
import {
  BadArgumentsError,
  clientClosedCode,
  ConnectionLossError,
  errorOf,
  MarshallingError,
  NoWatcherError,
  type ZkError,
} from "./errors.ts";
import { multiHeader, MultiTransaction } from "./multi_transaction.ts";
import { PendingRequest, type RequestKind } from "./pending_request.ts";
import * as kinds from "./request_kinds.ts";
import { type ClientEnvironment, type LinkEvents, SessionLink } from "./session_link.ts";
import type * as types from "./types.ts";
import { type WatchKind, watchKinds, WatchRegistry } from "./watch_registry.ts";
import { EventStream } from "./watch_stream.ts";
import type { Transaction, WatchStream, ZooKeeper } from "./zookeeper.ts";

/** Somebody who waits in `connected()`. */
interface ConnectionWaiter {
  resolve(): void;
  reject(error: ZkError): void;
}

const configPath = "/zookeeper/config";
const defaultSessionTimeoutMs = 30_000;

const eventNames: Record<number, types.WatchEventType | undefined> = {
  [EventType.nodeCreated]: "NodeCreated",
  [EventType.nodeDeleted]: "NodeDeleted",
  [EventType.nodeDataChanged]: "NodeDataChanged",
  [EventType.nodeChildrenChanged]: "NodeChildrenChanged",
};

const persistentKinds: readonly WatchKind[] = ["persistent", "recursive"];

/** Settled long ago: what follows it runs as a promise job, in order with settled replies. */
const settled = Promise.resolve();

/** The client: see {@linkcode ZooKeeper}. Begins to connect when it is made. */
export class Client implements ZooKeeper {
  readonly chroot: string;
  readonly #link: SessionLink;
  readonly #watches = new WatchRegistry();
  readonly #stateListeners = new Set<(change: types.StateChange) => void>();
  readonly #connectionWaiters = new Set<ConnectionWaiter>();
  #deathReason: string | null = null;
  #closing: Promise<void> | null = null;
  #onClosed: (() => void) | null = null;

  /**
   * @param connectionString `host:port,host:port…/chroot`
   * @throws {BadArgumentsError} The connection string or an option is no good.
   */
  constructor(environment: ClientEnvironment, connectionString: string, options: types.ClientOptions = {}) {
    const { servers, chroot } = parseConnectionString(connectionString);
    const sessionTimeoutMs = options.sessionTimeoutMs ?? defaultSessionTimeoutMs;
    if (!(sessionTimeoutMs >= 1 && sessionTimeoutMs <= 0x7fffffff)) {
      throw badArguments("connect", null, `a session timeout is 1 to 2147483647 ms, not ${sessionTimeoutMs}`);
    }
    this.chroot = chroot;
    const config = {
      servers: shuffled(servers, environment.random),
      sessionTimeoutMs: Math.ceil(sessionTimeoutMs),
      readOnlyAllowed: options.readOnlyAllowed ?? false,
      session: options.session ?? null,
      random: environment.random,
      requestBytesMax: options.requestBytesMax ?? limits.frameBytesMax,
      requestsMax: options.requestsMax ?? limits.clientRequestsMax,
      replyBytesMax: options.replyBytesMax ?? limits.clientReplyBytesMax,
    };
    const events: LinkEvents = {
      onNotification: (type, serverPath, zxid) => this.#onNotification(type, serverPath, zxid),
      onStateChange: (change) => this.#onStateChange(change),
    };
    this.#link = new SessionLink(environment, config, this.#watches, events);
    for (const { scheme, auth } of options.auth ?? []) {
      this.#link.authenticate({ scheme, auth: bytesOf(auth), settle: null });
    }
    this.#link.start();
  }

  get state(): types.ClientState {
    return this.#link.state;
  }

  get sessionId(): SessionId {
    return this.#link.machine.sessionId;
  }

  get sessionPassword(): Uint8Array {
    return this.#link.machine.password.slice();
  }

  get sessionTimeoutMs(): number {
    return this.#link.machine.timeoutMs;
  }

  get lastZxid(): Zxid {
    return this.#link.machine.lastZxid;
  }

  get server(): string | null {
    const server = this.#link.machine.server;
    return server && formatServer(server);
  }

  onState(listener: (change: types.StateChange) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  connected(timeoutMs = Infinity): Promise<void> {
    if (this.#link.machine.established) return Promise.resolve();
    const death = this.#death("connect", null);
    if (death !== null) return Promise.reject(death);
    return new Promise((resolve, reject) => {
      const timer = timeoutMs === Infinity ? null : this.#link.clock.setTimer(timeoutMs, () => {
        this.#connectionWaiters.delete(waiter);
        const last = this.#link.machine.lastFailure ?? `no answer from ${this.#lastServer()}`;
        const reason = `no server serves the session within ${timeoutMs} ms; last: ${last}`;
        reject(new ConnectionLossError(false, { op: "connect", path: null, reason }));
      });
      const waiter: ConnectionWaiter = {
        resolve() {
          timer?.cancel();
          resolve();
        },
        reject(error) {
          timer?.cancel();
          reject(error);
        },
      };
      this.#connectionWaiters.add(waiter);
    });
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#link.machine.dead) return resolve();
      this.#onClosed = resolve;
      this.#link.close();
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  create(path: string, data: types.DataInput = null, options?: types.CreateOptions): Promise<types.Created> {
    const refusal = this.#refusal("create", path) ?? createError(path, options);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    encodeCreate(this.#begin(createOpCode(options)), serverPath, data, options);
    return this.#submit(kinds.createKind, path, serverPath);
  }

  delete(path: string, version = -1): Promise<void> {
    const refusal = this.#refusal("delete", path) ?? pathError("delete", path);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    const writer = this.#begin(OpCode.delete);
    writer.string(serverPath);
    writer.int(version);
    return this.#submit(kinds.deleteKind, path, serverPath);
  }

  exists(path: string, options?: types.WatchOption): Promise<Stat | null> {
    return this.#read(kinds.existsKind, OpCode.exists, path, options?.watch);
  }

  getData(path: string, options?: types.WatchOption): Promise<types.NodeData> {
    return this.#read(kinds.getDataKind, OpCode.getData, path, options?.watch);
  }

  setData(path: string, data: types.DataInput, version = -1): Promise<Stat> {
    const refusal = this.#refusal("setData", path) ?? pathError("setData", path);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    const writer = this.#begin(OpCode.setData);
    writer.string(serverPath);
    encodeData(writer, data);
    writer.int(version);
    return this.#submit(kinds.setDataKind, path, serverPath);
  }

  getAcl(path: string): Promise<types.NodeAcl> {
    return this.#ask(kinds.getAclKind, OpCode.getACL, path);
  }

  setAcl(path: string, acl: readonly Acl[], version = -1): Promise<Stat> {
    const refusal = this.#refusal("setAcl", path) ?? pathError("setAcl", path) ??
      aclError("setAcl", path, acl);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    const writer = this.#begin(OpCode.setACL);
    writer.string(serverPath);
    writer.vector(acl, encodeAcl);
    writer.int(version);
    return this.#submit(kinds.setAclKind, path, serverPath);
  }

  getChildren(path: string, options?: types.WatchOption): Promise<types.NodeChildren> {
    return this.#read(kinds.getChildrenKind, OpCode.getChildren2, path, options?.watch);
  }

  sync(path = "/"): Promise<void> {
    return this.#ask(kinds.syncKind, OpCode.sync, path);
  }

  getEphemerals(prefix = "/"): Promise<string[]> {
    const refusal = this.#refusal("getEphemerals", prefix);
    if (refusal !== null) return Promise.reject(refusal);
    this.#begin(OpCode.getEphemerals).string(prefix);
    return this.#submit(kinds.getEphemeralsKind, prefix, prefix);
  }

  getAllChildrenNumber(path: string): Promise<number> {
    return this.#ask(kinds.getAllChildrenNumberKind, OpCode.getAllChildrenNumber, path);
  }

  whoAmI(): Promise<types.Identity[]> {
    const refusal = this.#refusal("whoAmI", null);
    if (refusal !== null) return Promise.reject(refusal);
    this.#begin(OpCode.whoAmI);
    return this.#submit(kinds.whoAmIKind, null, "");
  }

  addAuth(scheme: string, auth: string | Uint8Array): Promise<void> {
    const refusal = this.#refusal("addAuth", null);
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const settle = (error: ZkError | null) => error === null ? resolve() : reject(error);
      this.#link.authenticate({ scheme, auth: bytesOf(auth), settle });
    });
  }

  getConfig(options?: types.WatchOption): Promise<types.NodeData> {
    const refusal = this.#refusal("getConfig", configPath);
    if (refusal !== null) return Promise.reject(refusal);
    const writer = this.#begin(OpCode.getData);
    writer.string(configPath);
    writer.bool(options?.watch !== undefined);
    return this.#submit(kinds.getConfigKind, configPath, configPath, options?.watch);
  }

  reconfig(request: types.ReconfigRequest): Promise<types.NodeData> {
    const refusal = this.#refusal("reconfig", null);
    if (refusal !== null) return Promise.reject(refusal);
    const { joining, leaving, newMembers, fromConfig = -1 } = request;
    if (newMembers !== undefined && (joining !== undefined || leaving !== undefined)) {
      return Promise.reject(badArguments("reconfig", null, "newMembers excludes joining and leaving"));
    }
    const writer = this.#begin(OpCode.reconfig);
    writer.string(listText(joining));
    writer.string(listText(leaving));
    writer.string(listText(newMembers));
    writer.longNumber(fromConfig);
    return this.#submit(kinds.reconfigKind, null, "");
  }

  multi(): Transaction {
    return new MultiTransaction((transaction) => this.#commit(transaction));
  }

  multiRead(reads: readonly types.ReadOp[]): Promise<types.ReadResult[]> {
    const refusal = this.#refusal("multiRead", null) ?? firstPathError(reads);
    if (refusal !== null) return Promise.reject(refusal);
    if (reads.length === 0) return Promise.resolve([]);
    const writer = this.#begin(OpCode.multiRead);
    for (const { op, path } of reads) {
      multiHeader(writer, op === "getData" ? OpCode.getData : OpCode.getChildren, false);
      writer.string(withChroot(this.chroot, path));
      writer.bool(false);
    }
    multiHeader(writer, -1, true);
    return this.#submit(kinds.multiReadKind(reads), null, "");
  }

  addWatch(path: string, mode: types.AddWatchMode, listener: types.WatchListener): Promise<void> {
    const refusal = this.#refusal("addWatch", path) ?? pathError("addWatch", path);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    const recursive = mode === "persistentRecursive";
    const writer = this.#begin(OpCode.addWatch);
    writer.string(serverPath);
    writer.int(recursive ? AddWatchModeCode.persistentRecursive : AddWatchModeCode.persistent);
    const kind = recursive ? kinds.addRecursiveWatchKind : kinds.addWatchKind;
    return this.#submit(kind, path, serverPath, listener);
  }

  async watch(path: string, options?: { readonly recursive?: boolean }): Promise<WatchStream> {
    const mode = options?.recursive === true ? "persistentRecursive" : "persistent";
    const stream: EventStream = new EventStream(path, () => this.#dropWatch(path, mode, stream.listener));
    await this.addWatch(path, mode, stream.listener);
    return stream;
  }

  removeWatches(
    path: string,
    type: types.WatcherType = "any",
    options: types.RemoveWatchesOptions = {},
  ): Promise<void> {
    const { listener, local = false } = options;
    const refusal = this.#refusal("removeWatches", path) ?? pathError("removeWatches", path);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    if (!this.#watches.has(serverPath, type, listener)) {
      const details = { op: "removeWatches", path, reason: `this client has no such watch there (${type})` };
      return Promise.reject(new NoWatcherError(ErrorCode.noWatcher, details));
    }
    const shared = listener !== undefined && this.#watches.hasOthers(serverPath, type, listener);
    // What is forgotten while disconnected is not set again.
    if (shared || (local && !this.#link.machine.established)) {
      this.#forgetWatches(path, type, listener);
      return Promise.resolve();
    }
    const kind: RequestKind<void> = {
      op: "removeWatches",
      writes: false,
      decode: () => this.#forgetWatches(path, type, listener),
    };
    const writer = this.#begin(OpCode.removeWatches);
    writer.string(serverPath);
    writer.int(WatcherTypeCode[type]);
    const answer = this.#submit(kind, path, serverPath);
    return local ? answer.catch(() => this.#forgetWatches(path, type, listener)) : answer;
  }

  rawRequest(opCode: number, body: Uint8Array): Promise<types.RawReply> {
    const refusal = this.#refusal("rawRequest", null);
    if (refusal !== null) return Promise.reject(refusal);
    this.#begin(opCode).raw(body);
    return this.#submit(kinds.rawKind, null, "");
  }

  #read<T>(kind: RequestKind<T>, opCode: number, path: string, listener?: types.WatchListener): Promise<T> {
    const refusal = this.#refusal(kind.op, path) ?? pathError(kind.op, path);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    const writer = this.#begin(opCode);
    writer.string(serverPath);
    writer.bool(listener !== undefined);
    return this.#submit(kind, path, serverPath, listener);
  }

  /** A request whose body is only a path. */
  #ask<T>(kind: RequestKind<T>, opCode: number, path: string): Promise<T> {
    const refusal = this.#refusal(kind.op, path) ?? pathError(kind.op, path);
    if (refusal !== null) return Promise.reject(refusal);
    const serverPath = withChroot(this.chroot, path);
    this.#begin(opCode).string(serverPath);
    return this.#submit(kind, path, serverPath);
  }

  #commit(transaction: MultiTransaction): Promise<types.TransactionResult[]> {
    const refusal = this.#refusal("multi", null) ?? transaction.problem();
    if (refusal !== null) return Promise.reject(refusal);
    if (transaction.size === 0) return Promise.resolve([]);
    transaction.encode(this.#begin(OpCode.multi), this.chroot);
    return this.#submit(kinds.multiKind(transaction.steps.slice()), null, "");
  }

  #begin(opCode: number): JuteWriter {
    return this.#link.pipe.begin(opCode);
  }

  #submit<T>(
    kind: RequestKind<T>,
    path: string | null,
    serverPath: string,
    listener?: types.WatchListener,
  ): Promise<T> {
    const link = this.#link;
    const request = new PendingRequest(kind, path, serverPath, this.chroot, listener);
    const answer = link.pipe.submit(request, link.machine.established ? 0 : link.nowMs());
    link.requestAdded();
    return answer;
  }

  /** Why no request can be taken now, or null. */
  #refusal(op: string, path: string | null): ZkError | null {
    return this.#death(op, path) ?? this.#link.pipe.overload(op, path);
  }

  #death(op: string, path: string | null): ZkError | null {
    if (this.#closing === null && !this.#link.machine.dead) return null;
    const reason = this.#deathReason ?? "the client was closed";
    switch (this.#link.state) {
      case "expired":
        return errorOf(ErrorCode.sessionExpired, { op, path, reason });
      case "authFailed":
        return errorOf(ErrorCode.authFailed, { op, path, reason });
      default:
        return errorOf(clientClosedCode, { op, path, reason });
    }
  }

  /** Ends a stream's watch; a server that cannot be asked, or is too old to, is left to send what it likes. */
  async #dropWatch(path: string, mode: types.AddWatchMode, listener: types.WatchListener): Promise<void> {
    const serverPath = withChroot(this.chroot, path);
    if (this.#link.machine.established) {
      try {
        await this.removeWatches(path, mode, { listener });
      } catch (error) {
        // Servers before 3.9 know no watch types 4 and 5.
        const retry = error instanceof MarshallingError &&
          !this.#watches.hasOthers(serverPath, "any", listener);
        if (retry) await this.removeWatches(path, "any", { listener }).catch(() => {});
      }
    }
    this.#watches.remove(serverPath, mode, listener);
  }

  #forgetWatches(path: string, type: types.WatcherType, listener?: types.WatchListener): void {
    const state = this.state;
    for (const removed of this.#watches.remove(withChroot(this.chroot, path), type, listener)) {
      this.#deliver([removed.listener], { type: removed.type, path, state, zxid: -1 });
    }
  }

  #onNotification(type: number, serverPath: string, zxid: Zxid): void {
    const name = eventNames[type];
    if (name === undefined) return;
    const listeners = this.#watches.take(type, serverPath);
    if (listeners.size === 0) return;
    const path = withoutChroot(this.chroot, serverPath);
    this.#deliver(listeners, { type: name, path, state: this.state, zxid });
  }

  #deliver(listeners: Iterable<types.WatchListener>, event: types.WatchEvent): void {
    void settled.then(() => {
      for (const listener of listeners) this.#call(listener, event);
    });
  }

  #onStateChange(change: types.StateChange): void {
    void settled.then(() => {
      for (const listener of this.#stateListeners) this.#call(listener, change);
    });
    switch (change.state) {
      case "connected":
      case "connectedReadOnly":
        if (change.previous !== "connecting") this.#tellWatches(persistentKinds, change.state);
        for (const waiter of this.#connectionWaiters) waiter.resolve();
        return this.#connectionWaiters.clear();
      case "expired":
      case "authFailed":
      case "closed":
        return this.#onDeath(change);
    }
  }

  #onDeath({ state, reason }: types.StateChange): void {
    this.#deathReason = reason;
    this.#tellWatches(watchKinds, state);
    this.#watches.clear();
    for (const waiter of this.#connectionWaiters) waiter.reject(this.#death("connect", null)!);
    this.#connectionWaiters.clear();
    this.#onClosed?.();
  }

  #tellWatches(which: readonly WatchKind[], state: types.ClientState): void {
    this.#watches.forEach(which, (listener, serverPath) => {
      const path = withoutChroot(this.chroot, serverPath);
      this.#deliver([listener], { type: "None", path, state, zxid: -1 });
    });
  }

  /** A listener's error is its owner's: it surfaces as an uncaught one, in a job of its own. */
  #call<T>(listener: (value: T) => void, value: T): void {
    try {
      listener(value);
    } catch (error) {
      this.#link.clock.setTimer(0, () => {
        throw error;
      });
    }
  }

  #lastServer(): string {
    const server = this.#link.machine.lastServer;
    return server === null ? "any server" : formatServer(server);
  }
}

const textEncoder = new TextEncoder();

function bytesOf(auth: string | Uint8Array): Uint8Array {
  return typeof auth === "string" ? textEncoder.encode(auth) : Uint8Array.from(auth);
}

function listText(list: string | readonly (string | number)[] | undefined): string | null {
  if (list === undefined) return null;
  return typeof list === "string" ? list : list.join(",");
}

function firstPathError(reads: readonly types.ReadOp[]): ZkError | null {
  for (const { op, path } of reads) {
    const problem = pathError(op, path);
    if (problem !== null) return problem;
  }
  return null;
}

function badArguments(op: string, path: string | null, reason: string): BadArgumentsError {
  return new BadArgumentsError(ErrorCode.badArguments, { op, path, reason });
}
