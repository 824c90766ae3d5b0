import { describe, expect, test } from "bun:test";
import { createdPath, directoriesFor, keyDirectory, keyPath } from "../../../../cli/bench/layout.ts";
import type { BenchPlan } from "../../../../cli/bench/plan.ts";
import { Requests } from "../../../../cli/bench/requests.ts";
import { seededRandom } from "../../../../src/base/random.ts";
import { bodies, openAcl, subOps } from "../../../wire/frames.ts";
import { requestFrame } from "../../../wire/frames.ts";
import { opcode } from "../../../wire/codes.ts";

const root = "/app/zoon-bench-0badcafe";
const plan: BenchPlan = {
  servers: [],
  root,
  mix: [{ operation: "get", weight: 1 }],
  valueBytesMin: 5,
  valueBytesMax: 5,
  keyCount: 1,
  distribution: "uniform",
  depth: 3,
  connections: 1,
  inFlight: 1,
  warmUpMs: 0,
  durationMs: 1000,
  ops: null,
  rate: null,
  sessionTimeoutMs: 10_000,
  seed: 1,
  workers: 1,
};
const key = `${root}/k/0/0/00000/00`;

/** The frame that something writes in the middle of a buffer, and whether it left the rest alone. */
function written(write: (out: Uint8Array, at: number) => number): Uint8Array {
  const out = new Uint8Array(1000).fill(0xee);
  const length = write(out, 7);
  expect(out.subarray(0, 7).every((byte) => byte === 0xee)).toBe(true);
  expect(out.subarray(7 + length).every((byte) => byte === 0xee)).toBe(true);
  return out.slice(7, 7 + length);
}

/** The data of a request that carries five bytes before a tail of so many bytes. */
function dataOf(frame: Uint8Array, tailBytes: number): Uint8Array {
  return frame.slice(frame.length - tailBytes - 5, frame.length - tailBytes);
}

describe("Requests", () => {
  const requests = new Requests(plan, seededRandom(1));

  test("reads are as the protocol has them", () => {
    expect(written((out, at) => requests.get(out, at))).toEqual(
      requestFrame(0, opcode.getData, bodies.getData(key, false)),
    );
    expect(written((out, at) => requests.exists(out, at))).toEqual(
      requestFrame(0, opcode.exists, bodies.exists(key, false)),
    );
    expect(written((out, at) => requests.children(out, at))).toEqual(
      requestFrame(0, opcode.getChildren2, bodies.getChildren2(`${root}/k/0/0/00000`, false)),
    );
    expect(written((out, at) => requests.sync(out, at))).toEqual(
      requestFrame(0, opcode.sync, bodies.sync(root)),
    );
    expect(written((out, at) => requests.watch(out, at))).toEqual(
      requestFrame(0, opcode.getData, bodies.getData(`${root}/w`, true)),
    );
  });

  test("sets, creates and deletes are as the protocol has them", () => {
    const set = written((out, at) => requests.set(out, at));
    expect(set).toEqual(requestFrame(0, opcode.setData, bodies.setData(key, dataOf(set, 4), -1)));
    const change = written((out, at) => requests.change(out, at));
    expect(change).toEqual(
      requestFrame(0, opcode.setData, bodies.setData(`${root}/w`, dataOf(change, 4), -1)),
    );
    const path = `${root}/c/044/00033-000000011`;
    const create = written((out, at) => requests.create(out, at, 33, 11));
    const tail = bodies.create("", "", openAcl, 0).length - 8;
    expect(create).toEqual(
      requestFrame(0, opcode.create, bodies.create(path, dataOf(create, tail), openAcl, 0)),
    );
    expect(written((out, at) => requests.delete(out, at, 33, 11))).toEqual(
      requestFrame(0, opcode.delete, bodies.delete(path, -1)),
    );
    const ephemeralPath = `${root}/e/044/00033-000000011`;
    const ephemeral = written((out, at) => requests.createEphemeral(out, at, 33, 11));
    expect(ephemeral).toEqual(
      requestFrame(0, opcode.create, bodies.create(ephemeralPath, dataOf(ephemeral, tail), openAcl, 1)),
    );
    expect(written((out, at) => requests.deleteEphemeral(out, at, 33, 11))).toEqual(
      requestFrame(0, opcode.delete, bodies.delete(ephemeralPath, -1)),
    );
  });

  test("a transaction checks a key and sets two", () => {
    const multi = written((out, at) => requests.multi(out, at));
    const second = dataOf(multi, 9 + 4);
    const first = multi.slice(
      multi.length - 9 - 4 - 5 - (4 + 9 + 4 + key.length) - 4 - 5,
      multi.length - 9 - 4 - 5 - (4 + 9 + 4 + key.length) - 4,
    );
    const operations = [subOps.check(key, -1), subOps.setData(key, first), subOps.setData(key, second)];
    expect(multi).toEqual(requestFrame(0, opcode.multi, bodies.multi(operations)));
  });

  test("digits of keys land in the path, and none is beyond the count", () => {
    const many = new Requests({ ...plan, keyCount: 1_234_567 }, seededRandom(2));
    const text = new TextDecoder();
    let largest = 0;
    for (let turn = 0; turn < 200; turn++) {
      const frame = written((out, at) => many.get(out, at));
      const [, digits] = /\/k\/0\/0\/(\d{5}\/\d{2})\0$/.exec(text.decode(frame)) ?? [];
      largest = Math.max(largest, Number(digits.replace("/", "")));
    }
    expect(largest).toBeLessThan(1_234_567);
    expect(largest).toBeGreaterThan(1_000_000);
  });

  test("no request is longer than it says", () => {
    for (const write of [requests.get, requests.set, requests.multi]) {
      expect(written((out, at) => write.call(requests, out, at)).length).toBeLessThanOrEqual(
        requests.frameBytesMax,
      );
    }
  });
});

describe("the layout", () => {
  test("every key's and every created znode's parent is made before it", () => {
    const made = directoriesFor(root, new Set(["get", "create", "create-ephemeral", "watch"] as const), {
      keyCount: 250,
      depth: 2,
    });
    const known = new Set([root]);
    for (const path of made) {
      expect(known.has(path.slice(0, path.lastIndexOf("/")))).toBe(true);
      known.add(path);
    }
    for (const at of [0, 99, 100, 249]) {
      expect(known.has(keyDirectory(root, 2, at))).toBe(true);
      expect(keyPath(root, 2, at)).toStartWith(`${keyDirectory(root, 2, at)}/`);
    }
    for (const kind of ["c", "e"] as const) {
      const path = createdPath(root, kind, { connection: 300, number: 999_999 });
      expect(known.has(path.slice(0, path.lastIndexOf("/")))).toBe(true);
    }
    expect(known.has(`${root}/w`)).toBe(true);
  });
});
