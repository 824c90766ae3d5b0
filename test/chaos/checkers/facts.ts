/** What answers and dumps tell together: which write stands behind which version, and in which txn. */
import { describe, type Evidence, isWrite, type Op, type Tree, type Violation } from "../history.ts";

/** One version of a register, as somebody was told or saw it. */
export interface VersionFact {
  readonly value: string;
  readonly mzxid: number;
  /** The write it came from; undefined when nobody wrote such a value. */
  readonly writer: Op | undefined;
  /** Who said so, in words. */
  readonly source: string;
}

/** See the head of this file. */
export interface Facts {
  /** Value → the only operation that writes it. */
  readonly writers: ReadonlyMap<string, Op>;
  /** Register → version → what it was; every path that is ever set is a register. */
  readonly registers: ReadonlyMap<string, ReadonlyMap<number, VersionFact>>;
  /** Operation → its txn, also of operations of unknown fate that turned out to be done. */
  readonly zxids: ReadonlyMap<Op, number>;
  /** The first server's dump; that the others are equal is another check. */
  readonly tree: Tree;
  /** Two tellings of one thing that differ. */
  readonly contradictions: readonly Violation[];
}

/** Paths a write sets, whose versions it raises. */
export function registersOf(op: Op): readonly string[] {
  if (op.kind === "multi") return op.pair ?? [];
  return op.kind === "set" || op.kind === "setAny" ? [op.path] : [];
}

/** Gathers what is known; `evidence` holds at least one tree. */
export function gather(evidence: Evidence): Facts {
  const { ops } = evidence.history;
  const [tree] = evidence.trees.values();
  const writers = new Map<string, Op>();
  const registers = new Map<string, Map<number, VersionFact>>();
  const zxids = new Map<Op, number>();
  const contradictions: Violation[] = [];

  for (const op of ops) {
    if (op.value !== null && isWrite(op)) writers.set(op.value, op);
    for (const path of registersOf(op)) if (!registers.has(path)) registers.set(path, new Map());
  }

  const contradict = (message: string) => contradictions.push({ property: "one history", message });
  const noteZxid = (op: Op, zxid: number, source: string) => {
    const known = zxids.get(op);
    if (known === undefined) zxids.set(op, zxid);
    else if (known !== zxid) {
      contradict(`${describe(op)} is txn 0x${known.toString(16)}, yet 0x${zxid.toString(16)} in ${source}`);
    }
  };
  const noteVersion = (path: string, version: number, value: string, mzxid: number, source: string) => {
    const versions = registers.get(path);
    if (versions === undefined) return;
    const writer = writers.get(value);
    const known = versions.get(version);
    if (known === undefined) versions.set(version, { value, mzxid, writer, source });
    else if (known.value !== value || known.mzxid !== mzxid) {
      contradict(
        `${path} version ${version} is "${known.value}" of 0x${
          known.mzxid.toString(16)
        } in ${known.source}, ` +
          `yet "${value}" of 0x${mzxid.toString(16)} in ${source}`,
      );
    }
    if (writer !== undefined) noteZxid(writer, mzxid, source);
  };

  for (const op of ops) {
    if (op.outcome !== "ok") continue;
    const source = `the answer to #${op.index}`;
    if (isWrite(op)) {
      if (op.zxid !== null) noteZxid(op, op.zxid, source);
      const version = op.kind === "create" ? 0 : op.result?.version;
      const paths = op.kind === "create" ? [op.path] : registersOf(op);
      if (op.zxid === null || version === undefined || op.value === null) continue;
      for (const path of paths) noteVersion(path, version, op.value, op.zxid, source);
    } else if (op.result?.version !== undefined) {
      noteVersion(op.path, op.result.version, op.result.value ?? "", op.result.mzxid ?? 0, source);
    }
  }
  for (const [path, node] of tree) {
    if (registers.has(path)) noteVersion(path, node.version, node.value ?? "", node.mzxid, "the final tree");
    else if (node.value !== null) {
      const writer = writers.get(node.value);
      if (writer !== undefined) noteZxid(writer, node.czxid, "the final tree");
    }
  }
  return { writers, registers, zxids, tree, contradictions };
}
