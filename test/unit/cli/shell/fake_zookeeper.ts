/** As much of a client as the shell's unit tests need: a tree in memory that answers in later turns. */
import {
  type Acl,
  type Created,
  type CreateOptions,
  ErrorCode,
  MultiError,
  type NodeChildren,
  type NodeData,
  NodeExistsError,
  NoNodeError,
  NotEmptyError,
  openAcl,
  type Stat,
  type Transaction,
  type WatchOption,
  type ZkError,
  type ZooKeeper,
} from "../../../../mod.ts";

const encoder = new TextEncoder();

/** The tree behind {@linkcode fakeZooKeeper}. */
export class FakeTree {
  readonly nodes = new Map<string, Uint8Array | null>([["/", null]]);
  /** Requests that arrived, by name. */
  readonly requests: string[] = [];
  /** Most requests that were unanswered at once. */
  underWayMost = 0;
  #underWay = 0;
  /** Called before each request is answered. */
  beforeAnswer: (request: string) => void = () => {};

  add(...paths: string[]): this {
    for (const path of paths) this.nodes.set(path, null);
    return this;
  }

  /** Makes `count` childless znodes below the root, and answers for them fast. */
  addLeaves(count: number): this {
    const names = Array.from({ length: count }, (_, at) => `n${at}`);
    for (const name of names) this.nodes.set(`/${name}`, null);
    this.childrenOf = (path) => path === "/" ? [...names] : [];
    return this;
  }

  childrenOf(path: string): string[] {
    const prefix = path === "/" ? "/" : `${path}/`;
    return [...this.nodes.keys()].filter((each) =>
      each !== "/" && each.startsWith(prefix) && !each.slice(prefix.length).includes("/")
    ).map((each) => each.slice(prefix.length));
  }

  stat(path: string): Stat {
    const data = this.nodes.get(path) ?? null;
    return {
      czxid: 1,
      mzxid: 1,
      ctime: 0,
      mtime: 0,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0n,
      dataLength: data?.length ?? 0,
      numChildren: this.childrenOf(path).length,
      pzxid: 1,
    };
  }

  /** Answers in a later turn, as a server does. */
  async answer<T>(request: string, work: () => T): Promise<T> {
    this.requests.push(request);
    this.underWayMost = Math.max(this.underWayMost, ++this.#underWay);
    await new Promise((done) => setImmediate(done));
    this.#underWay--;
    this.beforeAnswer(request);
    return work();
  }

  delete(path: string): void {
    if (!this.nodes.has(path)) throw noNode("delete", path);
    if (this.childrenOf(path).length > 0) {
      throw new NotEmptyError(ErrorCode.notEmpty, { op: "delete", path });
    }
    this.nodes.delete(path);
  }
}

/** A client on the tree. Methods the tests do not use are missing. */
export function fakeZooKeeper(tree: FakeTree): ZooKeeper {
  const exists = (path: string, op: string) => {
    if (!tree.nodes.has(path)) throw noNode(op, path);
  };
  const client = {
    chroot: "",
    state: "connected",
    sessionId: 0x1234n,
    create: (path: string, data?: Uint8Array | string | null, options?: CreateOptions): Promise<Created> =>
      tree.answer(`create ${path}`, () => {
        const parent = path.slice(0, Math.max(1, path.lastIndexOf("/")));
        if (!tree.nodes.has(parent)) throw noNode("create", path);
        const made = options?.sequential === true ? `${path}0000000000` : path;
        if (tree.nodes.has(made)) {
          throw new NodeExistsError(ErrorCode.nodeExists, { op: "create", path });
        }
        tree.nodes.set(made, typeof data === "string" ? encoder.encode(data) : data ?? null);
        return { path: made, stat: tree.stat(made) };
      }),
    getData: (path: string, _options?: WatchOption): Promise<NodeData> =>
      tree.answer(`getData ${path}`, () => {
        exists(path, "getData");
        return { data: tree.nodes.get(path) ?? null, stat: tree.stat(path) };
      }),
    getChildren: (path: string, _options?: WatchOption): Promise<NodeChildren> =>
      tree.answer(`getChildren ${path}`, () => {
        exists(path, "getChildren");
        return { children: tree.childrenOf(path), stat: tree.stat(path) };
      }),
    exists: (path: string): Promise<Stat | null> =>
      tree.answer(`exists ${path}`, () => tree.nodes.has(path) ? tree.stat(path) : null),
    getAcl: (path: string): Promise<{ acl: readonly Acl[]; stat: Stat }> =>
      tree.answer(`getAcl ${path}`, () => {
        exists(path, "getAcl");
        return { acl: openAcl, stat: tree.stat(path) };
      }),
    delete: (path: string): Promise<void> => tree.answer(`delete ${path}`, () => tree.delete(path)),
    multi: () => new FakeTransaction(tree) as unknown as Transaction,
  };
  return client as unknown as ZooKeeper;
}

class FakeTransaction {
  readonly #tree: FakeTree;
  readonly #paths: string[] = [];

  constructor(tree: FakeTree) {
    this.#tree = tree;
  }

  delete(path: string): this {
    this.#paths.push(path);
    return this;
  }

  commit(): Promise<void> {
    return this.#tree.answer(`multi ${this.#paths.length}`, () => {
      const before = new Map(this.#tree.nodes);
      for (const [at, path] of this.#paths.entries()) {
        try {
          this.#tree.delete(path);
        } catch (error) {
          this.#tree.nodes.clear();
          for (const [each, data] of before) this.#tree.nodes.set(each, data);
          const codes = this.#paths.map(() => 0);
          codes[at] = (error as ZkError).code;
          throw new MultiError(at, codes, { op: "delete", path });
        }
      }
    });
  }
}

function noNode(op: string, path: string): NoNodeError {
  return new NoNodeError(ErrorCode.noNode, { op, path });
}
