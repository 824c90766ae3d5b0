import { expect, test } from "bun:test";
import { javaDate, javaDouble } from "../../../src/admin/java_text.ts";

test("javaDouble() writes numbers as Double.toString does", () => {
  const texts: ReadonlyArray<readonly [number, string]> = [
    [0, "0.0"],
    [1, "1.0"],
    [1.3154, "1.3154"],
    [157, "157.0"],
    [0.001, "0.001"],
    [0.0005, "5.0E-4"],
    [0.00012, "1.2E-4"],
    [9_999_999, "9999999.0"],
    [10_000_000, "1.0E7"],
    [12_345_678.5, "1.23456785E7"],
    [-2.5, "-2.5"],
  ];
  for (const [value, text] of texts) expect(javaDouble(value)).toBe(text);
});

test("javaDate() writes a time as Date.toString does in UTC", () => {
  expect(javaDate(Date.UTC(2026, 10, 21, 1, 26, 19, 999))).toBe("Sat Nov 21 01:26:19 UTC 2026");
  expect(javaDate(Date.UTC(2027, 0, 3, 13, 5, 0))).toBe("Sun Jan 03 13:05:00 UTC 2027");
});
