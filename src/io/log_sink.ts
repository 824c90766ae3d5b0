import { fstatSync, write, writeSync } from "node:fs";
import type { LogFields, Logger, LogLevel } from "../base/log.ts";

/** How log lines look. */
export type LogFormat = "text" | "json";

/** Settings of a logger. */
export interface LogOptions {
  /** Lower levels are not written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Colours around the level and the keys; only text has them. */
  readonly color: boolean;
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * Makes a logger that hands each event to `writeLine` as one line, its end included.
 *
 * @param wallMs Wall time in ms.
 */
export function createLogger(
  options: LogOptions,
  wallMs: () => number,
  writeLine: (line: string) => void,
): Logger {
  const format = options.format === "json" ? jsonLine : options.color ? colorLine : textLine;
  const lowest = levels.indexOf(options.level);
  const log = (level: LogLevel) =>
    levels.indexOf(level) < lowest
      ? () => {}
      : (message: string, fields?: LogFields) => writeLine(format(wallMs(), level, message, fields ?? {}));
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

function textLine(wallMs: number, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${new Date(wallMs).toISOString()} ${level.toUpperCase().padEnd(5)} ${oneLine(message)}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${key}=${fieldText(value)}`;
  }
  return `${line}\n`;
}

const levelColors: Readonly<Record<LogLevel, string>> = {
  debug: "\x1b[90m",
  info: "\x1b[32m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
const dim = "\x1b[2m";
const plain = "\x1b[0m";

function colorLine(wallMs: number, level: LogLevel, message: string, fields: LogFields): string {
  const time = `${dim}${new Date(wallMs).toISOString()}${plain}`;
  let line = `${time} ${levelColors[level]}${level.toUpperCase().padEnd(5)}${plain} ${oneLine(message)}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${dim}${key}=${plain}${fieldText(value)}`;
  }
  return `${line}\n`;
}

function jsonLine(wallMs: number, level: LogLevel, message: string, fields: LogFields): string {
  const record: Record<string, unknown> = { time: new Date(wallMs).toISOString(), level, message };
  for (const [key, value] of Object.entries(fields)) {
    record[Object.hasOwn(record, key) ? `${key}_` : key] = typeof value === "bigint" ? hexText(value) : value;
  }
  return `${JSON.stringify(record)}\n`;
}

/** What needs no quotes in a text line. */
const bareText = /^[^\s"=\x00-\x1f\x7f]+$/;

function fieldText(value: string | number | bigint | boolean | null): string {
  if (typeof value === "bigint") return hexText(value);
  if (typeof value !== "string") return String(value);
  return bareText.test(value) ? value : JSON.stringify(value);
}

function hexText(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

/** Paths and client text may hold anything; an event stays one line all the same. */
function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, (char) => JSON.stringify(char).slice(1, -1));
}

/** Bytes of lines that wait for a reader of stderr before further ones are dropped and counted. */
const waitingBytesMax = 1024 * 1024;
const retryMs = 20;

/** The system call behind {@link LineWriter}; replaced in tests. */
export interface FileWriter {
  /** Writes some of the bytes without blocking the loop, then calls `done` once. */
  write(bytes: Uint8Array, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
  /** Writes some of the bytes and waits for it. @throws {Error} With a `code`. */
  writeNow(bytes: Uint8Array): number;
  /** Calls `fire` once, later. */
  later(delayMs: number, fire: () => void): void;
}

/** A file descriptor as {@link FileWriter}. */
export function fileWriter(descriptor: number): FileWriter {
  return {
    write: (bytes, done) => write(descriptor, bytes, 0, bytes.length, null, done),
    writeNow: (bytes) => writeSync(descriptor, bytes),
    later: (delayMs, fire) => void setTimeout(fire, delayMs),
  };
}

/**
 * Writes lines to a file descriptor in order, without ever holding the loop back: a reader that has stopped reading
 * costs lines, not requests. (The runtime's own streams either block on a full pipe or lose at exit what waits.)
 */
export class LineWriter {
  readonly #file: FileWriter;
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing: Uint8Array | undefined;
  #dropped = 0;
  #broken = false;
  #drained: (() => void)[] = [];

  constructor(file: FileWriter) {
    this.#file = file;
  }

  /** Takes one line; it is dropped when too much waits already. */
  writeLine(line: string): void {
    if (this.#broken) return;
    if (this.#waitingBytes >= waitingBytesMax) {
      this.#dropped += 1;
      return;
    }
    this.#push(line);
    if (this.#writing === undefined) this.#writeWaiting();
  }

  /** Resolves when all lines taken so far have been written, or when nobody reads them any more. */
  drain(): Promise<void> {
    if (this.#writing === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Writes what waits and holds the loop for it: for the last moment of a process that is failing. */
  writeWaitingNow(): void {
    let rest = concat(this.#waiting, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      while (rest.length > 0) rest = rest.subarray(this.#file.writeNow(rest));
    } catch {
      this.#broken = true;
    }
  }

  #push(line: string): void {
    const bytes = this.#encoder.encode(line);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #writeWaiting(): void {
    if (this.#dropped > 0) {
      this.#push(`${this.#dropped} log lines were dropped as nobody read them\n`);
      this.#dropped = 0;
    }
    if (this.#waitingBytes === 0) {
      this.#writing = undefined;
      this.#resolveDrained();
      return;
    }
    this.#writing = concat(this.#waiting, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#writeOn();
  }

  #writeOn(): void {
    const bytes = this.#writing!;
    this.#file.write(bytes, (error, written) => {
      if (error === null) {
        if (written < bytes.length) {
          this.#writing = bytes.subarray(written);
          this.#writeOn();
        } else {
          this.#writeWaiting();
        }
      } else if (error.code === "EAGAIN" || error.code === "EINTR") {
        this.#file.later(retryMs, () => this.#writeOn());
      } else {
        this.#giveUp();
      }
    });
  }

  /** stderr is closed (EPIPE, EBADF): a server goes on without its log. */
  #giveUp(): void {
    this.#broken = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#writing = undefined;
    this.#resolveDrained();
  }

  #resolveDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A logger on stderr, and the way to wait for its last line. */
export interface StderrLog {
  readonly logger: Logger;
  /** Resolves when every line has been written; await it before `process.exit`. */
  drain(): Promise<void>;
}

/** Opens the process's log on stderr. Colours only where stderr is a terminal and NO_COLOR is not set. */
export function openStderrLog(level: LogLevel, format: LogFormat): StderrLog {
  const lines = new LineWriter(fileWriter(2));
  process.on("exit", () => lines.writeWaitingNow());
  const color = isTerminal(2) && !process.env.NO_COLOR;
  const logger = createLogger({ level, format, color }, () => Date.now(), (line) => lines.writeLine(line));
  return { logger, drain: () => lines.drain() };
}

/**
 * Whether a descriptor is a terminal, as far as colours mind (`/dev/null` passes for one). The runtime's own answer,
 * `process.stderr.isTTY`, loads its whole stream library, some 15 ms of a server's start.
 */
function isTerminal(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice();
  } catch {
    return false;
  }
}
