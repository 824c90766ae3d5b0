/** Makes what a load needs below a parent of its own, and removes that with all that came to be in it. */
import { connect, NodeExistsError, NoNodeError, type ZooKeeper } from "../../mod.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { CliError, ExitCode } from "../_errors.ts";
import { forEachPipelined, listSubtree, walkRequestsMax } from "../shell/subtree.ts";
import { directoriesFor, keyPath, needsKeys } from "./layout.ts";
import type { OperationName } from "./operations.ts";
import type { BenchPlan } from "./plan.ts";

/** What the tree has to hold. */
export type TreeNeeds = Pick<
  BenchPlan,
  "mix" | "keyCount" | "depth" | "valueBytesMin" | "valueBytesMax" | "seed" | "sessionTimeoutMs"
>;

const connectTimeoutMs = 5_000;
/** Names that may be taken before it is no chance any more. */
const namesMax = 5;
/** Bytes of values that are under way at once. */
const bytesUnderWayMax = 8 * 1024 * 1024;
/** Sessions that ended in disorder may still make znodes while they are removed. */
const removalsMax = 5;
const removalPauseMs = 1_000;
/** A removal that takes longer is left to its user. */
const removalMaxMs = 120_000;

/** A parent that this run created, on one cluster. */
export class BenchTree {
  /** Connection string, chroot included. */
  readonly hosts: string;
  /** Path below the chroot. */
  readonly path: string;

  private constructor(hosts: string, path: string) {
    this.hosts = hosts;
    this.path = path;
  }

  /**
   * Creates a parent at a path of its own, for a cluster that belongs to nobody else.
   *
   * @throws {CliError} No session can be had, the path is taken, or it may not be done.
   */
  static async createAt(hosts: string, path: string, sessionTimeoutMs: number): Promise<BenchTree> {
    const client = await open(hosts, sessionTimeoutMs);
    try {
      await client.create(path);
      return new BenchTree(hosts, path);
    } catch (error) {
      throw new CliError(ExitCode.failed, `cannot create ${path} on ${hosts}: ${(error as Error).message}`);
    } finally {
      await client.close();
    }
  }

  /**
   * Creates a parent under a name that nobody has.
   *
   * @throws {CliError} No session can be had, there is no such chroot, or it may not be done.
   */
  static async create(hosts: string, random: Random, sessionTimeoutMs: number): Promise<BenchTree> {
    const client = await open(hosts, sessionTimeoutMs);
    try {
      for (let attempt = 1;; attempt++) {
        const path = `/zoon-bench-${random.uint32().toString(16).padStart(8, "0")}`;
        try {
          await client.create(path);
          return new BenchTree(hosts, path);
        } catch (error) {
          if (!(error instanceof NodeExistsError) || attempt === namesMax) throw error;
        }
      }
    } catch (error) {
      const reason = error instanceof NoNodeError && client.chroot !== ""
        ? `the chroot ${client.chroot} does not exist`
        : (error as Error).message;
      throw new CliError(ExitCode.failed, `cannot create a znode for the run on ${hosts}: ${reason}`);
    } finally {
      await client.close();
    }
  }

  /**
   * Fills it. @throws {CliError} When that cannot be done, or the signal came.
   *
   * @param onProgress Told how many of how many znodes are there.
   */
  async fill(
    needs: TreeNeeds,
    signal: AbortSignal,
    onProgress: (made: number, all: number) => void,
  ): Promise<void> {
    const client = await open(this.hosts, needs.sessionTimeoutMs);
    try {
      const operations = new Set<OperationName>(needs.mix.map(({ operation }) => operation));
      const directories = directoriesFor(this.path, operations, needs);
      const keys = needsKeys(operations) ? needs.keyCount : 0;
      const all = directories.length + keys;
      let made = 0;
      const onMade = () => onProgress(++made, all);
      await forEachPipelined(directories, walkRequestsMax, signal, async (path) => {
        await client.create(path);
        onMade();
      });
      const valueOf = values(needs);
      const atOnce = Math.floor(bytesUnderWayMax / (needs.valueBytesMax + 100));
      await forEachPipelined(
        Array.from({ length: keys }, (_, key) => key),
        Math.max(1, Math.min(walkRequestsMax, atOnce)),
        signal,
        async (key) => {
          await client.create(keyPath(this.path, needs.depth, key), valueOf());
          onMade();
        },
      );
    } catch (error) {
      const reason = signal.aborted ? "stopped" : (error as Error).message;
      throw new CliError(ExitCode.failed, `cannot prepare ${this.path} on ${this.hosts}: ${reason}`);
    } finally {
      await client.close();
    }
  }

  /**
   * Removes it with everything below. Tries again when a connection breaks, for a while.
   *
   * @throws {CliError} When something is left: the message says what.
   */
  async remove(sessionTimeoutMs: number): Promise<void> {
    const timeout = AbortSignal.timeout(removalMaxMs);
    let reason = "";
    for (let attempt = 0; attempt < removalsMax && !timeout.aborted; attempt++) {
      if (attempt > 0) await Bun.sleep(removalPauseMs);
      try {
        const client = await open(this.hosts, sessionTimeoutMs);
        try {
          await removeSubtree(client, this.path, timeout);
        } finally {
          await client.close();
        }
        return;
      } catch (error) {
        reason = (error as Error).message;
      }
    }
    throw new CliError(
      ExitCode.failed,
      `${this.path} is left on ${this.hosts} (${reason}); zoon shell -s ${this.hosts} deleteall ${this.path}`,
    );
  }
}

async function removeSubtree(client: ZooKeeper, root: string, signal: AbortSignal): Promise<void> {
  let paths: string[];
  try {
    await client.sync(root);
    paths = await listSubtree(client, root, { signal });
  } catch (error) {
    // An attempt whose answer was lost had succeeded.
    if (error instanceof NoNodeError) return;
    throw error;
  }
  await forEachPipelined(paths.reverse(), walkRequestsMax, signal, async (path) => {
    try {
      await client.delete(path);
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
    }
  });
}

async function open(hosts: string, sessionTimeoutMs: number): Promise<ZooKeeper> {
  try {
    return await connect(hosts, { sessionTimeoutMs, connectTimeoutMs });
  } catch (error) {
    throw new CliError(ExitCode.failed, `no session with ${hosts}: ${(error as Error).message}`);
  }
}

function values({ valueBytesMin, valueBytesMax, seed }: TreeNeeds): () => Uint8Array {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(valueBytesMax).map(() => random.uint32());
  const spread = valueBytesMax - valueBytesMin + 1;
  return () => bytes.subarray(0, valueBytesMin + random.uint32() % spread);
}
