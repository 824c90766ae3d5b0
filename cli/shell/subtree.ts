/**
 * Walks subtrees with many requests under way at once, so that 10^5 znodes do not cost 10^5 round trips.
 *
 * Neither walk is a snapshot: the tree may change meanwhile. A znode that goes away is passed over.
 */
import { NoNodeError, type WatchListener, type ZooKeeper } from "../../mod.ts";
import { interrupted } from "./command_error.ts";

/** Requests of one walk that may be unanswered at once. */
export const walkRequestsMax = 256;

/**
 * New requests are made only when no more than so many are unanswered: then many travel in one packet, where one
 * new request per answer would cost both sides a system call each.
 */
const walkRequestsLow = walkRequestsMax / 2;

/** Znodes whose children are known but not yet shown; then the walk waits for whoever reads its result. */
const walkAheadMax = 20_000;

/** What both walks take. */
export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Set on every znode visited. */
  readonly watch?: WatchListener;
  /** Told how many znodes are known so far. */
  readonly onFound?: (count: number) => void;
}

/**
 * The znodes in the order of `ls -R`: the root, then for each znode all its children, sorted, then what is below
 * the first of them, and so on.
 *
 * @returns Batches of paths.
 * @throws {NoNodeError} The root does not exist. @throws {ZkError} @throws {CommandError} Interrupted.
 * @see Fact: ZKUtil.visitSubTreeDFS
 */
export async function* preorder(
  client: ZooKeeper,
  root: string,
  options: WalkOptions,
): AsyncGenerator<readonly string[]> {
  // Apache's shell puts a data watch on the root too.
  if (options.watch !== undefined) await client.getData(root, { watch: options.watch });
  const walk = new Walk(client, options);
  const waiting: Visit[] = [walk.begin(root)];
  let first = true;
  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    const names = await walk.childrenOf(visit);
    if (names === null) {
      if (first) throw visit.error;
      continue;
    }
    if (first) yield [root];
    first = false;
    if (names.length > 0) yield names.map((name) => childOf(visit.path, name));
    for (let at = visit.below.length - 1; at >= 0; at--) waiting.push(visit.below[at]);
  }
}

/**
 * All znodes of a subtree, parents before their children: deleted from the end, each is empty in its turn.
 *
 * @throws {NoNodeError} The root does not exist. @throws {ZkError} @throws {CommandError} Interrupted.
 */
export async function listSubtree(client: ZooKeeper, root: string, options: WalkOptions): Promise<string[]> {
  const paths: string[] = [root];
  let next = 0;
  let underWay = 0;
  await new Promise<void>((done, fail) => {
    const pump = () => {
      if (options.signal.aborted) return fail(interrupted());
      if (underWay <= walkRequestsLow) {
        while (underWay < walkRequestsMax && next < paths.length) ask(paths[next++]);
      }
      if (underWay === 0) done();
    };
    const ask = (path: string) => {
      underWay++;
      client.getChildren(path).then(
        ({ children }) => {
          for (const name of children) paths.push(childOf(path, name));
          options.onFound?.(paths.length);
          underWay--;
          pump();
        },
        (error: unknown) => {
          if (path === root || !(error instanceof NoNodeError)) return fail(error);
          underWay--;
          pump();
        },
      );
    };
    pump();
  });
  return paths;
}

/**
 * Does something for each item, `atOnce` of them at a time, begun in order.
 *
 * @throws What `work` throws first; nothing new is begun after it. @throws {CommandError} Interrupted.
 */
export async function forEachPipelined<T>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  if (items.length === 0) return;
  let next = 0;
  let underWay = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let failed = false;
  const fail = (error: unknown) => {
    failed = true;
    reject(error);
  };
  const pump = () => {
    if (failed) return;
    if (signal.aborted) return fail(interrupted());
    if (underWay === 0 && next === items.length) return resolve();
    // As in the walks: by the half, so that many travel together.
    if (underWay > atOnce / 2) return;
    while (underWay < atOnce && next < items.length) {
      underWay++;
      work(items[next++]).then(() => {
        underWay--;
        pump();
      }, fail);
    }
  };
  pump();
  return await promise;
}

/** A znode on its way through {@linkcode preorder}. */
interface Visit {
  readonly path: string;
  /** Sorted children, once known. */
  names: readonly string[] | null;
  /** Visits of the children, in order. */
  below: readonly Visit[];
  error: unknown;
  state: "waiting" | "asked" | "known";
  /** Resolves whoever waits for the answer. */
  wake: (() => void) | null;
  /** Neighbours among those that are not known yet. */
  before: Visit | null;
  after: Visit | null;
}

/** Asks ahead of the reader, in the order in which the reader will want the answers. */
class Walk {
  readonly #client: ZooKeeper;
  readonly #options: WalkOptions;
  /**
   * First of those that are not known yet, in the reader's order. An answer puts the children in the place of
   * their parent, so what the reader waits for is always the first.
   */
  #first: Visit | null = null;
  #underWay = 0;
  /** Known and not yet taken by the reader. */
  #ahead = 0;
  #found = 1;

  constructor(client: ZooKeeper, options: WalkOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Begins at the root. */
  begin(root: string): Visit {
    this.#first = newVisit(root);
    return this.#first;
  }

  /** @returns Sorted names; null when the znode is gone, or the root is missing. */
  async childrenOf(visit: Visit): Promise<readonly string[] | null> {
    if (this.#options.signal.aborted) throw interrupted();
    if (visit.state !== "known") {
      const { promise, resolve } = Promise.withResolvers<void>();
      visit.wake = resolve;
      this.#pump();
      await promise;
    }
    this.#ahead--;
    this.#pump();
    if (visit.error !== null && !(visit.error instanceof NoNodeError)) throw visit.error;
    return visit.names;
  }

  #pump(): void {
    if (this.#underWay > walkRequestsLow) return;
    for (let visit = this.#first; visit !== null && this.#underWay < walkRequestsMax; visit = visit.after) {
      // The reader may have to catch up, but never waits for itself.
      if (this.#ahead >= walkAheadMax && visit.wake === null) return;
      if (visit.state === "waiting") this.#ask(visit);
    }
  }

  #ask(visit: Visit): void {
    visit.state = "asked";
    this.#underWay++;
    const watch = this.#options.watch === undefined ? undefined : { watch: this.#options.watch };
    this.#client.getChildren(visit.path, watch).then(
      ({ children }) => {
        visit.names = children.sort();
        visit.below = visit.names.map((name) => newVisit(childOf(visit.path, name)));
        this.#found += visit.below.length;
        this.#options.onFound?.(this.#found);
        this.#answered(visit);
      },
      (error: unknown) => {
        visit.error = error;
        this.#answered(visit);
      },
    );
  }

  #answered(visit: Visit): void {
    visit.state = "known";
    this.#underWay--;
    this.#ahead++;
    this.#replace(visit, visit.below);
    this.#pump();
    visit.wake?.();
  }

  /** Puts visits in the place of another. */
  #replace(visit: Visit, below: readonly Visit[]): void {
    let last = visit.before;
    for (const each of below) {
      this.#link(last, each);
      last = each;
    }
    this.#link(last, visit.after);
    visit.before = visit.after = null;
  }

  #link(before: Visit | null, after: Visit | null): void {
    if (before === null) this.#first = after;
    else before.after = after;
    if (after !== null) after.before = before;
  }
}

function newVisit(path: string): Visit {
  return {
    path,
    names: null,
    below: [],
    error: null,
    state: "waiting",
    wake: null,
    before: null,
    after: null,
  };
}

function childOf(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}
