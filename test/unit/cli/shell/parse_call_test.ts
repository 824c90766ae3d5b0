import { describe, expect, test } from "bun:test";
import { commandTable } from "../../../../cli/shell/command_table.ts";
import { UsageError } from "../../../../cli/shell/command_error.ts";
import { findCommand, unknownCommand } from "../../../../cli/shell/find_command.ts";
import { commandHelp } from "../../../../cli/shell/help_text.ts";
import { nearest } from "../../../../cli/shell/nearest.ts";
import { flagNames, parseCall, usageLine } from "../../../../cli/shell/parse_call.ts";
import { splitLine } from "../../../../cli/shell/words.ts";

function parse(line: string) {
  const { words } = splitLine(line);
  const command = findCommand(commandTable, words[0].text);
  if (command === null) throw new Error(`no command ${words[0].text}`);
  return parseCall(command, words.slice(1));
}

const operands = (line: string) => parse(line).call.operands.map((word) => word.text);

describe("parseCall()", () => {
  test("takes flags before, between and after operands, as both orders of set need", () => {
    for (const line of ["set -s -v 3 /a b", "set /a b -s -v 3", "set /a -v 3 b -s"]) {
      expect(parse(line).call.flags).toMatchObject({ stat: true, version: "3", base64: false });
      expect(operands(line)).toEqual(["/a", "b"]);
    }
  });

  test("takes joined letters, attached values and long names", () => {
    expect(parse("get -swx /a").call.flags).toMatchObject({ stat: true, watch: true, hex: true });
    for (const flag of ["-t5", "-t=5", "-t 5", "--ttl 5", "--ttl=5", "-st5"]) {
      expect(parse(`create ${flag} /a`).call.flags.ttl).toBe("5");
    }
    expect(parse("reconfig -add x -add y").call.flags.add).toBe("x,y");
    expect(parse("reconfig --remove 3").call.flags.remove).toBe("3");
  });

  test("never takes a negative number, a lone dash or a quoted word for a flag", () => {
    expect(operands("set /a -5")).toEqual(["/a", "-5"]);
    expect(operands("set /a -")).toEqual(["/a", "-"]);
    expect(operands(`set /a "-s"`)).toEqual(["/a", "-s"]);
    expect(operands("set -- /a -s")).toEqual(["/a", "-s"]);
    expect(parse("delete -v -1 /a").call.flags.version).toBe("-1");
  });

  test("refuses an unknown flag, and suggests", () => {
    expect(() => parse("get --stta /a")).toThrow("get has no flag --stta; did you mean --stat?");
    expect(() => parse("get -q /a")).toThrow("get has no flag -q");
    expect(() => parse("get -sq /a")).toThrow(UsageError);
  });

  test("refuses a missing value, a value too many and a flag given twice", () => {
    expect(() => parse("create /a -t")).toThrow("-t needs a value: <ttl>");
    expect(() => parse("get --stat=1 /a")).toThrow("--stat takes no value");
    expect(() => parse("delete -v 1 -v 2 /a")).toThrow("-v is given twice");
  });

  test("shows Apache's usage when operands are missing, and refuses one too many", () => {
    expect(() => parse("create")).toThrow("create [-s] [-e] [-c] [-t ttl] path [data] [acl]");
    expect(() => parse("set /a")).toThrow("set path data [-s] [-v version] [-b]");
    expect(() => parse("set /a two words")).toThrow('set does not take "words"');
  });

  test("asks for no operands when help is wanted", () => {
    expect(parse("create -h").help).toBe(true);
    expect(parse("create --help").help).toBe(true);
    expect(parse("ls -?").help).toBe(true);
  });

  test("takes --json with any command", () => {
    expect(parse("ls / --json")).toMatchObject({ json: true, call: { json: true } });
    expect(parse("ls /").json).toBe(false);
  });
});

describe("the table", () => {
  /** Apache's commands with the flags of 3.10. */
  const apache: Record<string, string> = {
    addWatch: "m",
    addauth: "",
    close: "",
    config: "csw",
    connect: "",
    create: "ecst",
    delete: "v",
    deleteall: "b",
    delquota: "BNbn",
    get: "bswx",
    getAcl: "s",
    getAllChildrenNumber: "",
    getEphemerals: "",
    history: "",
    listquota: "",
    ls: "Rsw",
    printwatches: "",
    quit: "",
    redo: "",
    removewatches: "acdlpr",
    set: "bsv",
    setAcl: "Rsv",
    setquota: "BNbn",
    stat: "w",
    sync: "",
    version: "",
    whoami: "",
  };

  test("has every command of Apache's shell with all its flags", () => {
    for (const [name, letters] of Object.entries(apache)) {
      const command = findCommand(commandTable, name);
      if (command === null) throw new Error(`${name} is missing`);
      expect(command.name).toBe(name);
      const names = flagNames(command);
      for (const letter of letters) expect(names).toContain(`-${letter}`);
    }
    const reconfig = findCommand(commandTable, "reconfig");
    for (const flag of ["-add", "-remove", "-members", "-file"]) {
      expect(() => parse(`reconfig ${flag} x`)).not.toThrow();
    }
    expect(reconfig?.needsSession).toBe(true);
    expect(findCommand(commandTable, "exit")?.name).toBe("quit");
  });

  test("names each command and each flag once", () => {
    const names = commandTable.flatMap((command) => [command.name, ...command.aliases ?? []])
      .map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
    for (const command of commandTable) {
      const flags = flagNames(command);
      expect(new Set(flags).size).toBe(flags.length);
    }
  });

  test("has examples that parse", () => {
    for (const command of commandTable) {
      expect(command.examples.length).toBeGreaterThan(0);
      for (const example of command.examples) {
        expect(findCommand(commandTable, splitLine(example).words[0].text)?.name).toBe(command.name);
        expect(() => parse(example)).not.toThrow();
      }
    }
  });

  test("gives help with usage, flags and examples for each command", () => {
    for (const command of commandTable) {
      const help = commandHelp(command);
      expect(help).toStartWith(`${usageLine(command)}\n`);
      for (const flag of flagNames(command)) expect(help).toContain(flag);
      for (const example of command.examples) expect(help).toContain(example);
    }
  });

  test("is found whatever the capitals", () => {
    expect(findCommand(commandTable, "GETACL")?.name).toBe("getAcl");
    expect(findCommand(commandTable, "nope")).toBeNull();
  });

  test("suggests a name that resembles an unknown one", () => {
    expect(unknownCommand(commandTable, "craete")).toContain("did you mean create?");
    expect(unknownCommand(commandTable, "zzzzzz")).not.toContain("did you mean");
  });
});

test("nearest() knows slips, swaps and beginnings, and gives up on strangers", () => {
  const names = ["get", "getAcl", "delete", "deleteall", "ls"];
  expect(nearest("gte", names)).toBe("get");
  expect(nearest("deletall", names)).toBe("deleteall");
  expect(nearest("dele", names)).toBe("delete");
  expect(nearest("sl", names)).toBe("ls");
  expect(nearest("printwatches", names)).toBeNull();
});
