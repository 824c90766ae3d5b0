import { Deque } from "../base/deque.ts";
import { limits } from "../base/limits.ts";
import { SessionExpiredError, watchOverflowCode, WatchOverflowError, type ZkError } from "./errors.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import type { WatchEvent, WatchListener } from "./types.ts";
import type { WatchStream } from "./zookeeper.ts";

interface Reader {
  resolve(result: IteratorResult<WatchEvent>): void;
  reject(error: ZkError): void;
}

/**
 * Turns a persistent watch's listener into a stream. Holds at most `limits.watchStreamEventsMax` events for a
 * reader that is busy; then it ends with an error, since leaving some out would go unnoticed.
 */
export class EventStream implements WatchStream {
  readonly path: string;
  readonly #remove: () => Promise<void>;
  readonly #events = new Deque<WatchEvent>();
  readonly #readers = new Deque<Reader>();
  #ended = false;
  #error: ZkError | null = null;

  /** @param remove Removes {@linkcode listener}'s watch. */
  constructor(path: string, remove: () => Promise<void>) {
    this.path = path;
    this.#remove = remove;
  }

  /** What is registered as the watch. */
  readonly listener: WatchListener = (event) => {
    if (this.#ended) return;
    if (event.type === "PersistentWatchRemoved" || event.state === "closed") return this.#end(null);
    if (event.state === "expired" || event.state === "authFailed") {
      const reason = "the session ended, and the watch with it";
      return this.#end(
        new SessionExpiredError(ErrorCode.sessionExpired, { op: "watch", path: this.path, reason }),
      );
    }
    const reader = this.#readers.shift();
    if (reader !== undefined) return reader.resolve({ done: false, value: event });
    if (this.#events.length < limits.watchStreamEventsMax) return this.#events.push(event);
    const reason = `${this.#events.length} events wait for their reader, more are not kept`;
    this.#end(new WatchOverflowError(watchOverflowCode, { op: "watch", path: this.path, reason }));
    void this.#remove();
  };

  next(): Promise<IteratorResult<WatchEvent>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#error !== null) {
      const error = this.#error;
      this.#error = null;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<WatchEvent>> {
    this.#events.clear();
    if (!this.#ended) {
      this.#end(null);
      await this.#remove();
    }
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(error: ZkError | null): void {
    this.#ended = true;
    this.#error = error;
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
      if (this.#error === null) reader.resolve({ done: true, value: undefined });
      else reader.reject(this.#error);
      this.#error = null;
    }
  }
}
