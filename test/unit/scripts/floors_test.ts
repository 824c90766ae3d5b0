import { describe, expect, test } from "bun:test";
import { checkFile, effectsOf, importsOf } from "../../../scripts/floors.ts";
import { tokensOf } from "../../../scripts/typescript_tokens.ts";

const messages = (file: string, source: string) => checkFile(file, source).map((one) => one.message);
const effects = (source: string) => effectsOf(tokensOf(source)).map((one) => one.name);
const words = (source: string) => tokensOf(source).map((one) => one.text);

describe("imports", () => {
  test("a file may import from lower floors and from its own folder", () => {
    const source = `import { a } from "../base/a.ts";\nexport type { b } from "./ops/b.ts";`;
    expect(messages("src/pipeline/prepare.ts", source)).toEqual([]);
    expect(messages("src/pipeline/ops/b.ts", `import { p } from "../prepare.ts";`)).toEqual([]);
  });

  test("an import that points up is refused, a type import too", () => {
    const up = "jute (floor 1) imports tree (floor 3): imports point down";
    expect(messages("src/jute/a.ts", `import { x } from "../tree/x.ts";`)).toEqual([up]);
    expect(messages("src/jute/a.ts", `import type { X } from "../tree/x.ts";`)).toEqual([up]);
    expect(messages("src/jute/a.ts", `export * from "../tree/x.ts";`)).toEqual([up]);
    expect(messages("src/jute/a.ts", `let x: import("../tree/x.ts").X;`)).toEqual([up]);
    expect(messages("src/jute/a.ts", `await import("../tree/x.ts");`)).toEqual([up]);
    expect(messages("src/jute/a.ts", `import "../tree/x.ts";`)).toEqual([up]);
  });

  test("rooms of one floor do not know each other", () => {
    expect(messages("src/watch/a.ts", `import { x } from "../tree/x.ts";`)).toEqual([
      "watch (floor 3) imports tree (floor 3): imports point down",
    ]);
  });

  test("src/ imports neither tests nor scripts, and a file outside any floor is named", () => {
    expect(messages("src/tree/a.ts", `import { x } from "../../test/wire/codes.ts";`)).toEqual([
      `imports "../../test/wire/codes.ts", which is on no floor`,
    ]);
    expect(messages("src/misc/a.ts", "")[0]).toStartWith("misc/ has no floor");
    expect(messages("src/a.ts", "")[0]).toStartWith("src/ has no floor");
  });

  test("another folder's private file and a missing extension are refused", () => {
    expect(messages("src/pipeline/a.ts", `import { x } from "../tree/_x.ts";`)).toEqual([
      `imports "../tree/_x.ts", which is private to tree/`,
    ]);
    expect(messages("src/pipeline/a.ts", `import { x } from "../tree/x";`)).toEqual([
      `imports "../tree/x" without its extension`,
    ]);
  });

  test("the runtime's modules are for io/, cli/ and mod.ts only", () => {
    const source = `import { readFileSync } from "node:fs";`;
    expect(messages("src/storage/a.ts", source)).toHaveLength(1);
    expect(messages("src/client/a.ts", `import { x } from "bun:ffi";`)).toHaveLength(1);
    expect(messages("src/io/a.ts", source)).toEqual([]);
    expect(messages("cli/main.ts", source)).toEqual([]);
    expect(messages("mod.ts", source)).toEqual([]);
    expect(messages("src/config/a.ts", `import { z } from "zod";`)).toEqual([]);
  });

  test("what looks like an import in a comment, string or template is none", () => {
    const source = [
      `// import "../tree/x.ts"`,
      `/* from "../tree/x.ts" */`,
      `const a = 'import "../tree/x.ts"';`,
      "const b = `from \"../tree/x.ts\" ${c} import('../tree/x.ts')`;",
      `const d = Array.from("../tree/x.ts");`,
    ].join("\n");
    expect(importsOf(tokensOf(source))).toEqual([]);
  });

  test("an import inside a template's expression is found, with its line", () => {
    expect(importsOf(tokensOf("const a = `x\n${await import('../tree/x.ts')}`;"))).toEqual([
      { specifier: "../tree/x.ts", line: 2 },
    ]);
  });
});

describe("effects", () => {
  test("clock, randomness, timers and runtime globals are found wherever they stand", () => {
    expect(effects("const t = Date.now();")).toEqual(["Date.now"]);
    expect(effects("const now = Date . now;")).toEqual(["Date.now"]);
    expect(effects(`const t = Date["now"]();`)).toEqual(["Date.now"]);
    expect(effects("const { now } = Date;")).toEqual(["Date"]);
    expect(effects("const t = new Date();")).toEqual(["Date()"]);
    expect(effects("const t = new Date;")).toEqual(["Date()"]);
    expect(effects("const t = Date();")).toEqual(["Date()"]);
    expect(effects("x = Math.random() * 2;")).toEqual(["Math.random"]);
    expect(effects("setTimeout(() => {}, 5);")).toEqual(["setTimeout"]);
    expect(effects("const later = queueMicrotask;")).toEqual(["queueMicrotask"]);
    expect(effects("return ok ? setTimeout(f) : g;")).toEqual(["setTimeout"]);
    expect(effects("process.exit(1); console.log(Bun.version);")).toEqual(["process", "console", "Bun"]);
    expect(effects("let b: Buffer; globalThis.Date;")).toEqual(["Buffer", "globalThis"]);
    expect(effects("log(`at ${Date.now()} ms`);")).toEqual(["Date.now"]);
  });

  test("members, keys and methods of the same names are no effects", () => {
    expect(effects("clock.setTimeout(f, 5); this.process.now(); a?.console;")).toEqual([]);
    expect(effects("interface A { setTimeout(f: () => void): Timer; fetch?: number; process: string }"))
      .toEqual([]);
    expect(effects("class A { fetch() { return 1; } }")).toEqual([]);
    expect(effects("const a = { process: 1, console: 2 };")).toEqual([]);
    expect(effects("const t = new Date(ms); Math.floor(1); Date.parse(x);")).toEqual([]);
  });

  test("comments, strings, templates and regular expressions do not confuse the check", () => {
    expect(effects("// Date.now()\n/* process */ const a = 'console' + \"Bun\" + `Math.random`;")).toEqual(
      [],
    );
    expect(effects("const r = /console.log(\\/[/`'\"]/g; const b = 'process';")).toEqual([]);
    expect(effects("if (x) /process/.test(y); a = b / c; d = e / Date.now();")).toEqual(["Date.now"]);
    expect(effects("const q = list[0]! / 2; const w = `'`; Math.random();")).toEqual(["Math.random"]);
  });

  test("io/ is free to use them", () => {
    expect(messages("src/io/clock.ts", "export const now = () => Date.now();")).toEqual([]);
    expect(messages("src/tree/a.ts", "export const now = () => Date.now();")).toEqual([
      "names Date.now: only io/ may (a local of that name must be renamed)",
    ]);
  });
});

describe("tokens", () => {
  test("nested templates keep their expressions", () => {
    expect(words("`a${ { b: `c${d}` }.b }e` + f")).toEqual(
      ["a", "${", "{", "b", ":", "c", "${", "d", "", "}", ".", "b", "e", "+", "f"],
    );
  });

  test("closing generics, numbers and optional chains stay apart", () => {
    expect(words("a: Map<string, Set<number>> = x?.5:1e3n")).toEqual(
      ["a", ":", "Map", "<", "string", ",", "Set", "<", "number", ">", ">", "=", "x", "?", ".5", ":", "1e3n"],
    );
  });

  test("lines are counted through comments, templates and continued strings", () => {
    const last = tokensOf("/*\n\n*/ `\n\n` 'a\\\nb'\nend").at(-1);
    expect(last).toEqual({ kind: "word", text: "end", line: 7 });
  });

  test("what does not end is an error and not a silence", () => {
    for (const source of ["'a", "`a", "`a${b", "/* a", "x = /a"]) {
      expect(() => tokensOf(source)).toThrow(SyntaxError);
    }
  });
});
