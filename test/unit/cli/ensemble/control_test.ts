import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askLauncher } from "../../../../cli/ensemble/control_client.ts";
import type { ControlReply, ControlRequest } from "../../../../cli/ensemble/control_protocol.ts";
import { serveControl } from "../../../../cli/ensemble/control_server.ts";
import { view } from "./_view.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "zoon-control-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

let directories = 0;
/** In a directory whose path alone is longer than the 107 bytes that a socket's whole path may have. */
function freshPath(): string {
  const directory = join(scratch, "long".repeat(30), String(++directories));
  mkdirSync(directory, { recursive: true });
  return join(directory, "control.sock");
}

/** Sends raw text and gives the whole answer. */
function send(path: string, text: string): Promise<string> {
  return new Promise((done) => {
    let answer = "";
    const socket = connect(path, () => socket.end(text));
    socket.setEncoding("utf8").on("data", (chunk) => answer += chunk);
    socket.on("error", () => {});
    socket.on("close", () => done(answer));
  });
}

describe("orders", () => {
  test("reach the launcher, and its answers come back", async () => {
    const path = freshPath();
    const heard: ControlRequest[] = [];
    const status: ControlReply = { kind: "status", pid: 1, upMs: 2, nodes: [view(1, "leader")] };
    const control = await serveControl(path, (request) => {
      heard.push(request);
      return Promise.resolve(status);
    });
    expect(await askLauncher(path, { command: "status" })).toEqual(status);
    expect(await askLauncher(path, { command: "kill", nodes: ["1", "leader"] })).toEqual(status);
    expect(heard).toEqual([{ command: "status" }, { command: "kill", nodes: ["1", "leader"] }]);
    await control.close();
    expect(existsSync(path)).toBe(false);
  });

  test("find nobody where no launcher is, nor where one was killed and left its socket", async () => {
    expect(await askLauncher(freshPath(), { command: "status" })).toBeUndefined();
    const left = freshPath();
    writeFileSync(left, "");
    expect(await askLauncher(left, { command: "status" })).toBeUndefined();
    const control = await serveControl(left, () => Promise.resolve({ kind: "down" }));
    expect(await askLauncher(left, { command: "down" })).toEqual({ kind: "down" });
    await control.close();
  });

  test("that make no sense are refused, and the next ones are heard", async () => {
    const path = freshPath();
    const control = await serveControl(path, () => Promise.resolve({ kind: "down" }));
    for (const text of ["nonsense\n", '{"command":"explode"}\n', '{"command":"kill","nodes":[]}\n']) {
      expect(JSON.parse(await send(path, text))).toMatchObject({ kind: "refused" });
    }
    expect(await send(path, "")).toBe("");
    expect(await send(path, "no end")).toBe("");
    expect(await askLauncher(path, { command: "down" })).toEqual({ kind: "down" });
    await control.close();
  });

  test("under way are still answered when the launcher ends", async () => {
    const path = freshPath();
    const asked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const control = await serveControl(path, async () => {
      asked.resolve();
      await go.promise;
      return { kind: "down" };
    });
    const answer = askLauncher(path, { command: "down" });
    await asked.promise;
    go.resolve();
    await control.close();
    expect(await answer).toEqual({ kind: "down" });
  });

  test("to a launcher that ends without a word, or speaks otherwise, fail with a message", async () => {
    const path = freshPath();
    const control = await serveControl(
      path,
      () => Promise.resolve({ kind: "other" } as unknown as ControlReply),
    );
    await expect(askLauncher(path, { command: "status" })).rejects.toThrow("another version of zoon");
    await control.close();
  });
});
