import { MultiError, NoNodeError, NotEmptyError, type ZooKeeper } from "../../../mod.ts";
import { defineCommand } from "../command.ts";
import { CommandError } from "../command_error.ts";
import { intValue } from "../operands.ts";
import { checkPath } from "../path_check.ts";
import { grouped } from "../progress.ts";
import type { Shell } from "../shell_context.ts";
import { forEachPipelined, listSubtree, walkRequestsMax } from "../subtree.ts";

/** Multis that may be unanswered at once, as in Apache's shell. */
const multisMax = 10;

/** Characters of the paths of one multi, so that it stays well below a server's `jute.maxbuffer`. */
const multiCharsMax = 256 * 1024;

/** How often the tree is listed anew when others create and delete in it meanwhile. */
const roundsMax = 5;

/** @see Fact: DeleteAllCommand, ZKUtil.deleteRecursive */
export const deleteAllCommand = defineCommand({
  name: "deleteall",
  aliases: ["rmr"],
  family: "znodes",
  usage: "path [-b batch size]",
  about: "Delete a znode and all below it",
  flags: {
    batch: { short: "b", value: "batch size", about: "Znodes per transaction, 1000 by default; 0 for none" },
  },
  operands: [{ name: "path", kind: "path" }],
  details: "Each batch is deleted as a whole or not at all; the subtree as a whole is not one transaction.",
  examples: ["deleteall /a", "deleteall /a -b 100"],
  needsSession: true,
  async run(call, shell) {
    const batch = call.flags.batch === undefined ? 1000 : intValue(call.flags.batch, "-b");
    const path = checkPath(call.text(0));
    const client = await shell.client();
    if (path === "/" && client.chroot === "") {
      throw new CommandError("Arguments are not valid : / (the root cannot be deleted)", {
        code: "BADARGUMENTS",
        path,
      });
    }
    const deleted = await deleteSubtree(client, path, batch, shell);
    return { text: null, json: { path, deleted } };
  },
});

/** @returns How many znodes were deleted. */
async function deleteSubtree(client: ZooKeeper, root: string, batch: number, shell: Shell): Promise<number> {
  const progress = shell.progress();
  let deleted = 0;
  const tell = (count: number, of: number) => {
    deleted += count;
    progress.update(() => `${grouped(deleted)} of ${grouped(of)} znodes deleted`);
  };
  try {
    for (let round = 1;; round++) {
      const paths = await listSubtree(client, root, {
        signal: shell.signal,
        onFound: (count) => progress.update(() => `${grouped(count)} znodes found`),
      }).catch((error: unknown) => {
        // Others finished it.
        if (round > 1 && error instanceof NoNodeError) return [];
        throw error;
      });
      if (paths.length === 0) return deleted;
      const total = deleted + paths.length;
      try {
        const done = (count: number) => tell(count, total);
        if (batch > 0) await deleteInBatches(client, paths, batch, shell.signal, done);
        else await deleteSingly(client, paths, shell.signal, done);
        return deleted;
      } catch (error) {
        if (!isRace(error) || round === roundsMax) throw failed(root, error);
      }
    }
  } finally {
    progress.done();
  }
}

/** Deletes from the end of the list, where the leaves are. */
async function deleteInBatches(
  client: ZooKeeper,
  paths: readonly string[],
  batch: number,
  signal: AbortSignal,
  done: (count: number) => void,
): Promise<void> {
  const batches: string[][] = [];
  let current: string[] = [];
  let chars = 0;
  for (let at = paths.length - 1; at >= 0; at--) {
    if (current.length === batch || (current.length > 0 && chars + paths[at].length > multiCharsMax)) {
      batches.push(current);
      current = [];
      chars = 0;
    }
    current.push(paths[at]);
    chars += paths[at].length;
  }
  batches.push(current);
  // All travel on one connection in this order, so a parent's batch arrives after those of its children.
  await forEachPipelined(batches, multisMax, signal, async (some) => {
    const multi = client.multi();
    for (const path of some) multi.delete(path);
    await multi.commit();
    done(some.length);
  });
}

async function deleteSingly(
  client: ZooKeeper,
  paths: readonly string[],
  signal: AbortSignal,
  done: (count: number) => void,
): Promise<void> {
  await forEachPipelined(paths.toReversed(), walkRequestsMax, signal, async (path) => {
    try {
      await client.delete(path);
      done(1);
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
    }
  });
}

/** Whether somebody else created or deleted below the root meanwhile, so that another round may succeed. */
function isRace(error: unknown): boolean {
  const cause = error instanceof MultiError ? error.cause : error;
  return cause instanceof NoNodeError || cause instanceof NotEmptyError;
}

function failed(root: string, error: unknown): unknown {
  if (!(error instanceof MultiError)) return error;
  return new CommandError(`Failed to delete some node(s) in the subtree!\n${error.cause.message}`, {
    code: "PARTIAL",
    path: root,
    cause: error,
  });
}
