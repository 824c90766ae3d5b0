#!/usr/bin/env node
/**
 * Runs a TypeScript file with the pinned Bun: `node scripts/bootstrap.mjs FILE [ARGS…]`.
 *
 * A machine with git, Node and npm needs nothing else: dependencies that are missing or differ from the lock
 * file are installed first, and so is Bun's executable where npm was told not to run install scripts. This is
 * the only file of the repository that runs on Node, hence plain JavaScript and no dependency.
 */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bun = join(root, "node_modules", "bun", "bin", "bun.exe"); // Named so on every system.
const [file, ...args] = process.argv.slice(2);

if (file === undefined) {
  console.error("Usage: node scripts/bootstrap.mjs FILE [ARGS…]");
  process.exit(2);
}

if (!dependenciesMatchLock()) install();
if (bunVersion() !== pinnedBun()) {
  run(process.execPath, [join(root, "node_modules", "bun", "install.js")], "Bun's own installer");
  if (bunVersion() !== pinnedBun()) {
    stop(`Bun ${pinnedBun()} does not run on this machine (${process.platform} ${process.arch})`);
  }
}

const child = spawn(bun, [resolve(root, file), ...args], { stdio: "inherit" });
child.on("error", (error) => stop(error.message));
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) {
  process.on(signal, () => {
    // Ctrl-C on a terminal reaches the child by itself; a second one would mean "now".
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
// npm's shell passes no signal on: whoever stops npm means this as well.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) child.kill("SIGTERM");
}, 500).unref();
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  for (const name of ["SIGTERM", "SIGHUP", "SIGINT"]) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});

/** True when npm's own record of what it installed agrees with the lock file. */
function dependenciesMatchLock() {
  let installed;
  try {
    installed = readJson("node_modules/.package-lock.json").packages;
  } catch {
    return false; // Never installed, or interrupted: npm writes its record last.
  }
  const locked = readJson("package-lock.json").packages;
  return Object.entries(locked).every(([path, entry]) =>
    path === "" || (installed[path]?.version ?? (entry.optional ? entry.version : "none")) === entry.version
  );
}

function install() {
  console.error("Installing the dependencies of package-lock.json …");
  // npm names itself to the scripts it runs; on Windows a bare "npm" could not be spawned without a shell.
  const npm = process.env.npm_execpath;
  const flags = ["ci", "--no-audit", "--no-fund"];
  const done = npm === undefined || !npm.endsWith(".js")
    ? spawnSync("npm", flags, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" })
    : spawnSync(process.execPath, [npm, ...flags], { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) stop(`npm ci failed (${done.error?.message ?? `exit ${done.status}`})`);
}

function run(command, words, name) {
  const done = spawnSync(command, words, { cwd: dirname(words[0]), stdio: ["ignore", 2, 2] });
  if (done.status !== 0) stop(`${name} failed (${done.error?.message ?? `exit ${done.status}`})`);
}

function bunVersion() {
  return spawnSync(bun, ["--version"], { encoding: "utf8" }).stdout?.trim();
}

function pinnedBun() {
  return readJson("package.json").devDependencies.bun;
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
