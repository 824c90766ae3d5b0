import { describe, expect, test } from "bun:test";
import { numberText, spreadText, tableText, withSection } from "../../bench/markdown.ts";

describe("tables of figures", () => {
  test("numbers keep three digits that count, and thousands stand in groups", () => {
    expect([0.1234, 9.999, 12.34, 123.4, 999.6, 1234.5, 1234567, 0].map(numberText)).toEqual(
      ["0.12", "10.00", "12.3", "123", "1000", "1,235", "1,234,567", "0.00"],
    );
  });

  test("a spread names its ends where they differ", () => {
    expect(spreadText({ median: 5, min: 4, max: 6 })).toBe("5.00 (4.00 to 6.00)");
    expect(spreadText({ median: 5, min: 4.999, max: 5.001 })).toBe("5.00");
  });

  test("text stands to the left and numbers to the right", () => {
    expect(tableText(["a", "b"], [["x", "1"]])).toBe("| a | b |\n| --- | ---: |\n| x | 1 |");
  });
});

describe("withSection()", () => {
  const document = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n";

  test("replaces what stands between two markers and leaves the rest alone", () => {
    const once = withSection(document, "x", "new\n");
    expect(once).toBe("a\n<!-- x -->\n\nnew\n\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n");
    expect(withSection(once, "x", "new")).toBe(once);
  });

  test("refuses a document without them", () => {
    expect(() => withSection(document, "z", "new")).toThrow("<!-- z -->");
    expect(() => withSection("<!-- end of x --><!-- x -->", "x", "new")).toThrow("<!-- x -->");
  });
});
