/**
 * Starts real servers as child processes, Apache ZooKeeper or the compiled Zoon, behind one shape.
 * Both read a generated zoo.cfg, so a test can run on either without knowing which it got.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type ApacheVersion, ensureApache } from "./apache_install.ts";

export { type ApacheVersion, apacheVersions, ensureApache } from "./apache_install.ts";

/** What both launchers take. */
export interface ServerOptions {
  /** Lines of zoo.cfg, over the defaults of {@linkcode defaultCfg}; an empty value removes a default. */
  cfg?: Record<string, string>;
  /** Parent of version-2; by default a fresh temporary directory that stop() and kill() remove. */
  dataDir?: string;
  /** Port on 127.0.0.1; by default a free one. */
  clientPort?: number;
  /** Written to dataDir/myid, for servers of an ensemble. */
  myid?: number;
  /** Starts with the zoo.cfg that lies in `dataDir`, as a server that rewrote its own after a reconfig wants it. */
  keepCfg?: boolean;
  /** Environment over the current one. */
  env?: Record<string, string>;
  /** How long to wait until the server answers `srvr`, in ms; 60000 by default. 0 does not wait. */
  readyTimeoutMs?: number;
}

/** Options of {@linkcode startApache}. */
export interface ApacheOptions extends ServerOptions {
  version: ApacheVersion;
  /** `-D` system properties, such as `jute.maxbuffer`. */
  jvmProps?: Record<string, string>;
  /** `-Xmx` in MiB; 256 by default. */
  heapMb?: number;
  /** Compiles quickly and not well: starts sooner and leaves the cores to others. */
  quickJvm?: boolean;
}

/** Options of {@linkcode startZoon}. */
export interface ZoonOptions extends ServerOptions {
  /** Path of the executable; `dist/zoon` of this repository by default. */
  binary?: string;
  /** Flags after `server <zoo.cfg>`. */
  flags?: string[];
}

/** A running server. */
export interface RunningServer {
  /** `apache-3.8`, `apache-3.9.5` or `zoon`. */
  flavor: string;
  host: string;
  port: number;
  /** `host:port`. */
  address: string;
  dataDir: string;
  cfgFile: string;
  /** File with all the server printed. */
  logFile: string;
  pid: number;
  /** Resolves once the process has ended, with its exit code, or null when a signal ended it. */
  exited: Promise<number | null>;
  /** All the server printed so far. */
  log(): string;
  /** SIGTERM, wait for the end, remove a temporary dataDir. Returns the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL; a given dataDir, or any with `keepData`, stays for a restart. */
  kill(options?: { keepData?: boolean }): Promise<void>;
}

/** Repository root, for `dist/zoon`. */
const repositoryRoot = resolve(import.meta.dir, "../..");

/** Path where `npm run build` leaves the executable. */
export const zoonBinary: string = join(
  repositoryRoot,
  "dist",
  process.platform === "win32" ? "zoon.exe" : "zoon",
);

/** The zoo.cfg every launched server begins with; options win over it. */
export const defaultCfg: Record<string, string> = {
  tickTime: "2000",
  clientPortAddress: "127.0.0.1",
  maxClientCnxns: "0",
  "4lw.commands.whitelist": "*",
  "admin.enableServer": "false",
};

/**
 * Starts a standalone Apache ZooKeeper (or one ensemble member, when `cfg` has `server.N` lines).
 *
 * @throws {Error} When Apache cannot be installed, or does not answer in time; the message holds its log.
 */
export function startApache(options: ApacheOptions): Promise<RunningServer> {
  const install = ensureApache(options.version);
  const properties = Object.entries({
    "java.net.preferIPv4Stack": "true",
    // Else its digests of paths, and what its clients send, depend on the locale (DigestCalculator).
    "file.encoding": "UTF-8",
    // JMX registration is of no use here and costs start-up time.
    "zookeeper.jmx.log4j.disable": "true",
    "org.slf4j.simpleLogger.showDateTime": "true",
    ...options.jvmProps,
  }).map(([name, value]) => `-D${name}=${value}`);
  const jvm = [
    `-Xmx${options.heapMb ?? 256}m`,
    "-XX:+UseSerialGC",
    `-XX:TieredStopAtLevel=${options.quickJvm === true ? 1 : 4}`,
    "-Xshare:auto",
  ];
  return launch(options, `apache-${options.version}`, (cfgFile) => ({
    command: "java",
    args: [
      ...jvm,
      ...properties,
      "-cp",
      install.classpath,
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      cfgFile,
    ],
  }));
}

/**
 * Starts `zoon server <zoo.cfg>` from a compiled executable.
 *
 * @throws {Error} When there is no executable, or it does not answer in time; the message holds its log.
 */
export function startZoon(options: ZoonOptions = {}): Promise<RunningServer> {
  const binary = options.binary ?? zoonBinary;
  if (!existsSync(binary)) {
    return Promise.reject(new Error(`There is no executable at ${binary}; run "npm run build" first`));
  }
  return launch(options, "zoon", (cfgFile) => ({
    command: binary,
    args: ["server", cfgFile, ...(options.flags ?? [])],
  }));
}

/** Ports that were given out, the oldest first: nobody need be listening there yet, or any more for a while. */
const drawnPorts = new Set<number>();
/** Of each range of 12000, at most a third is out of reach. */
const drawnPortsMax = 4_000;

/**
 * A TCP port of 127.0.0.1 that was free a moment ago and has not been given to anybody else in this process. It lies
 * below the range from which systems take the source ports of outgoing connections, so that none of those can take it
 * before the server binds it.
 *
 * @param from Lowest port, of 12000; others than the default keep ports that must stay free apart from those that
 *   are taken at once.
 */
export async function freePort(from = 20_000): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = from + Math.floor(Math.random() * 12_000);
    if (drawnPorts.has(port)) continue;
    drawnPorts.add(port);
    if (drawnPorts.size > drawnPortsMax) drawnPorts.delete(drawnPorts.values().next().value!);
    if (await canBind(port)) return port;
  }
  throw new Error(`Found no free port between ${from} and ${from + 11_999} in 100 attempts`);
}

function canBind(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
  });
}

/** Sends a four-letter word and returns the whole answer; "" when the server closes without one. */
export function fourLetterWord(
  target: { host: string; port: number },
  word: string,
  timeoutMs = 10_000,
): Promise<string> {
  return new Promise((done, fail) => {
    let answer = "";
    const socket = connect(target.port, target.host, () => socket.write(word));
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`${word}: no answer in ${timeoutMs} ms`)));
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", fail);
    socket.on("close", () => done(answer));
  });
}

/** The text of a zoo.cfg; keys with an empty value are left out. */
export function zooCfg(entries: Record<string, string>): string {
  return Object.entries(entries).filter(([, value]) => value !== "")
    .map(([key, value]) => `${key}=${value}\n`).join("");
}

type Command = (cfgFile: string) => { command: string; args: string[] };

async function launch(options: ServerOptions, flavor: string, command: Command): Promise<RunningServer> {
  const owned = options.dataDir === undefined;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "zoon-server-"));
  mkdirSync(dataDir, { recursive: true });
  const port = options.clientPort ?? await freePort();
  const cfg: Record<string, string> = { ...defaultCfg, dataDir, clientPort: String(port), ...options.cfg };
  const cfgFile = join(dataDir, "zoo.cfg");
  if (options.keepCfg !== true) writeFileSync(cfgFile, zooCfg(cfg));
  if (options.myid !== undefined) writeFileSync(join(dataDir, "myid"), `${options.myid}\n`);

  const logFile = join(dataDir, "server.out");
  const logFd = openSync(logFile, "a");
  const { command: executable, args } = command(cfgFile);
  const child = spawn(executable, args, {
    cwd: dataDir,
    stdio: ["ignore", logFd, logFd],
    env: { ...process.env, ...options.env },
  });
  closeSync(logFd);
  const exited = endOf(child);

  const forget = (keep: boolean) => {
    if (owned && !keep) rmSync(dataDir, { recursive: true, force: true });
  };
  // When the launching process goes away, its servers go with it.
  const reap = () => {
    child.kill("SIGKILL");
    forget(false);
  };
  process.once("exit", reap);
  exited.then(() => process.off("exit", reap));

  const host = "127.0.0.1";
  const server: RunningServer = {
    flavor,
    host,
    port,
    address: `${host}:${port}`,
    dataDir,
    cfgFile,
    logFile,
    pid: child.pid ?? -1,
    exited,
    log: () => readFileSync(logFile, "utf8"),
    async stop() {
      child.kill("SIGTERM");
      const code = await exited;
      forget(false);
      return code;
    },
    async kill(how = {}) {
      child.kill("SIGKILL");
      await exited;
      forget(how.keepData === true);
    },
  };
  const readyTimeoutMs = options.readyTimeoutMs ?? 60_000;
  if (readyTimeoutMs > 0) await ready(server, child, readyTimeoutMs);
  return server;
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((done) => {
    child.once("error", () => done(127));
    child.once("exit", (code) => done(code));
  });
}

/** Waits until the server serves: `srvr` then names a mode. */
async function ready(server: RunningServer, child: ChildProcess, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (ended || Date.now() > deadline) {
      const log = server.log();
      await server.kill();
      const what = ended
        ? `ended with code ${child.exitCode ?? child.signalCode}`
        : `is silent for ${timeoutMs} ms`;
      throw new Error(`${server.flavor} on port ${server.port} ${what}; its log:\n${log.slice(-4000)}`);
    }
    // Apache never closes a connection that asks while it is still starting, so give up on it quickly.
    const answer = await fourLetterWord(server, "srvr", 300).catch(() => "");
    if (answer.includes("Mode:")) return;
    await Promise.race([server.exited, Bun.sleep(25)]);
  }
}
