/** Created znodes: none acknowledged is lost, none refused or deleted is there, none is there twice. */
import { describe, type Evidence, type Op, type Violation } from "../history.ts";
import type { Facts } from "./facts.ts";

const property = "creations";

/**
 * See the head of this file.
 *
 * @param roots Parents of all that is created in the round: whatever lies below must come from the history.
 */
export function checkCreations(evidence: Evidence, facts: Facts, roots: readonly string[]): Violation[] {
  const violations: Violation[] = [];
  const report = (message: string) => violations.push({ property, message });
  const { ops, sessions } = evidence.history;
  const { tree } = facts;
  const deletes = new Map<string, Op>();
  const creators = new Map<string, Op>();
  const placesOf = new Map<string, string[]>();
  for (const op of ops) {
    if (op.kind === "delete") deletes.set(op.path, op);
    else if (isCreation(op) && op.kind !== "createSequential") creators.set(op.path, op);
    else if (op.kind === "createSequential" && op.result?.path !== undefined) {
      const other = creators.get(op.result.path);
      if (other !== undefined) report(`one path for two: ${describe(other)} and ${describe(op)}`);
      creators.set(op.result.path, op);
    }
  }
  for (const [path, { value }] of tree) {
    if (value === null || facts.registers.has(path) || !below(roots, path)) continue;
    const places = placesOf.get(value);
    if (places === undefined) placesOf.set(value, [path]);
    else places.push(path);
    const writer = facts.writers.get(value);
    if (writer === undefined || !isCreation(writer)) report(`${path} holds "${value}", which nobody created`);
    else if (writer.kind !== "createSequential" && writer.path !== path) {
      report(`${path} holds the data of another path: ${describe(writer)}`);
    }
  }

  for (const op of ops) {
    if (op.kind === "delete") {
      const creator = creators.get(op.path);
      const mayHaveExpired = creator?.kind === "createEphemeral" &&
        sessions[creator.session].endedMs <= op.returnedMs;
      if (op.error === "NONODE" && creator?.outcome === "ok" && !mayHaveExpired) {
        report(`was not there to delete: ${describe(creator)}; ${describe(op)}`);
      }
      continue;
    }
    if (!isCreation(op) || op.value === null || facts.registers.has(op.path)) continue;
    const places = placesOf.get(op.value) ?? [];
    if (places.length > 1) report(`done more than once, at ${places.join(", ")}: ${describe(op)}`);
    if (op.outcome === "fail") {
      if (places.length > 0) report(`refused and yet there: ${describe(op)}`);
      if (op.error === "NODEEXISTS") report(`there before it was created: ${describe(op)}`);
    }
    if (op.outcome !== "ok") continue;
    const path = op.result?.path ?? op.path;
    const deletion = deletes.get(path);
    if (deletion?.outcome === "ok") {
      if (tree.has(path)) report(`deleted and yet there: ${describe(op)}; ${describe(deletion)}`);
    } else if (deletion === undefined || deletion.outcome === "fail") {
      const gone = op.kind === "createEphemeral" && sessions[op.session].how !== "live";
      if (!gone && !places.includes(path)) report(`acknowledged and lost: ${describe(op)}`);
    }
  }
  checkSequence(ops, facts, report);
  checkPairs(evidence, facts, report);
  return violations;
}

/** Later txns get higher numbers. */
function checkSequence(ops: readonly Op[], facts: Facts, report: (message: string) => void): void {
  const numbered: { prefix: string; number: number; zxid: number; op: Op }[] = [];
  for (const op of ops) {
    if (op.kind !== "createSequential" || op.outcome !== "ok" || op.zxid === null) continue;
    numbered.push({ prefix: op.path, number: Number(op.result!.path!.slice(-10)), zxid: op.zxid, op });
  }
  numbered.sort((a, b) => a.zxid - b.zxid);
  const lastOf = new Map<string, (typeof numbered)[number]>();
  for (const one of numbered) {
    const last = lastOf.get(one.prefix);
    if (last !== undefined && one.number <= last.number) {
      report(`a later txn has the lower number: ${describe(last.op)}; ${describe(one.op)}`);
    }
    lastOf.set(one.prefix, one);
  }
  for (const [path, node] of facts.tree) {
    const writer = node.value === null ? undefined : facts.writers.get(node.value);
    if (writer?.kind === "createSequential" && writer.outcome === "ok" && writer.result?.path !== path) {
      report(`acknowledged as ${writer.result?.path}, found at ${path}: ${describe(writer)}`);
    }
  }
}

/** Each multi done raises both registers of its pair by one and leaves one znode: the counts agree. */
function checkPairs(evidence: Evidence, facts: Facts, report: (message: string) => void): void {
  const left = new Map<string, number>();
  for (const op of evidence.history.ops) {
    if (op.kind !== "multi" || op.pair === null) continue;
    const key = op.pair.join(" ");
    left.set(key, (left.get(key) ?? 0) + (facts.tree.has(op.path) ? 1 : 0));
  }
  for (const [key, count] of left) {
    for (const path of key.split(" ")) {
      const version = facts.tree.get(path)?.version;
      if (version !== count) {
        report(`${count} multis left a znode, yet ${path} was raised ${version} times: a multi was torn`);
      }
    }
  }
}

function isCreation(op: Op): boolean {
  return op.kind === "create" || op.kind === "createSequential" || op.kind === "createEphemeral" ||
    op.kind === "multi";
}

function below(roots: readonly string[], path: string): boolean {
  return roots.some((root) => path.startsWith(`${root}/`));
}
