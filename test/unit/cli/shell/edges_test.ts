import { describe, expect, test } from "bun:test";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { HistoryFile, historyLinesMax, historyPath } from "../../../../cli/shell/history_file.ts";
import { linesOf } from "../../../../cli/shell/lines.ts";
import { Output } from "../../../../cli/shell/output.ts";
import { checkPath } from "../../../../cli/shell/path_check.ts";
import { Progress } from "../../../../cli/shell/progress.ts";
import { clientConfigurationProblem, fromApacheFlags } from "../../../../cli/shell/shell_options.ts";

describe("checkPath()", () => {
  const sentences: Record<string, string> = {
    "": "Path length must be > 0",
    "a": "Path must start with / character",
    "/a/": "Path must not end with / character",
    "/a//b": 'Invalid path string "/a//b" caused by empty node name specified @3',
    "/a/../b": 'Invalid path string "/a/../b" caused by relative paths not allowed @4',
    "/a/./b": 'Invalid path string "/a/./b" caused by relative paths not allowed @3',
    "/a/.": 'Invalid path string "/a/." caused by relative paths not allowed @3',
    "/a\0": 'Invalid path string "/a\0" caused by null character not allowed @2',
    "/a\u0001": 'Invalid path string "/a\u0001" caused by invalid character @2',
  };

  test("refuses with Apache's sentences", () => {
    for (const [path, sentence] of Object.entries(sentences)) expect(() => checkPath(path)).toThrow(sentence);
  });

  test("lets good paths pass, and a slash at the end when a number follows", () => {
    for (const path of ["/", "/a", "/a.b/..c/d..", "/ä ö"]) expect(checkPath(path)).toBe(path);
    expect(checkPath("/a/", true)).toBe("/a/");
  });
});

describe("history", () => {
  const withDirectory = (run: (directory: string) => void) => {
    const directory = mkdtempSync(join(tmpdir(), "zoon-history-"));
    try {
      run(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  test("is kept where the environment says", () => {
    expect(historyPath({ HOME: "/h" })).toBe("/h/.zoon_history");
    expect(historyPath({ HOME: "/h", XDG_STATE_HOME: "/s" })).toBe("/s/zoon/history");
    expect(historyPath({ HOME: "/h", ZOON_HISTORY: "/x" })).toBe("/x");
    expect(historyPath({ HOME: "/h", ZOON_HISTORY: "" })).toBeNull();
  });

  test("comes back in order, is for its owner only, and skips blank and huge lines", () => {
    withDirectory((directory) => {
      const path = join(directory, "deep", "history");
      const history = new HistoryFile(path);
      for (const line of ["ls /", "  ", "x".repeat(10_000), "get /a"]) history.append(line);
      expect(new HistoryFile(path).load()).toEqual(["ls /", "get /a"]);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    });
  });

  test("is cut to the newest lines when it has grown", () => {
    withDirectory((directory) => {
      const path = join(directory, "history");
      const lines = Array.from({ length: 2 * historyLinesMax + 1 }, (_, at) => `get /${at}`);
      writeFileSync(path, lines.join("\n"));
      expect(new HistoryFile(path).load()).toEqual(lines.slice(-historyLinesMax));
      expect(readFileSync(path, "utf8").split("\n").length).toBe(historyLinesMax + 1);
    });
  });

  test("does without a file that cannot be kept", () => {
    const nowhere = new HistoryFile("/dev/null/history");
    nowhere.append("ls /");
    expect(nowhere.load()).toEqual([]);
    expect(new HistoryFile(null).load()).toEqual([]);
  });
});

describe("linesOf()", () => {
  async function split(...chunks: string[]): Promise<string[]> {
    async function* bytes() {
      for (const chunk of chunks) yield await Promise.resolve(new TextEncoder().encode(chunk));
    }
    return await Array.fromAsync(linesOf(bytes()));
  }

  test("joins lines over chunks, drops CR, and takes a last line without an end", async () => {
    expect(await split("ls", " /\r\nget", " /a\n\nquit")).toEqual(["ls /", "get /a", "", "quit"]);
    expect(await split()).toEqual([]);
    expect(await split("a\n")).toEqual(["a"]);
  });

  test("joins a character cut in two", async () => {
    const euro = new TextEncoder().encode("€\n");
    async function* bytes() {
      yield await Promise.resolve(euro.subarray(0, 1));
      yield euro.subarray(1);
    }
    expect(await Array.fromAsync(linesOf(bytes()))).toEqual(["€"]);
  });
});

describe("Output", () => {
  test("resolves a write only when the reader has taken it", async () => {
    const taken: (() => void)[] = [];
    const stream = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) });
    const out = new Output(null, () => stream);
    let written = false;
    const write = out.write("x").then(() => {
      written = true;
    });
    await Promise.resolve();
    expect(written).toBe(false);
    taken[0]();
    await write;
    expect(written).toBe(true);
  });

  test("tells once that the reader has gone, and takes no more", async () => {
    const out = new Output(
      null,
      () => new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) }),
    );
    let told = 0;
    out.onBroken(() => told++);
    await out.write("x");
    await out.write("y");
    expect(out.broken).toBe(true);
    expect(told).toBe(1);
  });

  test("writes a few lines to the file itself, then everything through the stream, in order", async () => {
    const directory = mkdtempSync(join(tmpdir(), "zoon-output-"));
    const path = join(directory, "out");
    const descriptor = openSync(path, "w");
    try {
      let opened = 0;
      const stream = new Writable({
        write(chunk, _encoding, done) {
          writeSync(descriptor, chunk);
          done();
        },
      });
      const out = new Output(descriptor, () => {
        opened++;
        return stream;
      });
      await out.write("small\n");
      expect(opened).toBe(0);
      await out.write(`${"x".repeat(100_000)}\n`);
      await out.write("small\n");
      await out.flushed();
      expect(opened).toBe(1);
      expect(readFileSync(path, "utf8")).toBe(`small\n${"x".repeat(100_000)}\nsmall\n`);
    } finally {
      closeSync(descriptor);
      rmSync(directory, { recursive: true });
    }
  });

  test("counts a closed file as a reader that has gone", async () => {
    const out = new Output(99_999, () => new Writable());
    await out.write("x");
    expect(out.broken).toBe(true);
  });
});

describe("Progress", () => {
  test("shows nothing for short work, then a line at most each 100 ms, and wipes it", () => {
    let now = 0;
    const written: string[] = [];
    const progress = new Progress((text) => written.push(text), () => now);
    progress.update(() => "early");
    now = 250;
    progress.update(() => "one");
    now = 300;
    progress.update(() => "two");
    now = 350;
    progress.update(() => "three");
    progress.done();
    progress.done();
    expect(written).toEqual(["\r\x1b[Kone", "\r\x1b[Kthree", "\r\x1b[K"]);
  });

  test("shows nothing more once it has ended", () => {
    let now = 0;
    const written: string[] = [];
    const progress = new Progress((text) => written.push(text), () => now);
    now = 250;
    progress.update(() => "one");
    progress.end();
    now = 500;
    progress.update(() => "two");
    progress.done();
    expect(written).toEqual(["\r\x1b[Kone", "\r\x1b[K"]);
  });

  test("wipes nothing that was never shown", () => {
    const written: string[] = [];
    new Progress((text) => written.push(text), () => 0).done();
    new Progress(null, () => 1e9).update(() => "x");
    expect(written).toEqual([]);
  });
});

describe("fromApacheFlags()", () => {
  test("turns zkCli's flags into ours up to the command", () => {
    expect(
      fromApacheFlags(["-server", "h:1", "-timeout", "9", "-r", "-waitforconnection", "get", "-s", "/a"]),
    )
      .toEqual(["--server", "h:1", "--timeout", "9", "-r", "--wait-for-connection", "get", "-s", "/a"]);
  });

  test("leaves the command's own words alone, and values that look like flags", () => {
    expect(fromApacheFlags(["get", "-server", "/a"])).toEqual(["get", "-server", "/a"]);
    expect(fromApacheFlags(["-s", "-server", "ls"])).toEqual(["-s", "-server", "ls"]);
    expect(fromApacheFlags(["--", "-server"])).toEqual(["--", "-server"]);
    expect(fromApacheFlags(["-server"])).toEqual(["--server"]);
  });
});

test("clientConfigurationProblem() names TLS and nothing else", () => {
  expect(clientConfigurationProblem("zookeeper.client.secure=true\n")).toContain("TLS");
  expect(clientConfigurationProblem("zookeeper.client.secure=false\nzookeeper.x=1\n")).toBeNull();
});
