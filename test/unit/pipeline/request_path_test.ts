import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { JuteError, JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { RequestPath } from "../../../src/pipeline/request_path.ts";
import { parentPath, pathProblem, sequenceSuffix } from "../../../src/protocol/path.ts";

const utf8 = new TextEncoder();

/** A path as it comes: behind something else, and with more behind it. */
function read(bytes: Uint8Array | null): RequestPath {
  const body = new JuteWriter();
  body.int(7);
  body.buffer(bytes);
  body.int(-1);
  const reader = new JuteReader(body.copy(), 4);
  const path = new RequestPath();
  expect(path.read(reader)).toBe(bytes !== null);
  expect(reader.int()).toBe(-1);
  return path;
}

function written(path: RequestPath): string {
  const writer = new JuteWriter(1);
  path.write(writer);
  return new JuteReader(writer.copy()).string()!;
}

describe("RequestPath", () => {
  test("judges every path as pathProblem() does, and names the same parent", () => {
    const random = seededRandom(7);
    const pieces = ["/", "/", "/", "a", "bc", ".", "..", "\0", "\x1f", "~", "\x7f", "é", "€", "\ud83d\ude00"];
    for (let round = 0; round < 20_000; round++) {
      let text = randomBelow(random, 4) > 0 ? "/" : "";
      for (let left = randomBelow(random, 6); left > 0; left--) {
        text += pieces[randomBelow(random, pieces.length)];
      }
      const path = read(utf8.encode(text));
      expect(path.isValid, JSON.stringify(text)).toBe(pathProblem(text) === null);
      expect(path.has(0), JSON.stringify(text)).toBe(text.includes("\0"));
      expect(written(path)).toBe(text);
      if (text.includes("/")) {
        const parent = path.bytes.subarray(path.start, path.start + Math.max(path.parentLength, 0));
        expect(new TextDecoder().decode(parent) || "/", JSON.stringify(text)).toBe(parentPath(text));
      } else expect(path.parentLength).toBe(-1);
    }
  });

  test("of malformed UTF-8 is what that reads as", () => {
    const path = read(Uint8Array.of(0x2f, 0x61, 0xff, 0x62));
    expect(path.text).toBe("/a\ufffdb");
    expect(path.bytes.slice(path.start, path.start + path.length)).toEqual(utf8.encode("/a\ufffdb"));
    expect(path.isValid).toBe(false);
  });

  test("takes a number behind the name", () => {
    for (const name of ["/a", "/a/", "/é", "/", "/" + "n".repeat(500)]) {
      for (const counter of [0, 42, 2147483647, -2147483648]) {
        const path = read(utf8.encode(name));
        path.append(counter);
        expect(written(path)).toBe(name + sequenceSuffix(counter));
      }
    }
  });

  test("may be null, and must lie in the request", () => {
    read(null);
    const cut = new JuteReader(Uint8Array.of(0, 0, 0, 9, 0x2f));
    expect(() => new RequestPath().read(cut)).toThrow(JuteError);
  });

  test("is compared by its bytes", () => {
    expect(read(utf8.encode("/ab")).is(utf8.encode("/ab"))).toBe(true);
    for (const other of ["/ac", "/a", "/abc"]) {
      expect(read(utf8.encode("/ab")).is(utf8.encode(other))).toBe(false);
    }
  });
});
