import { describe, expect, test } from "bun:test";
import { loadOf } from "../../bench/engine.ts";

describe("loadOf()", () => {
  test("is a closed loop of 50 connections unless told", () => {
    expect(loadOf({ mix: "get=10,set=1", valueBytes: 7, inFlight: 8 })).toMatchObject({
      mix: [{ operation: "get", weight: 10 }, { operation: "set", weight: 1 }],
      connections: 50,
      inFlight: 8,
      rate: null,
      ops: null,
      valueBytesMin: 7,
      valueBytesMax: 7,
    });
  });

  test("refuses a mix that is none", () => {
    expect(() => loadOf({ mix: "fetch" })).toThrow(`"fetch" is none of`);
  });
});
