import { describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createLogger,
  type FileWriter,
  fileWriter,
  LineWriter,
  type LogOptions,
} from "../../../src/io/log_sink.ts";

const wallMs = Date.UTC(2026, 10, 21, 1, 26, 19, 123);

function logged(
  options: Partial<LogOptions>,
  log: (logger: ReturnType<typeof createLogger>) => void,
): string {
  let text = "";
  log(
    createLogger({ level: "info", format: "text", color: false, ...options }, () => wallMs, (line) => {
      text += line;
    }),
  );
  return text;
}

describe("a text log", () => {
  test("has time, level, message and facts on one line", () => {
    const text = logged({}, (logger) => {
      logger.info("session made", {
        session: -1n,
        path: "/a b",
        empty: "",
        n: 3,
        ok: true,
        none: null,
        no: undefined,
      });
      logger.error("stopped");
    });
    expect(text).toBe(
      '2026-11-21T01:26:19.123Z INFO  session made session=0xffffffffffffffff path="/a b" empty="" n=3 ok=true none=null\n' +
        "2026-11-21T01:26:19.123Z ERROR stopped\n",
    );
  });

  test("stays one line whatever the message and the facts hold", () => {
    const text = logged({}, (logger) => logger.warn("a\nb\x1b[31m", { path: '/x\n"=\u0007' }));
    expect(text).toBe('2026-11-21T01:26:19.123Z WARN  a\\nb\\u001b[31m path="/x\\n\\"=\\u0007"\n');
  });

  test("leaves out what is below its level", () => {
    const all = (logger: ReturnType<typeof createLogger>) => {
      logger.debug("d");
      logger.info("i");
      logger.warn("w");
      logger.error("e");
    };
    const countOf = (level: LogOptions["level"]) => logged({ level }, all).split("\n").length - 1;
    expect([countOf("debug"), countOf("info"), countOf("warn"), countOf("error")]).toEqual([4, 3, 2, 1]);
  });

  test("has colours only when asked, and the same words with them", () => {
    const log = (logger: ReturnType<typeof createLogger>) => logger.warn("hot", { n: 1 });
    const colored = logged({ color: true }, log);
    expect(colored).toContain("\x1b[33m");
    expect(colored.replace(/\x1b\[\d+m/g, "")).toBe(logged({}, log));
  });
});

describe("a JSON log", () => {
  test("has one object per line, ids in hexadecimal, and no colours", () => {
    const text = logged({ format: "json", color: true }, (logger) => {
      logger.info("session made", { session: 0x1en, path: "/a\n", n: 3, level: "x", gone: undefined });
    });
    expect(text).toEndWith("}\n");
    expect(JSON.parse(text)).toEqual({
      time: "2026-11-21T01:26:19.123Z",
      level: "info",
      message: "session made",
      session: "0x1e",
      path: "/a\n",
      n: 3,
      level_: "x",
    });
  });
});

/** A descriptor whose writes end when the test says so. */
class SlowFile implements FileWriter {
  text = "";
  timers: (() => void)[] = [];
  #pending: ((error: NodeJS.ErrnoException | null, written: number) => void) | undefined;
  #bytes: Uint8Array = new Uint8Array(0);

  get busy(): boolean {
    return this.#pending !== undefined;
  }

  write(bytes: Uint8Array, done: (error: NodeJS.ErrnoException | null, written: number) => void): void {
    expect(this.busy).toBe(false);
    this.#bytes = bytes;
    this.#pending = done;
  }

  writeNow(bytes: Uint8Array): number {
    const some = Math.min(3, bytes.length);
    this.text += new TextDecoder().decode(bytes.subarray(0, some));
    return some;
  }

  later(_delayMs: number, fire: () => void): void {
    this.timers.push(fire);
  }

  /** Ends the write under way: with some of its bytes, or with an error. */
  finish(result: { bytes?: number; code?: string } = {}): void {
    const done = this.#pending!;
    this.#pending = undefined;
    if (result.code !== undefined) {
      done(Object.assign(new Error(result.code), { code: result.code }), 0);
      return;
    }
    const count = result.bytes ?? this.#bytes.length;
    this.text += new TextDecoder().decode(this.#bytes.subarray(0, count));
    done(null, count);
  }
}

describe("LineWriter", () => {
  test("keeps the order of lines over short writes, one write at a time", async () => {
    const file = new SlowFile();
    const lines = new LineWriter(file);
    lines.writeLine("one\n");
    lines.writeLine("two\n");
    lines.writeLine("three\n");
    const drained = lines.drain();
    file.finish({ bytes: 2 });
    file.finish();
    file.finish();
    expect(file.busy).toBe(false);
    expect(file.text).toBe("one\ntwo\nthree\n");
    await drained;
    await lines.drain();
  });

  test("tries again when the reader is slow (EAGAIN)", () => {
    const file = new SlowFile();
    const lines = new LineWriter(file);
    lines.writeLine("one\n");
    file.finish({ code: "EAGAIN" });
    expect(file.busy).toBe(false);
    file.timers[0]();
    file.finish();
    expect(file.text).toBe("one\n");
  });

  test("drops and counts lines once a megabyte waits, and says so when it can write again", () => {
    const file = new SlowFile();
    const lines = new LineWriter(file);
    const kilobyte = `${"x".repeat(1023)}\n`;
    lines.writeLine("first\n");
    for (let count = 0; count < 1024 + 7; count++) lines.writeLine(kilobyte);
    file.finish();
    file.finish();
    expect(file.busy).toBe(false);
    expect(file.text).toEndWith(`${kilobyte}7 log lines were dropped as nobody read them\n`);
    lines.writeLine("next\n");
    file.finish();
    expect(file.text).toEndWith("nobody read them\nnext\n");
  });

  test("gives up quietly when nobody can ever read it", async () => {
    const file = new SlowFile();
    const lines = new LineWriter(file);
    lines.writeLine("one\n");
    const drained = lines.drain();
    file.finish({ code: "EPIPE" });
    await drained;
    lines.writeLine("two\n");
    expect(file.busy).toBe(false);
    expect(file.text).toBe("");
  });

  test("writes what waits at once for a process that is failing", () => {
    const file = new SlowFile();
    const lines = new LineWriter(file);
    lines.writeLine("under way\n");
    lines.writeLine("last words\n");
    lines.writeWaitingNow();
    expect(file.text).toBe("last words\n");
  });

  test("writes to a real descriptor", async () => {
    const directory = mkdtempSync(join(tmpdir(), "zoon-log-"));
    const path = join(directory, "log");
    const descriptor = openSync(path, "w");
    const lines = new LineWriter(fileWriter(descriptor));
    for (let line = 0; line < 1000; line++) lines.writeLine(`line ${line}\n`);
    await lines.drain();
    closeSync(descriptor);
    expect(readFileSync(path, "utf8")).toBe(
      Array.from({ length: 1000 }, (_, line) => `line ${line}\n`).join(""),
    );
    rmSync(directory, { recursive: true });
  });
});
