import { NoNodeError, NotEmptyError, type ZooKeeper } from "../../../mod.ts";
import { type Answer, defineCommand, type FlagTable, type FlagValues } from "../command.ts";
import { CommandError, UsageError } from "../command_error.ts";
import { checkPath } from "../path_check.ts";
import { limitsName, type QuotaKey, QuotaRecord, quotaRoot, statsName } from "../quota_record.ts";
import type { Shell } from "../shell_context.ts";
import { listSubtree } from "../subtree.ts";

/** The number each flag is about. */
const keys = {
  count: "count",
  bytes: "bytes",
  "count-hard": "countHardLimit",
  "bytes-hard": "byteHardLimit",
} as const satisfies Record<string, QuotaKey>;

const limitFlags = {
  count: { short: "n", value: "val", about: "Znodes: the server warns in its log when there are more" },
  bytes: { short: "b", value: "val", about: "Bytes of data: the server warns when there are more" },
  "count-hard": { short: "N", value: "val", about: "Znodes: the server refuses more" },
  "bytes-hard": { short: "B", value: "val", about: "Bytes of data: the server refuses more" },
} as const satisfies FlagTable;

/** @see Fact: SetQuotaCommand */
export const setQuotaCommand = defineCommand({
  name: "setquota",
  family: "quota",
  usage: "-n|-b|-N|-B val path",
  about: "Limit a subtree",
  flags: limitFlags,
  operands: [{ name: "path", kind: "path" }],
  details:
    "One limit at a time; the others stay. Above and below a znode with a quota there can be no other.",
  examples: ["setquota -n 100 /a", "setquota -B 1000000 /a"],
  needsSession: true,
  async run(call, shell) {
    const limit = readLimit(call.flags);
    const path = call.text(0);
    if (path.startsWith(quotaRoot)) {
      throw new CommandError(`cannot set a quota under the path: ${quotaRoot}`, {
        code: "BADARGUMENTS",
        path,
      });
    }
    checkPath(path);
    const client = await shell.client();
    if (await client.exists(path) === null) {
      throw new CommandError(`${path} does not exist.`, { code: "NONODE", path });
    }
    checkPath(`${quotaRoot}${path}`);
    await checkBelow(client, path, shell);
    await checkAbove(client, path);
    const { limits, stats } = await writeLimit(client, path, limit);
    const warnings = exceeded(limits, stats);
    return {
      text: warnings.length === 0 ? null : warnings.join("\n"),
      json: { path, limits: limits.toJson(), usage: stats.toJson(), warnings },
    };
  },
});

/** @see Fact: ListQuotaCommand */
export const listQuotaCommand = defineCommand({
  name: "listquota",
  family: "quota",
  usage: "path",
  about: "Print a subtree's limits and what it uses",
  flags: {},
  operands: [{ name: "path", kind: "path" }],
  examples: ["listquota /a"],
  needsSession: true,
  async run(call, shell) {
    const path = call.text(0);
    const limitsPath = checkPath(limitsOf(path));
    const client = await shell.client();
    if (!call.json) shell.warn(`absolute path is ${limitsPath}`);
    try {
      const [limits, stats] = await Promise.all([
        readRecord(client, limitsPath),
        readRecord(client, statsOf(path)),
      ]);
      return {
        text: `Output quota for ${path} ${limits}\nOutput stat for ${path} ${stats}`,
        json: { path, limits: limits.toJson(), usage: stats.toJson() },
      };
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      throw new CommandError(`quota for ${path} does not exist.`, { code: "NONODE", path });
    }
  },
});

/** @see Fact: DelQuotaCommand */
export const delQuotaCommand = defineCommand({
  name: "delquota",
  family: "quota",
  usage: "[-n|-b|-N|-B] path",
  about: "Remove one limit of a subtree, or all",
  flags: {
    count: { short: "n", about: limitFlags.count.about },
    bytes: { short: "b", about: limitFlags.bytes.about },
    "count-hard": { short: "N", about: limitFlags["count-hard"].about },
    "bytes-hard": { short: "B", about: limitFlags["bytes-hard"].about },
  },
  operands: [{ name: "path", kind: "path" }],
  examples: ["delquota /a", "delquota -n /a"],
  needsSession: true,
  async run(call, shell) {
    const path = call.text(0);
    checkPath(limitsOf(path));
    const chosen = Object.entries(keys).filter(([flag]) => call.flags[flag as keyof typeof keys]);
    if (chosen.length > 1) throw new UsageError("only one of -n, -b, -N and -B can be given");
    const client = await shell.client();
    if (await client.exists(limitsOf(path)) === null) {
      return { text: `Quota does not exist for ${path}`, json: { path, existed: false } };
    }
    if (chosen.length === 0) await removeAll(client, path);
    else await removeLimit(client, path, chosen[0][1]);
    return { text: null, json: { path, existed: true } } satisfies Answer;
  },
});

interface Limit {
  readonly key: QuotaKey;
  readonly value: bigint;
}

function readLimit(flags: FlagValues<typeof limitFlags>): Limit {
  const given = Object.entries(keys).filter(([flag]) => flags[flag as keyof typeof keys] !== undefined);
  if (given.length !== 1) throw new UsageError("exactly one of -n, -b, -N and -B must be given");
  const [flag, key] = given[0];
  const counts = key === "count" || key === "countHardLimit";
  const text = flags[flag as keyof typeof keys] ?? "";
  const value = /^[+-]?\d{1,19}$/.test(text) ? BigInt(text) : null;
  const largest = counts ? 0x7fff_ffffn : 0x7fff_ffff_ffff_ffffn;
  if (value === null || value > largest || value < -largest - 1n) {
    throw new UsageError("NumberFormatException happens when parsing the option value");
  }
  if (counts && value <= 0n) throw new UsageError("the num quota must be greater than zero");
  if (value < 0n) throw new UsageError("the bytes quota must be greater than or equal to zero");
  return { key, value };
}

/** @throws {CommandError} A znode below has a quota. */
async function checkBelow(client: ZooKeeper, path: string, shell: Shell): Promise<void> {
  const own = `${quotaRoot}${path}`;
  let paths: string[];
  try {
    paths = await listSubtree(client, own, { signal: shell.signal });
  } catch (error) {
    if (error instanceof NoNodeError) return;
    throw error;
  }
  const other = paths.find((each) => each.endsWith(`/${limitsName}`) && each !== limitsOf(path));
  if (other === undefined) return;
  const child = other.slice(quotaRoot.length, -limitsName.length - 1);
  throw new CommandError(`${path} has a child ${child} which has a quota`, { code: "QUOTAEXISTS", path });
}

/** @throws {CommandError} A znode above has a quota. */
async function checkAbove(client: ZooKeeper, path: string): Promise<void> {
  const parents = ancestorsOf(path);
  const found = await Promise.all(parents.map((parent) => client.exists(limitsOf(parent))));
  const at = found.findIndex((stat) => stat !== null);
  if (at >= 0) {
    throw new CommandError(`${path} has a parent ${parents[at]} which has a quota`, {
      code: "QUOTAEXISTS",
      path,
    });
  }
}

async function writeLimit(
  client: ZooKeeper,
  path: string,
  limit: Limit,
): Promise<{ limits: QuotaRecord; stats: QuotaRecord }> {
  const there = await client.exists(limitsOf(path)) !== null;
  const limits = there ? await readRecord(client, limitsOf(path)) : noLimits();
  limits.set(limit.key, limit.value);
  if (there) {
    await client.setData(limitsOf(path), limits.toString());
    return { limits, stats: await readRecord(client, statsOf(path)) };
  }
  const nodes = ["", ...ancestorsOf(path), path].map((each) => `${quotaRoot}${each}`);
  const missing = (await Promise.all(nodes.map((node) => client.exists(node))))
    .map((stat, at) => stat === null ? nodes[at] : null).filter((node) => node !== null);
  // The server starts to count at the creation of the limits, and needs the stats znode to write to.
  const usage = new QuotaRecord();
  usage.set("count", 0n);
  usage.set("bytes", 0n);
  const multi = client.multi();
  for (const node of missing) multi.create(node, null);
  await multi.create(limitsOf(path), limits.toString()).create(statsOf(path), usage.toString()).commit();
  return { limits, stats: await readRecord(client, statsOf(path)) };
}

async function removeLimit(client: ZooKeeper, path: string, key: QuotaKey): Promise<void> {
  const limits = await readRecord(client, limitsOf(path));
  limits.set(key, -1n);
  await client.setData(limitsOf(path), limits.toString());
}

/** Removes limits and stats, then the parents that nobody needs any more. */
async function removeAll(client: ZooKeeper, path: string): Promise<void> {
  const own = `${quotaRoot}${path}`;
  const multi = client.multi();
  for (const name of [limitsName, statsName]) {
    if (await client.exists(`${own}/${name}`) !== null) multi.delete(`${own}/${name}`);
  }
  await multi.commit();
  for (let node = own; node !== quotaRoot; node = node.slice(0, node.lastIndexOf("/"))) {
    try {
      await client.delete(node);
    } catch (error) {
      if (error instanceof NotEmptyError) return;
      if (!(error instanceof NoNodeError)) throw error;
    }
  }
}

function exceeded(limits: QuotaRecord, stats: QuotaRecord): string[] {
  const below = (key: QuotaKey, used: bigint) => limits.get(key) > -1n && limits.get(key) < used;
  const warnings: string[] = [];
  const count = stats.get("count");
  const bytes = stats.get("bytes");
  if (below("count", count) || below("countHardLimit", count)) {
    warnings.push(`[Warning]: the count quota you create is less than the existing count:${count}`);
  }
  if (below("bytes", bytes) || below("byteHardLimit", bytes)) {
    warnings.push(`[Warning]: the bytes quota you create is less than the existing bytes:${bytes}`);
  }
  return warnings;
}

function noLimits(): QuotaRecord {
  const record = new QuotaRecord();
  for (const key of Object.values(keys)) record.set(key, -1n);
  return record;
}

async function readRecord(client: ZooKeeper, path: string): Promise<QuotaRecord> {
  const { data } = await client.getData(path);
  return QuotaRecord.parse(new TextDecoder().decode(data ?? new Uint8Array()));
}

/** @returns The znodes strictly between the root and `path`, topmost first. */
function ancestorsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) parents.push(path.slice(0, at));
  return parents;
}

function limitsOf(path: string): string {
  return `${quotaRoot}${path}/${limitsName}`;
}

function statsOf(path: string): string {
  return `${quotaRoot}${path}/${statsName}`;
}
