import { describe, expect, test } from "bun:test";
import { commandTable } from "../../../../cli/shell/command_table.ts";
import { complete } from "../../../../cli/shell/completion.ts";

const tree: Record<string, string[]> = {
  "/": ["app", "apple", "zookeeper", "two words"],
  "/app": ["config", "locks"],
  "/zookeeper": ["quota"],
};
const hits = async (line: string) =>
  (await complete(line, commandTable, (path) => Promise.resolve(tree[path] ?? []))).hits;

describe("complete()", () => {
  test("offers commands for the first word", async () => {
    expect(await hits("getA")).toEqual(["getAcl ", "getAllChildrenNumber "]);
    expect(await hits("")).toContain("ls ");
    expect(await hits("nope")).toEqual([]);
  });

  test("offers flags of the command after a dash", async () => {
    expect(await hits("ls -")).toEqual([
      "--help ",
      "--json ",
      "--recursive ",
      "--stat ",
      "--watch ",
      "-R ",
      "-h ",
      "-s ",
      "-w ",
    ]);
    expect(await hits("create --se")).toEqual(["--sequential "]);
  });

  test("offers the values of a flag that has choices", async () => {
    expect(await hits("addWatch -m ")).toEqual(["PERSISTENT ", "PERSISTENT_RECURSIVE "]);
  });

  test("offers znodes below the last slash, sorted, with whole paths", async () => {
    expect(await hits("get /a")).toEqual(["/app", "/apple"]);
    expect(await hits("get /app/")).toEqual(["/app/config", "/app/locks"]);
    expect(await hits("create -s /app/l")).toEqual(["/app/locks"]);
    expect(await hits("get /missing/x")).toEqual([]);
  });

  test("goes below a znode that is typed in full and the only one", async () => {
    expect(await hits("get /zookeeper")).toEqual(["/zookeeper/quota"]);
    expect(await hits("get /app")).toEqual(["/app", "/apple"]);
  });

  test("begins a path where one is due, and offers nothing where any text may stand", async () => {
    expect(await hits("get ")).toEqual(["/"]);
    expect(await hits("set /app ")).toEqual([]);
    expect(await hits("connect ")).toEqual([]);
  });

  test("offers the words that an operand may be", async () => {
    expect(await hits("printwatches o")).toEqual(["off ", "on "]);
    expect(await hits("help setA")).toEqual(["setAcl "]);
    expect(await hits("addauth ")).toEqual(["digest "]);
  });

  test("types names with blanks so that they are one word, in the quotes that are open", async () => {
    expect(await hits("get /two")).toEqual([String.raw`/two\ words`]);
    expect(await hits(`get "/two w`)).toEqual([`"/two words`]);
    expect(
      (await complete(`get "/two w`, commandTable, (path) => Promise.resolve(tree[path] ?? []))).replaced,
    )
      .toBe(`"/two w`);
  });
});
