import { expect, test } from "bun:test";
import { openFilesProblem } from "../../../../cli/bench/connections.ts";

test("more connections than a process may have files open are refused with what would help, and others are not", () => {
  expect(openFilesProblem(10_000, 1024)).toBe(
    "10000 connections of one process are more than the 1024 files it may open (ulimit -n)",
  );
  expect(openFilesProblem(10_000, 10_000)).not.toBeNull();
  expect(openFilesProblem(10_000, 20_000)).toBeNull();
});

test("a process that may open any number of files may have any number of connections", () => {
  expect(openFilesProblem(1_000_000, -1)).toBeNull();
});
