import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "zoon-server-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Starts `zoon server` with its data under the test's directory. */
function start(name: string, ...words: string[]) {
  return Bun.spawn([
    process.execPath,
    main,
    "server",
    "--client-port",
    "0",
    "--data-dir",
    join(directory, name),
    "--set",
    "preAllocSize=64",
    ...words,
  ], { stdout: "pipe", stderr: "pipe", cwd: directory });
}

/** Runs `zoon server` that is to end by itself. */
async function runToEnd(...words: string[]) {
  const child = Bun.spawn([process.execPath, main, "server", ...words], {
    stdout: "pipe",
    stderr: "pipe",
    cwd: directory,
  });
  const [out, err, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, exitCode };
}

/** The first line of a stream, and later all that followed. */
async function readLine(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const readMore = async () => {
    const { value, done } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    return !done;
  };
  while (!text.includes("\n") && await readMore());
  const end = text.indexOf("\n") + 1;
  const rest = async () => {
    while (await readMore());
    return text.slice(end);
  };
  return { line: text.slice(0, end), rest };
}

describe("zoon server", () => {
  test("prints one ready line, serves on the port it names, and stops in order at SIGTERM", async () => {
    const child = start("ready");
    const { line, rest } = await readLine(child.stdout);
    const [, port] = /^ready standalone 127\.0\.0\.1:(\d+) data \S+ready in \d+ ms\n$/.exec(line) ?? [];
    expect(Number(port)).toBeGreaterThan(0);

    const reply = await new Promise<string>((resolve, reject) => {
      let text = "";
      Bun.connect({
        hostname: "127.0.0.1",
        port: Number(port),
        socket: {
          open: (socket) => void socket.write("srvr"),
          data: (_socket, bytes) => void (text += new TextDecoder().decode(bytes)),
          close: () => resolve(text),
          error: (_socket, error) => reject(error),
        },
      }).catch(reject);
    });
    expect(reply).toMatch(/^Zookeeper version: 3\.9\.5-zoon-[^\n]+\n[^]*Mode: standalone\nNode count: 5\n$/);

    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(await rest()).toBe("");
    expect(await child.stderr.text()).toContain("Stopping reason=SIGTERM");
  });

  test("prints the same as one JSON object, and stops at SIGINT", async () => {
    const child = start("json", "--json", "--log-format", "json");
    const ready = JSON.parse((await readLine(child.stdout)).line);
    expect(ready).toEqual({
      event: "ready",
      mode: "standalone",
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      dataDir: join(directory, "json"),
      startMs: expect.any(Number),
    });
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    const events = (await child.stderr.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(events.map(({ message }) => message)).toContain("Stopping");
  });

  test("names the port that is busy and who uses it", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { err, exitCode } = await runToEnd(
      "--client-port",
      String(listener.port),
      "--data-dir",
      join(directory, "busy"),
    );
    listener.stop(true);
    const who = process.platform === "linux" ? `process ${process.pid} \\(.+\\)` : "another process";
    expect(err).toMatch(new RegExp(`zoon: cannot listen on 127.0.0.1:${listener.port}: ${who} uses it; `));
    expect(exitCode).toBe(1);
  });

  test("names file, line, key and value of a bad configuration, and exits 2", async () => {
    writeFileSync(join(directory, "bad.cfg"), "dataDir=d\n\ntickTime=2s\n");
    const { err, out, exitCode } = await runToEnd("bad.cfg");
    expect(err).toBe("zoon: bad.cfg:3: tickTime=2s must be a whole number of milliseconds, at least 1\n");
    expect(out).toBe("");
    expect(exitCode).toBe(2);
  });

  test("names a file that is missing", async () => {
    const { err, exitCode } = await runToEnd("none.cfg");
    expect(err).toBe("zoon: none.cfg: there is no such file\n");
    expect(exitCode).toBe(2);
  });

  test("names a data directory that cannot be", async () => {
    writeFileSync(join(directory, "file"), "");
    const { err, exitCode } = await runToEnd("--client-port", "0", "--data-dir", join(directory, "file"));
    expect(err).toContain(join(directory, "file"));
    expect(err).toContain("ENOTDIR");
    expect(err).not.toContain("bug");
    expect(exitCode).toBe(1);
  });

  test("names a data directory that another server uses", async () => {
    const child = start("locked");
    await readLine(child.stdout);
    const { err, exitCode } = await runToEnd("--client-port", "0", "--data-dir", join(directory, "locked"));
    expect(err).toContain(join(directory, "locked"));
    expect(err).toContain(String(child.pid));
    expect(exitCode).toBe(1);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("names the port of an ensemble that is in use, and what it is for", async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const spare = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    spare.stop(true);
    const addresses = [
      [`127.0.0.1:${taken.port}:${spare.port}`, "for its learners"],
      [`127.0.0.1:${spare.port}:${taken.port}`, "for elections"],
    ];
    for (const [address, purpose] of addresses) {
      const others = "server.2=127.0.0.1:3:4\nserver.3=127.0.0.1:5:6\n";
      const limits = "initLimit=5\nsyncLimit=2\nelectionPortBindRetry=1\nquorumListenOnAllIPs=false\n";
      writeFileSync(join(directory, "three.cfg"), `dataDir=./d\n${limits}server.1=${address}\n${others}`);
      const { err, exitCode } = await runToEnd("three.cfg", "--id", "1");
      const { message } = /zoon: (?<message>.*)/.exec(err)!.groups!;
      // As root both ports open; else the other one is refused first.
      if (process.getuid?.() === 0) {
        expect(message).toStartWith(
          `cannot listen on 127.0.0.1:${taken.port} ${purpose}: process ${process.pid}`,
        );
      }
      expect(exitCode).toBe(1);
    }
    taken.stop(true);
  }, 30_000);

  test.if(process.platform !== "win32")("goes when its parent is gone, if told to", async () => {
    const command = `"$0" "$1" server --client-port 0 --data-dir "$2" --exit-with-parent & wait`;
    const shell = Bun.spawn(["sh", "-c", command, process.execPath, main, join(directory, "parent")], {
      stdout: "pipe",
      stderr: "pipe",
      cwd: directory,
    });
    expect((await readLine(shell.stdout)).line).toStartWith("ready ");
    shell.kill("SIGKILL");
    // The server holds the other end of stderr until it is gone.
    expect(await shell.stderr.text()).toContain('Stopping reason="the parent process is gone"');
  });
});
