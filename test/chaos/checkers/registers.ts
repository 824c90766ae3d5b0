/**
 * Registers: every version has one writer, nothing acknowledged is overwritten in silence, nothing of unknown
 * fate is done twice, nothing refused is done.
 */
import { describe, type Evidence, type Op, type Violation } from "../history.ts";
import { type Facts, registersOf, type VersionFact } from "./facts.ts";

const property = "registers";

/** See the head of this file. */
export function checkRegisters(evidence: Evidence, facts: Facts): Violation[] {
  const violations: Violation[] = [...facts.contradictions];
  const report = (message: string) => violations.push({ property, message });
  const writes = new Map<string, Op[]>();
  for (const op of evidence.history.ops) {
    for (const path of registersOf(op)) {
      const list = writes.get(path);
      if (list === undefined) writes.set(path, [op]);
      else list.push(op);
    }
  }
  for (const [path, versions] of facts.registers) {
    checkVersions(path, versions, report);
    const last = facts.tree.get(path);
    if (last === undefined) {
      report(`${path} is not there at the end`);
      continue;
    }
    for (const [version, fact] of versions) {
      if (version > last.version) {
        report(`${path} ends at version ${last.version}; version ${version} of ${fact.source} is lost`);
      }
    }
    checkGaps(path, versions, last.version, writes.get(path) ?? [], report);
    checkRefusals(path, versions, writes.get(path) ?? [], report);
  }
  return violations;
}

function checkVersions(
  path: string,
  versions: ReadonlyMap<number, VersionFact>,
  report: (message: string) => void,
): void {
  const seenAt = new Map<Op, number>();
  let before: VersionFact | undefined;
  for (const [version, fact] of [...versions].sort(([a], [b]) => a - b)) {
    const { writer, value, mzxid } = fact;
    if (before !== undefined && mzxid <= before.mzxid) {
      report(
        `${path} version ${version} is of 0x${mzxid.toString(16)}, not newer than the version before it, ` +
          `0x${before.mzxid.toString(16)}`,
      );
    }
    before = fact;
    if (writer === undefined) {
      report(`${path} version ${version} holds "${value}" (${fact.source}), which nobody wrote`);
      continue;
    }
    if (writer.outcome === "fail") report(`${path} version ${version} was refused: ${describe(writer)}`);
    if (writer.kind === "set" && writer.version + 1 !== version) {
      report(`${path} version ${version} comes of another version than asked for: ${describe(writer)}`);
    }
    const twice = seenAt.get(writer);
    if (twice !== undefined) {
      report(`${path} holds one write at versions ${twice} and ${version}: ${describe(writer)}`);
    }
    seenAt.set(writer, version);
  }
}

/** Versions nobody saw must be those of writes of unknown fate, each done once at most. */
function checkGaps(
  path: string,
  versions: ReadonlyMap<number, VersionFact>,
  last: number,
  writes: Op[],
  report: (message: string) => void,
): void {
  const unseen: number[] = [];
  for (let version = 1; version <= last; version++) if (!versions.has(version)) unseen.push(version);
  const placed = new Set([...versions.values()].map((fact) => fact.writer));
  const open = writes.filter((op) =>
    (op.outcome === "unknown" || op.outcome === "pending") && !placed.has(op)
  );
  const anywhere = open.filter((op) => op.kind !== "set").length;
  let unexplained = 0;
  for (const version of unseen) {
    if (!open.some((op) => op.kind === "set" && op.version + 1 === version)) unexplained++;
  }
  if (unexplained > anywhere) {
    report(
      `${path} has ${unexplained} versions nobody saw (${
        unseen.slice(0, 5)
      }…) and only ${anywhere} writes of unknown fate: something was done twice`,
    );
  }
}

/** A write at a version must not be refused while that version stands all the time. */
function checkRefusals(
  path: string,
  versions: ReadonlyMap<number, VersionFact>,
  writes: Op[],
  report: (message: string) => void,
): void {
  for (const op of writes) {
    if (op.kind !== "set" || op.error !== "BADVERSION") continue;
    const asked = versions.get(op.version)?.writer;
    if (asked === undefined || asked.returnedMs >= op.invokedMs || asked.outcome !== "ok") continue;
    const next = versions.get(op.version + 1);
    const overwritten = next === undefined
      // Nobody saw the next one: a write of unknown fate may have been done.
      ? writes.some((other) => other !== op && other.outcome !== "fail" && other.version === op.version)
      : next.writer === undefined || next.writer.invokedMs <= op.returnedMs;
    if (!overwritten) {
      report(`${path} was at version ${op.version} all the time, yet it was refused: ${describe(op)}`);
    }
  }
}
