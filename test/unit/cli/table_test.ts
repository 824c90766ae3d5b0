import { describe, expect, test } from "bun:test";
import type { Style } from "../../../cli/_style.ts";
import { cut, tableLines } from "../../../cli/_table.ts";

const columns = [
  { title: "name" },
  { title: "size", right: true, expendable: 2 },
  { title: "pid", right: true, expendable: 1 },
  { title: "why" },
] as const;
const rows = [["a", "10", "7", ""], ["longer", "9", "1234", "it broke"]];

describe("tableLines()", () => {
  test("sets words to the left, numbers to the right, and leaves no blanks at the ends", () => {
    expect(tableLines(columns, rows)).toEqual([
      "name    size   pid  why",
      "a         10     7",
      "longer     9  1234  it broke",
    ]);
  });

  test("leaves out what can be spared, the most expendable first, before it cuts lines", () => {
    expect(tableLines(columns, rows, { width: 25 })).toEqual([
      "name     pid  why",
      "a          7",
      "longer  1234  it broke",
    ]);
    expect(tableLines(columns, rows, { width: 16 })).toEqual(["name    why", "a", "longer  it broke"]);
    expect(tableLines(columns, rows, { width: 12 })).toEqual(["name    why", "a", "longer  it …"]);
  });

  test("styles reach the text and not the blanks beside it", () => {
    const paint = (style: Style, text: string) => `<${style}>${text}</>`;
    expect(tableLines([{ title: "a", right: true }, { title: "b" }], [["1", { text: "x", style: "red" }], [
      "22",
      "yy",
    ]], { paint })).toEqual([" <dim>a</>  <dim>b</>", " 1  <red>x</>", "22  yy"]);
  });

  test("counts columns of the terminal, not characters", () => {
    expect(tableLines([{ title: "" }, { title: "" }], [["漢字", "x"], ["abcd", "y"]]).slice(1)).toEqual([
      "漢字  x",
      "abcd  y",
    ]);
  });
});

test("cut() marks what it leaves out and never exceeds the width", () => {
  expect(cut("abcdef", 6)).toBe("abcdef");
  expect(cut("abcdef", 4)).toBe("abc…");
  expect(cut("漢字漢字", 4)).toBe("漢…");
  expect(cut("abc", 0)).toBe("");
});
