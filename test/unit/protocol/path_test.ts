import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { childPath, nodeName, parentPath, pathProblem, sequenceSuffix } from "../../../src/protocol/path.ts";

describe("pathProblem()", () => {
  test("good paths have none", () => {
    for (
      const path of [
        "/",
        "/a",
        "/a/b/c",
        "/...",
        "/a../b",
        "/..a",
        "/.a",
        "/a.",
        "/ ",
        "/a b",
        "/é/€",
        "/\u00a0",
        "/\ud7ff",
        "/\uf900",
        "/\uffef",
        "/zookeeper/quota",
      ]
    ) expect(pathProblem(path)).toBeNull();
  });

  test("each broken rule is named", () => {
    const broken: [string, RegExp][] = [
      ["", /empty/],
      ["a", /start with/],
      ["a/b", /start with/],
      ["/a/", /end with/],
      ["//", /end with/],
      ["//a", /empty node name at 1/],
      ["/a//b", /empty node name at 3/],
      ["/.", /relative path "\."/],
      ["/..", /relative path "\.\."/],
      ["/a/./b", /relative path "\."/],
      ["/a/../b", /relative path "\.\."/],
      ["/./a", /relative/],
      ["/\0", /U\+0000 at 1/],
      ["/a\u001f", /U\+001F at 2/],
      ["/\u007f", /U\+007F/],
      ["/\u009f", /U\+009F/],
      ["/\ud800", /U\+D800/],
      ["/😀", /U\+D83D/],
      ["/\uf8ff", /U\+F8FF/],
      ["/\ufff0", /U\+FFF0/],
      ["/\uffff", /U\+FFFF/],
    ];
    for (const [path, why] of broken) expect(pathProblem(path)).toMatch(why);
  });

  test("any path is judged as by its components", () => {
    const random = seededRandom(11);
    const alphabet = ["/", "/", "/", ".", ".", "a", "b", "\u0001", "\u007f", "\ue000"];
    const badUnit = /[\0-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;
    let good = 0;
    for (let round = 0; round < 20_000; round++) {
      const length = randomBelow(random, 9);
      const path = Array.from({ length }, () => alphabet[randomBelow(random, alphabet.length)]).join("");
      const components = path.split("/");
      const fine = path === "/" ||
        (components.length > 1 && components[0] === "" &&
          components.slice(1).every((name) =>
            name !== "" && name !== "." && name !== ".." && !badUnit.test(name)
          ));
      expect(pathProblem(path) === null).toBe(fine);
      if (fine) good++;
    }
    expect(good).toBeGreaterThan(100);
  });
});

describe("parts of a path", () => {
  test("parent and name are taken apart and put together again", () => {
    for (const [path, parent, name] of [["/a", "/", "a"], ["/a/b", "/a", "b"], ["/a/b/c d", "/a/b", "c d"]]) {
      expect(parentPath(path)).toBe(parent);
      expect(nodeName(path)).toBe(name);
      expect(childPath(parent, name)).toBe(path);
    }
  });
});

test("a sequence suffix has ten digits, of which a minus takes one", () => {
  const suffixes: [number, string][] = [
    [0, "0000000000"],
    [7, "0000000007"],
    [2147483647, "2147483647"],
    [-1, "-000000001"],
    [-214748364, "-214748364"],
    [-2147483648, "-2147483648"],
  ];
  for (const [counter, suffix] of suffixes) expect(sequenceSuffix(counter)).toBe(suffix);
});
