#!/usr/bin/env bun
/**
 * Compiles cli/main.ts with the Bun runtime into one executable.
 *
 * Other platforms' runtimes come from the npm packages Bun itself is made of, fetched with the npm client, at
 * the version that package.json pins.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json";
import { root } from "./suites.ts";

/** A platform that `--all` builds for. */
interface Platform {
  /** As it appears in the file's name. */
  name: string;
  /** Value of Bun's `--target`. */
  target: string;
  /** Package `@oven/<runtime>` that holds Bun for it, and the path within. */
  runtime: string;
  executable: string;
}

const platforms: Platform[] = [
  { name: "linux-x64", target: "bun-linux-x64", runtime: "bun-linux-x64", executable: "bin/bun" },
  { name: "linux-arm64", target: "bun-linux-arm64", runtime: "bun-linux-aarch64", executable: "bin/bun" },
  { name: "macos-x64", target: "bun-darwin-x64", runtime: "bun-darwin-x64", executable: "bin/bun" },
  { name: "macos-arm64", target: "bun-darwin-arm64", runtime: "bun-darwin-aarch64", executable: "bin/bun" },
  {
    name: "windows-x64.exe",
    target: "bun-windows-x64",
    runtime: "bun-windows-x64",
    executable: "bin/bun.exe",
  },
];

const dist = join(root, "dist");
/** Where the executable for this machine ends up. */
export const binary: string = join(dist, process.platform === "win32" ? "zoon.exe" : "zoon");

/** Builds for this machine; throws with the compiler's words when that fails. */
export function buildHere(): void {
  compile(binary, []);
}

/** Builds for every platform and writes SHA256SUMS beside; returns the files. */
function buildAll(): string[] {
  const files = platforms.map((platform) => {
    const file = join(dist, `zoon-${platform.name}`);
    compile(file, ["--target", platform.target, "--compile-executable-path", runtimeOf(platform)]);
    return file;
  });
  const sums = files.map((file) => {
    const sum = createHash("sha256").update(readFileSync(file)).digest("hex");
    return `${sum}  ${basename(file)}\n`;
  });
  writeFileSync(join(dist, "SHA256SUMS"), sums.join(""));
  return files;
}

function compile(file: string, flags: string[]): void {
  mkdirSync(dist, { recursive: true });
  // Written aside and renamed: a running executable cannot be overwritten, and no one sees half of one.
  const suffix = file.endsWith(".exe") ? ".exe" : "";
  const partial = join(dist, `.${basename(file, suffix)}.${process.pid}${suffix}`);
  const facts = {
    ZOON_COMMIT: git("rev-parse", "--short=12", "HEAD"),
    ZOON_COMMIT_DATE: git("log", "-1", "--format=%cI"),
  };
  const run = spawnSync(process.execPath, [
    "build",
    "--compile",
    "--minify-whitespace",
    "--minify-syntax",
    // Bytecode takes a start from some 45 ms to 11 ms; full minifying and leaving the source map out gain
    // nothing further, and would take the names out of a bug report.
    "--bytecode",
    "--sourcemap",
    // A .env or bunfig.toml where it happens to be started is none of its business.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    ...Object.entries(facts).flatMap((
      [name, fact],
    ) => ["--define", `process.env.${name}=${JSON.stringify(fact)}`]),
    ...flags,
    "--outfile",
    partial,
    join(root, "cli", "main.ts"),
  ], { cwd: root, encoding: "utf8" });
  if (run.status !== 0 || !existsSync(partial)) {
    rmSync(partial, { force: true });
    throw new Error(`bun build failed for ${basename(file)}:\n${run.stdout}${run.stderr}`);
  }
  // The map is inside; bun leaves it beside as well.
  rmSync(`${partial}.map`, { force: true });
  renameSync(partial, file);
}

/** The path of another platform's Bun, fetched once into .cache. */
function runtimeOf({ runtime, executable }: Platform): string {
  const version = manifest.devDependencies.bun;
  const home = join(root, ".cache", "bun", `${runtime}-${version}`);
  const path = join(home, "package", executable);
  if (existsSync(path)) return path;
  const partial = `${home}.${process.pid}.part`;
  mkdirSync(partial, { recursive: true });
  try {
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const pack = spawnSync(npm, ["pack", "--json", `@oven/${runtime}@${version}`], {
      cwd: partial,
      encoding: "utf8",
      shell: process.platform === "win32",
    });
    if (pack.status !== 0) throw new Error(`npm pack @oven/${runtime}@${version} failed:\n${pack.stderr}`);
    const file = JSON.parse(pack.stdout)[0].filename as string;
    const tar = spawnSync("tar", ["-xzf", file], { cwd: partial, encoding: "utf8" });
    if (tar.status !== 0) throw new Error(`tar -xzf ${file} failed:\n${tar.stderr}`);
    rmSync(join(partial, file));
    rmSync(home, { recursive: true, force: true });
    renameSync(partial, home);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  if (!existsSync(path)) throw new Error(`@oven/${runtime}@${version} has no ${executable}`);
  return path;
}

/** What git says; empty outside a clone, such as in a source archive. */
function git(...args: string[]): string {
  const run = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return run.status === 0 ? run.stdout.trim() : "";
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      all: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(`Usage: npm run build [-- --all]

Compiles dist/zoon for this machine.

  --all   for every platform instead, as dist/zoon-<platform>, with dist/SHA256SUMS:
          ${platforms.map((platform) => platform.name).join(", ")}

Example: npm run build -- --all`);
    process.exit(0);
  }
  try {
    const start = performance.now();
    let files = [binary];
    if (values.all) files = buildAll();
    else buildHere();
    for (const file of files) {
      console.log(`${file.slice(root.length + 1)}  ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB`);
    }
    console.log(`built in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
