/** What a benchmark stands on: a directory of its own, child processes, progress, a time at which it must be over. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json";
import { busyPart } from "./processes.ts";
import { type Spread, spreadOf } from "./statistics.ts";

const busyLookMs = 1000;

/** What a {@linkcode Rig} is told. */
export interface RigOptions {
  /** Parent of its directory; it should be on a real disk. */
  readonly dir?: string;
  /** Zoon's executable; it is copied, so that a build meanwhile does not change what is measured. */
  readonly binary: string;
  /** Whether progress goes to stderr, for stdout is a program's. */
  readonly json: boolean;
  /** The process ends itself after so long. */
  readonly timeMaxMs: number;
}

/** The machine and what runs on it. */
export interface Surroundings {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly zoon: string;
  readonly runtime: string;
  /** A write of 512 bytes and its fdatasync. */
  readonly syncMs: Spread;
  /** Load averages of the last minute. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  /** Which part of the cores worked before anything was started, and after all had ended; null if not known. */
  readonly busyBefore: number | null;
  readonly busyAfter: number | null;
}

/** See the head of this file. Whatever is left of it goes with the process. */
export class Rig {
  readonly scratch: string;
  readonly binary: string;
  readonly #loadBefore = loadavg()[0];
  #busyBefore: number | null = null;
  readonly #json: boolean;
  readonly #beganMs = performance.now();
  readonly #timeMaxMs: number;
  readonly #children = new Set<ChildProcess>();

  /**
   * Looks what else the machine does, for a second.
   *
   * @throws {Error} When there is no executable.
   */
  static async open(options: RigOptions): Promise<Rig> {
    const rig = new Rig(options);
    rig.#busyBefore = await busyPart(busyLookMs);
    return rig;
  }

  private constructor({ dir = tmpdir(), binary, json, timeMaxMs }: RigOptions) {
    if (!existsSync(binary)) {
      throw new Error(`There is no executable at ${binary}; run "npm run build" first`);
    }
    this.#json = json;
    this.#timeMaxMs = timeMaxMs;
    this.scratch = mkdtempSync(join(dir, "zoon-bench-"));
    this.binary = join(this.scratch, "zoon");
    process.on("exit", () => {
      for (const child of this.#children) child.kill("SIGKILL");
      rmSync(this.scratch, { recursive: true, force: true, maxRetries: 5 });
    });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => process.exit(130));
    }
    setTimeout(() => {
      console.error(`not done after ${timeMaxMs / 60_000} minutes; given up`);
      process.exit(1);
    }, timeMaxMs).unref();
    copyFileSync(binary, this.binary);
  }

  /** A line of progress, with the time since the beginning. */
  say(text: string): void {
    const seconds = Math.floor((performance.now() - this.#beganMs) / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    (this.#json ? console.error : console.log)(`${clock}  ${text}`);
  }

  /** Ms until the process ends itself. */
  get leftMs(): number {
    return this.#timeMaxMs - (performance.now() - this.#beganMs);
  }

  /** A fresh directory. */
  directory(name: string): string {
    return mkdtempSync(join(this.scratch, `${name}-`));
  }

  /** Starts a program that ends when this process does. */
  spawn(command: readonly string[]): ChildProcess {
    const [first, ...rest] = command;
    const child = spawn(first, rest, { stdio: ["ignore", "pipe", "pipe"], cwd: this.scratch });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /**
   * All that a program prints on stdout; what it says on stderr is told line by line.
   *
   * @throws {Error} When it is not done in time, or its exit code is none of those.
   */
  output(
    command: readonly string[],
    timeoutMs: number,
    { codes = [0], tell = () => {} }: { codes?: readonly number[]; tell?: (line: string) => void } = {},
  ): Promise<string> {
    const child = this.spawn(command);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let out = "";
    let errors = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => out += text);
    let told = 0;
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
      for (let end = errors.indexOf("\n", told); end !== -1; end = errors.indexOf("\n", told)) {
        tell(errors.slice(told, end));
        told = end + 1;
      }
    });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${command.join(" ")} is not done after ${timeoutMs} ms`));
    }, timeoutMs);
    child.once("error", reject);
    child.once("close", (code) => {
      if (code !== null && codes.includes(code)) resolve(out);
      else reject(new Error(`${command.join(" ")} ended with ${code}:\n${errors.slice(-2000)}`));
    });
    return promise.finally(() => clearTimeout(timer));
  }

  /**
   * Waits for a line on a program's stdout.
   *
   * @throws {Error} When it ends before, or the line does not come in time.
   */
  line(child: ChildProcess, pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    let out = "";
    let errors = "";
    const name = child.spawnargs.join(" ");
    const timer = setTimeout(
      () => reject(new Error(`${name} does not print ${pattern} within ${timeoutMs} ms:\n${out}${errors}`)),
      timeoutMs,
    );
    child.stderr!.setEncoding("utf8").on("data", (text: string) => errors = (errors + text).slice(-2000));
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      const found = pattern.exec(out);
      if (found !== null) resolve(found);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}:\n${out}${errors}`)));
    return promise.finally(() => clearTimeout(timer));
  }

  /** SIGTERM, and SIGKILL for one that does not end. */
  async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }

  /** Everything but the figures that a report has to say. */
  async surroundings(): Promise<Surroundings> {
    const busyAfter = await busyPart(busyLookMs);
    return {
      date: new Date().toISOString().slice(0, 10),
      cpu: cpus()[0].model.trim(),
      cores: cpus().length,
      memoryGib: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release().split(".").slice(0, 2).join(".")}`,
      zoon: manifest.version,
      runtime: `Bun ${Bun.version}`,
      syncMs: this.#measureSync(),
      loadBefore: this.#loadBefore,
      loadAfter: loadavg()[0],
      busyBefore: this.#busyBefore,
      busyAfter,
    };
  }

  /** One write of 512 bytes and its fdatasync, as a server does for a lone request. */
  #measureSync(): Spread {
    const fd = openSync(join(this.scratch, "sync"), "w");
    const block = new Uint8Array(512);
    const times: number[] = [];
    writeSync(fd, new Uint8Array(256 * block.length), 0, 256 * block.length, 0);
    for (let index = 0; index < 200; index++) {
      const beganMs = performance.now();
      writeSync(fd, block, 0, block.length, index * block.length);
      fdatasyncSync(fd);
      times.push(performance.now() - beganMs);
    }
    closeSync(fd);
    return spreadOf(times);
  }
}

/** Work of others that is no more than this part of the cores disturbs nothing. */
const quietPart = 0.1;

/** What there is to say of machine, versions and load, in two lines of text. */
export function surroundingsText(from: Surroundings, others: readonly string[]): string {
  const busy = [from.busyBefore, from.busyAfter].map((part) =>
    part === null ? "?" : String(Math.round(part * 100))
  );
  const parts = [from.busyBefore, from.busyAfter].filter((part) => part !== null);
  return [
    `${from.date}: ${from.cores} cores (${from.cpu}), ${from.memoryGib} GiB, ${from.system}; a write of 512 bytes and its ` +
    `fdatasync take ${from.syncMs.median.toFixed(2)} ms.`,
    `${[`Zoon ${from.zoon} on ${from.runtime}`, ...others].join("; ")}.`,
    `Other work took ${busy[0]}% of the cores before the run and ${busy[1]}% after it (load average ` +
    `${from.loadBefore.toFixed(1)} and ${from.loadAfter.toFixed(1)}).` +
    (parts.some((part) => part > quietPart) ? " **Taken on a busy machine.**" : ""),
  ].join("\n");
}

/** Version of the Java on this machine, as it says it. */
export function javaVersion(): string {
  const { stderr } = spawnSync("java", ["-version"], { encoding: "utf8" });
  return `Java ${/version "([^"]+)"/.exec(stderr ?? "")?.[1] ?? "unknown"}`;
}
