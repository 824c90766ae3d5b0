import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  nodePaths,
  plannedConfig,
  readLayout,
  readPid,
  wipeEnsemble,
  writeEnsemble,
} from "../../../../cli/ensemble/ensemble_directory.ts";
import { movedLayout, planLayout } from "../../../../cli/ensemble/layout.ts";

const two = planLayout({ voters: 2, observers: 0, basePort: 2181 });
let scratch = "";
let directory = "";

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "zoon-ensemble-"));
  directory = join(scratch, "ensemble");
});
afterEach(() => {
  rmSync(scratch, { recursive: true });
});

const textOf = (path: string) => readFileSync(path, "latin1");
const write = () => {
  mkdirSync(directory);
  writeEnsemble(directory, two, []);
};

describe("readLayout()", () => {
  test("knows nothing of a directory that is missing, empty, or has only what a killed launcher leaves", () => {
    expect(readLayout(directory)).toBeUndefined();
    mkdirSync(directory);
    expect(readLayout(directory)).toBeUndefined();
    for (const name of [".zoon.lock", "zoon.pid", "control.sock"]) writeFileSync(join(directory, name), "1");
    expect(readLayout(directory)).toBeUndefined();
  });

  test("reads back what was written", () => {
    write();
    expect(readLayout(directory)).toEqual(two);
  });

  test("refuses somebody else's directory, a file, and a description that is damaged", () => {
    mkdirSync(directory);
    writeFileSync(join(directory, "thesis.tex"), "");
    expect(() => readLayout(directory)).toThrow(
      `${directory} is not the directory of an ensemble, and not empty (thesis.tex): choose another --data-dir`,
    );
    expect(() => readLayout(join(directory, "thesis.tex"))).toThrow("it is not a directory");
    for (const [text, problem] of [["{", "it is no JSON object"], ['{"zoonEnsemble":2}', "zoonEnsemble: "]]) {
      writeFileSync(join(directory, "ensemble.json"), text);
      expect(() => readLayout(directory)).toThrow(problem);
    }
  });
});

describe("writeEnsemble()", () => {
  test("gives each node its zoo.cfg and myid, with absolute paths", () => {
    write();
    expect(readdirSync(directory).sort()).toEqual(["1", "2", "ensemble.json"]);
    const { config, data } = nodePaths(directory, 2);
    expect(textOf(join(data, "myid"))).toBe("2\n");
    expect(textOf(config)).toContain(`\ndataDir=${data}\n`);
  });

  test("leaves files alone that are there, edits by hand included", () => {
    write();
    const { config, data } = nodePaths(directory, 1);
    const edited = `${textOf(config)}snapCount=77\n`;
    writeFileSync(config, edited);
    writeFileSync(join(data, "kept"), "");
    rmSync(nodePaths(directory, 2).home, { recursive: true });
    writeEnsemble(directory, two, []);
    expect(textOf(config)).toBe(edited);
    expect(existsSync(join(data, "kept"))).toBe(true);
    expect(existsSync(nodePaths(directory, 2).config)).toBe(true);
  });

  test("sets keys in files that are there, as announced beforehand", () => {
    write();
    const planned = plannedConfig(directory, two, two.nodes[0], [["tickTime", "100"]], two);
    writeEnsemble(directory, two, [["tickTime", "100"]]);
    expect(textOf(nodePaths(directory, 1).config)).toBe(planned);
    expect(planned).toMatch(/^tickTime=100$/m);
  });

  test("moves ports in zoo.cfg and in the dynamic files that reconfigurations left", () => {
    write();
    const { home, config } = nodePaths(directory, 1);
    const dynamic = join(home, "zoo.cfg.dynamic.100000000");
    writeFileSync(dynamic, "server.1=127.0.0.1:2281:2381:participant;127.0.0.1:2181\n");
    const moved = movedLayout(two, 4000);
    writeEnsemble(directory, moved, [], two);
    expect(textOf(dynamic)).toBe("server.1=127.0.0.1:4100:4200:participant;127.0.0.1:4000\n");
    expect(textOf(config)).toContain("server.2=127.0.0.1:4101:4201:participant;127.0.0.1:4001\n");
    expect(readLayout(directory)).toEqual(moved);
  });

  test("lets paths follow when the directory was moved", () => {
    write();
    const before = nodePaths(directory, 1);
    const dynamic = join(before.home, "zoo.cfg.dynamic.0");
    writeFileSync(dynamic, "");
    writeFileSync(before.config, `${textOf(before.config)}dynamicConfigFile=${dynamic}\n`);
    const elsewhere = join(scratch, "elsewhere");
    renameSync(directory, elsewhere);
    writeEnsemble(elsewhere, two, []);
    const after = nodePaths(elsewhere, 1);
    expect(textOf(after.config)).toContain(`\ndataDir=${after.data}\n`);
    expect(textOf(after.config)).toContain(`\ndynamicConfigFile=${join(after.home, "zoo.cfg.dynamic.0")}\n`);
  });
});

test("wipeEnsemble() takes the ensemble's files and no others", () => {
  write();
  writeFileSync(join(directory, "notes.txt"), "mine");
  wipeEnsemble(directory, two);
  expect(readdirSync(directory)).toEqual(["notes.txt"]);
});

test("readPid() believes only a process id", () => {
  const path = join(scratch, "pid");
  expect(readPid(path)).toBeUndefined();
  for (
    const [text, pid] of [["123\n", 123], ["0", undefined], ["-1", undefined], ["1 2", undefined]] as const
  ) {
    writeFileSync(path, text);
    expect(readPid(path)).toBe(pid);
  }
});
