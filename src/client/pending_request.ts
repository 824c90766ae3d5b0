import type { JuteReader } from "../jute/reader.ts";
import { JuteError } from "../jute/reader.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { errorOf, MarshallingError, ZkError } from "./errors.ts";
import type { WatchListener } from "./types.ts";
import type { WatchKind, WatchRegistry } from "./watch_registry.ts";

/** What all requests of one operation share. */
export interface RequestKind<T> {
  /** The method's name, for errors. */
  readonly op: string;
  /** Whether the server may have changed something when the answer is lost. */
  readonly writes: boolean;
  /** Reads the body of a good answer; a `ZkError` it throws is the answer. */
  readonly decode: (reader: JuteReader, request: PendingRequest<T>) => T;
  /** Where the listener given along is registered once the answer is good. */
  readonly watch?: WatchKind;
  /** An error code that is an answer all the same, what it stands for, and where it registers the listener. */
  readonly onCode?: { readonly code: number; readonly value: T; readonly watch?: WatchKind };
}

/** A request as the queues see it, whatever it is answered with. */
export interface OpenRequest {
  readonly kind: { readonly op: string; readonly writes: boolean };
  readonly path: string | null;
  xid: number;
  /** Settles the request with a reply whose header has been read. */
  answer(code: number, zxid: Zxid, reader: JuteReader, watches: WatchRegistry): void;
  reject(error: ZkError): void;
}

/** A request without its answer. */
export class PendingRequest<T> implements OpenRequest {
  readonly kind: RequestKind<T>;
  /** As the caller gave it; null for operations without one. */
  readonly path: string | null;
  /** With the chroot. */
  readonly serverPath: string;
  /** Stripped from paths in the answer. */
  readonly chroot: string;
  readonly listener: WatchListener | undefined;
  xid = 0;
  /** Of the reply. */
  zxid: Zxid = 0;
  #resolve: ((value: T) => void) | undefined;
  #reject: ((error: ZkError) => void) | undefined;

  constructor(
    kind: RequestKind<T>,
    path: string | null,
    serverPath: string,
    chroot: string,
    listener: WatchListener | undefined,
  ) {
    this.kind = kind;
    this.path = path;
    this.serverPath = serverPath;
    this.chroot = chroot;
    this.listener = listener;
  }

  /** The answer to come; asked for once. Requests of the client itself do without. */
  promise(): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answer(code: number, zxid: Zxid, reader: JuteReader, watches: WatchRegistry): void {
    const kind = this.kind;
    this.zxid = zxid;
    if (code === 0) {
      let value: T;
      try {
        value = kind.decode(reader, this);
      } catch (error) {
        return this.reject(this.#failure(error));
      }
      if (this.listener !== undefined && kind.watch !== undefined) {
        watches.add(kind.watch, this.serverPath, this.listener);
      }
      this.#resolve?.(value);
    } else if (kind.onCode !== undefined && kind.onCode.code === code) {
      if (this.listener !== undefined && kind.onCode.watch !== undefined) {
        watches.add(kind.onCode.watch, this.serverPath, this.listener);
      }
      this.#resolve?.(kind.onCode.value);
    } else {
      this.reject(errorOf(code, { op: kind.op, path: this.path }));
    }
  }

  reject(error: ZkError): void {
    this.#reject?.(error);
  }

  #failure(error: unknown): ZkError {
    if (error instanceof ZkError) return error;
    if (!(error instanceof JuteError)) throw error;
    return new MarshallingError(ErrorCode.marshallingError, {
      op: this.kind.op,
      path: this.path,
      reason: `the answer cannot be decoded: ${error.message}`,
      cause: error,
    });
  }
}
