#!/usr/bin/env bun
/**
 * Checks two rules that keep the state machines pure: imports point down a floor (or stay in their folder),
 * and inside src/ only io/ touches the clock, randomness, timers and the runtime.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Token, tokensOf } from "./typescript_tokens.ts";

/** Folder → floor. A file may import from its own folder and from floors below. */
export const floors: Readonly<Record<string, number>> = {
  base: 0,
  jute: 1,
  protocol: 2,
  quorum: 2,
  tree: 3,
  watch: 3,
  session: 3,
  election: 3,
  zab: 3,
  pipeline: 4,
  storage: 4,
  admin: 4,
  config: 4,
  server: 5,
  client: 5,
  io: 6,
  recipes: 6,
  "mod.ts": 7,
  cli: 8,
};

/** Globals that belong to the runtime: named anywhere in src/ outside io/, they are an effect. */
const runtimeGlobals = new Set([
  "process",
  "console",
  "Buffer",
  "Bun",
  "Deno",
  "performance",
  "crypto",
  "globalThis",
  "require",
]);
/** Globals that are effects when called. */
const runtimeCalls = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
  "queueMicrotask",
  "fetch",
]);
/** Members that are effects. */
const runtimeMembers: Readonly<Record<string, string>> = { Date: "now", Math: "random" };

/** A broken rule. */
export interface Violation {
  /** Path from the repository root, with slashes. */
  file: string;
  line: number;
  message: string;
}

/** The folder that decides a file's floor; undefined for files that no floor is given to. */
export function folderOf(file: string): string | undefined {
  const parts = file.split("/");
  if (file === "mod.ts" || parts[0] === "cli") return parts[0];
  return parts[0] === "src" && parts.length > 2 ? parts[1] : undefined;
}

/** What is wrong with one file of src/, cli/ or mod.ts. */
export function checkFile(file: string, source: string): Violation[] {
  const folder = folderOf(file);
  if (folder === undefined || !(folder in floors)) {
    return [{
      file,
      line: 1,
      message: `${folder ?? "src"}/ has no floor; known: ${Object.keys(floors).join(" ")}`,
    }];
  }
  const violations: Violation[] = [];
  const add = (line: number, message: string) => violations.push({ file, line, message });
  let tokens: Token[];
  try {
    tokens = tokensOf(source);
  } catch (error) {
    return [{ file, line: 1, message: `cannot be read: ${(error as Error).message}` }];
  }
  const pure = file.startsWith("src/") && folder !== "io";
  for (const { specifier, line } of importsOf(tokens)) {
    const wrong = specifier.startsWith(".")
      ? checkRelative(file, folder, specifier)
      : pure && /^(?:node:|bun(?::|$))/.test(specifier)
      ? `imports "${specifier}": inside src/ only io/ touches the runtime`
      : undefined;
    if (wrong !== undefined) add(line, wrong);
  }
  if (pure) {
    for (const { name, line } of effectsOf(tokens)) {
      add(line, `names ${name}: only io/ may (a local of that name must be renamed)`);
    }
  }
  return violations;
}

function checkRelative(file: string, folder: string, specifier: string): string | undefined {
  if (!/\.(?:ts|json)$/.test(specifier)) return `imports "${specifier}" without its extension`;
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (file.startsWith("cli/") && target === "package.json") return undefined;
  const other = folderOf(target);
  if (other === undefined || !(other in floors)) return `imports "${specifier}", which is on no floor`;
  if (other === folder) return undefined;
  if (posix.basename(target).startsWith("_")) return `imports "${specifier}", which is private to ${other}/`;
  if (floors[other] < floors[folder]) return undefined;
  const place = (name: string) => `${name} (floor ${floors[name]})`;
  return `${place(folder)} imports ${place(other)}: imports point down`;
}

/** Every module a file names, in whatever form: import, import type, export from, import(), require(). */
export function importsOf(tokens: Token[]): { specifier: string; line: number }[] {
  const found: { specifier: string; line: number }[] = [];
  tokens.forEach((token, i) => {
    if (token.kind !== "string") return;
    const before = tokens[i - 1], owner = tokens[i - 2];
    const named = before?.kind === "word" && (before.text === "from" || before.text === "import");
    const called = before?.text === "(" && owner?.kind === "word" &&
      (owner.text === "import" || owner.text === "require");
    if ((named && !isMember(tokens, i - 1)) || (called && !isMember(tokens, i - 2))) {
      found.push({ specifier: token.text, line: token.line });
    }
  });
  return found;
}

/** Every place where a file reaches for the clock, randomness, timers or the runtime. */
export function effectsOf(tokens: Token[]): { name: string; line: number }[] {
  const found: { name: string; line: number }[] = [];
  tokens.forEach((token, i) => {
    if (token.kind !== "word" || isMember(tokens, i)) return;
    const add = (name: string) => found.push({ name, line: token.line });
    const after = tokens[i + 1]?.text;
    if (runtimeGlobals.has(token.text)) {
      if (!isKey(tokens, i) && !isMethodHead(tokens, i)) add(token.text);
    } else if (runtimeCalls.has(token.text)) {
      if (!isKey(tokens, i) && !isMethodHead(tokens, i)) add(token.text);
    } else if (token.text in runtimeMembers) {
      const member = runtimeMembers[token.text];
      const named = after === "." || after === "?."
        ? tokens[i + 2]?.text
        : after === "["
        ? tokens[i + 2]?.text
        : "";
      if (named === member) add(`${token.text}.${member}`);
      // `new Date()` and `Date()` read the clock; `new Date(ms)` does not.
      const bare = after !== "(" || tokens[i + 2]?.text === ")";
      if (token.text === "Date" && bare && (after === "(" || tokens[i - 1]?.text === "new")) add("Date()");
      // `const { now } = Date` and the like.
      if (tokens[i - 1]?.text === "=" && tokens[i - 2]?.text === "}") add(token.text);
    }
  });
  return found;
}

function isMember(tokens: Token[], i: number): boolean {
  const before = tokens[i - 1]?.text;
  return before === "." || before === "?.";
}

/** `{ process: 1 }`, `process?: string;`, `interface { performance: number }`: a name, not the global. */
function isKey(tokens: Token[], i: number): boolean {
  const before = tokens[i - 1]?.text ?? ";";
  const after = tokens[i + 1]?.text;
  const colon = after === ":" || (after === "?" && tokens[i + 2]?.text === ":");
  return colon && ["{", ",", ";", "(", "}", "readonly"].includes(before);
}

/** `setTimeout(ms: number): Timer` in a type and `fetch() { … }` in a class declare a method of that name. */
function isMethodHead(tokens: Token[], i: number): boolean {
  if (tokens[i + 1]?.text !== "(") return false;
  let depth = 0;
  for (let at = i + 1; at < tokens.length; at++) {
    const text = tokens[at].kind === "punctuation" ? tokens[at].text : "";
    if (text === "(") depth++;
    else if (text === ")" && --depth === 0) {
      const after = tokens[at + 1]?.text;
      const before = tokens[i - 1]?.text ?? ";";
      return (after === ":" && before !== "?") || after === "{";
    }
  }
  return false;
}

/** Checks all of `root`; an empty list is good news. */
export function checkTree(root: string): { files: number; violations: Violation[] } {
  const below = (directory: string) =>
    existsSync(join(root, directory))
      ? readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
        .map((name) => `${directory}/${name.replaceAll("\\", "/")}`).filter((name) =>
          /\.[mc]?[jt]sx?$/.test(name)
        )
      : [];
  const files = [...below("src"), ...below("cli"), ...(existsSync(join(root, "mod.ts")) ? ["mod.ts"] : [])]
    .sort();
  const violations = files.flatMap((file) => checkFile(file, readFileSync(join(root, file), "utf8")));
  return { files: files.length, violations };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { help: { type: "boolean", short: "h", default: false } } });
  if (values.help) {
    const byFloor = Map.groupBy(Object.keys(floors), (folder) => floors[folder]);
    const list = [...byFloor].map(([floor, folders]) => `  ${floor}  ${folders.join("  ")}`).reverse();
    console.log(`Usage: bun scripts/floors.ts

Checks that imports in src/, cli/ and mod.ts point to a lower floor or stay in their folder, and that inside
src/ only io/ names the clock, randomness, timers and the runtime. Prints FILE:LINE: what is wrong.

${list.join("\n")}

Exit code 0: all is well; 1: something is not.
Example: bun scripts/floors.ts`);
    process.exit(0);
  }
  const { files, violations } = checkTree(resolve(import.meta.dir, ".."));
  for (const { file, line, message } of violations) console.error(`${file}:${line}: ${message}`);
  console.log(`${files} files, ${violations.length} violations`);
  process.exit(violations.length === 0 ? 0 : 1);
}
