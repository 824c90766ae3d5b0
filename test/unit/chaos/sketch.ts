/** Histories in a few words, for the tests of the checkers. */
import { checkAll, type Verdict } from "../../chaos/checkers/check_all.ts";
import {
  type DumpedNode,
  History,
  type Op,
  type OpKind,
  type SessionRecord,
  type Tree,
} from "../../chaos/history.ts";

/** What is to be said of an operation beside its kind and path. */
export interface OpWords {
  /** When it was asked for and answered, in ms; by default after all before. */
  at?: [number, number];
  session?: number;
  value?: string;
  /** Version expected by a set. */
  version?: number;
  pair?: string[];
  zxid?: number;
  outcome?: Op["outcome"];
  error?: string;
  result?: Op["result"];
}

/** A history in the making, and the tree that is found at the end. */
export class Sketch {
  readonly history = new History();
  readonly tree = new Map<string, DumpedNode>();
  /** See Evidence. */
  staleMs: number | null = null;
  #nowMs = 0;

  constructor() {
    this.session();
  }

  /** Adds a session that lives. */
  session(words: Partial<SessionRecord> = {}): SessionRecord {
    const id = BigInt(this.history.sessions.length + 1);
    const record = this.history.beginSession(words.client ?? "c", id, words.timeoutMs ?? 3000, 0);
    return Object.assign(record, words);
  }

  /** Adds an operation; `ok` unless said otherwise. */
  op(kind: OpKind, path: string, words: OpWords = {}): Op {
    const [invokedMs, returnedMs] = words.at ?? [this.#nowMs + 1, this.#nowMs + 2];
    this.#nowMs = Math.max(this.#nowMs, invokedMs, returnedMs);
    const op = this.history.begin(words.session ?? 0, kind, path, invokedMs, words);
    op.returnedMs = returnedMs;
    op.outcome = words.outcome ?? (words.error === undefined ? "ok" : "fail");
    op.error = words.error ?? null;
    op.zxid = words.zxid ?? null;
    op.result = words.result ?? null;
    return op;
  }

  /** A register's first version. */
  register(path: string, zxid: number): void {
    this.op("create", path, { value: `first of ${path}`, zxid, result: { path } });
    this.node(path, { value: `first of ${path}`, zxid });
  }

  /** A set that was acknowledged as making `version`. */
  set(path: string, value: string, version: number, zxid: number, words: OpWords = {}): Op {
    return this.op("set", path, {
      value,
      version: version - 1,
      zxid,
      result: { version, mzxid: zxid },
      ...words,
    });
  }

  /** A read of `version`, whose data came of `mzxid`, by a server that had applied `zxid`. */
  read(path: string, value: string, version: number, mzxid: number, zxid: number, words: OpWords = {}): Op {
    return this.op("read", path, { zxid, result: { value, version, mzxid }, ...words });
  }

  /** What is found at the end. */
  node(path: string, { value, version = 0, zxid, owner = 0n }: {
    value: string;
    version?: number;
    /** Of the data's last change; `czxid` is the same unless the version tells otherwise. */
    zxid: number;
    owner?: bigint;
  }): void {
    const text = `${value} ${version} ${zxid} ${owner}`;
    this.tree.set(path, { value, version, czxid: zxid, mzxid: zxid, ephemeralOwner: owner, text });
  }

  /** Judges it; all servers have the same tree unless another is given. */
  judge(otherTree?: Tree): Verdict {
    const trees = new Map<string, Tree>([["server 1", this.tree], ["server 2", otherTree ?? this.tree]]);
    return checkAll({ history: this.history, trees, tickMs: 400, staleMs: this.staleMs }, ["/r"]);
  }

  /** `property: message` of all that is wrong. */
  complaints(otherTree?: Tree): string[] {
    return this.judge(otherTree).violations.map(({ property, message }) => `${property}: ${message}`);
  }
}
