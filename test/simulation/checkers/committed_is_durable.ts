import type { TraceEvent } from "../../../src/base/trace.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type EndOfProcess, type Fail, zxidText } from "./checker.ts";

/** Who votes now; it may change in a simulation. */
export interface Voters {
  /** @returns Whether these servers suffice. */
  isQuorum(servers: ReadonlySet<number>): boolean;
}

/**
 * What is committed is on the stable storage of a quorum: no power cut can take it away.
 *
 * A server's log is durable as far as it said so. After a mere kill what it finds on its disk is not durable for
 * being there; after a power cut it is.
 */
export class CommittedIsDurable implements Checker {
  readonly property = "CommittedIsDurable";
  readonly #history: AgreedHistory;
  readonly #voters: Voters;
  readonly #fail: Fail;
  readonly #durable = new Map<number, number>();
  readonly #leading = new Set<number>();
  /** Servers whose disk holds nothing but what is durable. */
  readonly #clean = new Set<number>();

  constructor(history: AgreedHistory, voters: Voters, fail: Fail) {
    this.#history = history;
    this.#voters = voters;
    this.#fail = fail;
  }

  onEnded(server: number, how: EndOfProcess): void {
    this.#leading.delete(server);
    if (how === "power cut") this.#clean.add(server);
    else this.#clean.delete(server);
  }

  onWiped(server: number): void {
    this.#durable.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    switch (event.kind) {
      case "state":
        if (event.state === "LEADING") this.#leading.add(server);
        else this.#leading.delete(server);
        return;
      case "durable":
        this.#durable.set(server, Math.max(event.zxid, this.#durable.get(server) ?? 0));
        return;
      case "truncate":
        this.#durable.set(server, Math.min(event.zxid, this.#durable.get(server) ?? 0));
        return;
      case "load":
        if (event.from !== "disk") return;
        if (this.#clean.has(server)) this.#durable.set(server, event.zxid);
        else this.#durable.set(server, Math.min(event.zxid, this.#durable.get(server) ?? 0));
        return;
      case "commit":
        if (this.#leading.has(server)) this.#judge(server, event.zxid);
        return;
      case "established":
        return this.#judge(server, this.#history.lastZxid);
    }
  }

  #judge(leader: number, zxid: number): void {
    const holders = new Set<number>();
    for (const [server, durable] of this.#durable) if (durable >= zxid) holders.add(server);
    if (zxid === 0 || this.#voters.isQuorum(holders)) return;
    this.#fail(
      `server ${leader} committed ${zxidText(zxid)}, which is durable only on [${[...holders].join(", ")}]`,
    );
  }
}
