import { describe, expect, test } from "bun:test";
import {
  escapeValue,
  latin1,
  memberFileText,
  parseProperties,
  PropertiesError,
  withoutKeys,
} from "../../../src/quorum/properties.ts";

const parse = (text: string) =>
  Object.fromEntries(Array.from(parseProperties(text), ([k, p]) => [k, p.value]));
const lines = (text: string) =>
  Object.fromEntries(Array.from(parseProperties(text), ([k, p]) => [k, p.line]));

describe("parseProperties()", () => {
  test("ends a key at the first unescaped equals sign, colon or blank", () => {
    expect(parse("a=1\nb:2\nc 3\nd = 4\ne\t:\t5\nf = = 6\nserver.1=h:1:2;3\ng\\ h\\=\\:=7")).toEqual({
      a: "1",
      b: "2",
      c: "3",
      d: "4",
      e: "5",
      f: "= 6",
      "server.1": "h:1:2;3",
      "g h=:": "7",
    });
  });

  test("passes over comments and empty lines, and leaves marks inside a line alone", () => {
    expect(parse("# a=1\n  ! b=2\n\n \t\f\nc=3 # not a comment\n")).toEqual({ c: "3 # not a comment" });
  });

  test("continues a line that ends in an odd number of backslashes", () => {
    expect(parse("a=1,\\\n    2,\\\r\n\t3\nb=4\\\\\nc=5")).toEqual({ a: "1,2,3", b: "4\\", c: "5" });
  });

  test("does not take a comment mark for one at the start of a continued line, nor continue a comment", () => {
    expect(parse("a=1\\\n#2\n# b\\\nc=3")).toEqual({ a: "1#2", c: "3" });
  });

  test("does not continue a line that has only a backslash", () => {
    expect(parse("\\\n# a=1\n \\\n\nb=2")).toEqual({ b: "2" });
  });

  test("ends at the end of the file in the middle of a continuation", () => {
    expect(parse("a=1\\")).toEqual({ a: "1" });
    expect(parse("a=1\\\n")).toEqual({ a: "1" });
  });

  test("reads escapes", () => {
    expect(parse("a=x\\ty\\nz\\u0041\\q\\\\")).toEqual({ a: "x\ty\nzAq\\" });
  });

  test("refuses a \\u without four digits, with its line", () => {
    const failure = (() => {
      try {
        parseProperties("a=1\nb=\\u12g4");
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toBeInstanceOf(PropertiesError);
    expect((failure as PropertiesError).line).toBe(2);
    expect((failure as PropertiesError).message).toContain('"12g4"');
  });

  test("trims values at both ends, as the reader of zoo.cfg does", () => {
    expect(parse("a = 1 \t \nb=\\ 2\\ ")).toEqual({ a: "1", b: "2" });
  });

  test("lets the last of equal keys win, wherever it is", () => {
    expect(parse("a=1\nb=2\na=3")).toEqual({ b: "2", a: "3" });
    expect(lines("a=1\nb=2\na=3")).toEqual({ b: 2, a: 3 });
  });

  test("knows the line on which a key begins, behind continued lines and every kind of line end", () => {
    expect(lines("a=1\\\n2\\\n3\nb=4\r\nc=5\rd=6\n\n#\ne=7")).toEqual({ a: 1, b: 4, c: 5, d: 6, e: 9 });
  });

  test("gives a key without a value an empty one", () => {
    expect(parse("a\nb=\n=c")).toEqual({ a: "", b: "", "": "c" });
  });
});

describe("withoutKeys()", () => {
  const withoutServers = (content: string) => withoutKeys(content, (key) => key.startsWith("server."));

  test("takes out keys with all their lines and leaves the rest to the letter", () => {
    expect(withoutServers("# server.1=no\n a = 1\r\nserver.1=x\\\n  y\n\n server.2 : z\rb=\\\n  server.3\n"))
      .toBe(
        "# server.1=no\n a = 1\r\n\nb=\\\n  server.3\n",
      );
    expect(withoutServers("server.1=x\nserver\\u002e2=y\n")).toBe("");
    expect(withoutServers("")).toBe("");
  });

  test("ends with a whole line, so that one can be appended", () => {
    for (const content of ["a=1", "a=1\n", "a=1\nserver.1=x", "a=1\\", "a=1\\\n", "a=1\n\\", "# a\\"]) {
      const appended = `${withoutServers(content)}z=9\n`;
      expect(parse(appended)).toEqual({ ...parse(content.replace("server.1=x", "")), z: "9" });
    }
  });
});

test("escapeValue() makes a value that is read back", () => {
  for (const value of ["/etc/zoo.cfg", "C:\\zk\\zoo.cfg", "/zoë/動物園", "/a=b:c d", "\u{1f600}"]) {
    const escaped = escapeValue(value);
    expect(escaped).toMatch(/^[\x20-\x7e]*$/);
    expect(parse(`k=${escaped}`)).toEqual({ k: value });
  }
});

test("bytes are ISO-8859-1, but in a dynamic file UTF-8 where they can be", () => {
  expect(latin1(Uint8Array.of(0x61, 0xe9, 0x80, 0xff))).toBe("a\u00e9\u0080\u00ff");
  expect(memberFileText(Uint8Array.of(0x61, 0xe9, 0x80, 0xff))).toBe("a\u00e9\u0080\u00ff");
  expect(memberFileText(new TextEncoder().encode("zo\u00eb.\u4f8b"))).toBe("zo\u00eb.\u4f8b");
});
