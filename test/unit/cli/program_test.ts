import { describe, expect, test } from "bun:test";
import { Command } from "@commander-js/extra-typings";
import { CliError, ExitCode } from "../../../cli/_errors.ts";
import { defineBenchCommand } from "../../../cli/bench.ts";
import { defineEnsembleCommand } from "../../../cli/ensemble.ts";
import { defineServerCommand } from "../../../cli/server.ts";
import { defineShellCommand } from "../../../cli/shell.ts";
import { defineStatusCommand } from "../../../cli/status.ts";
import { defineCompletionCommand } from "../../../cli/completion.ts";
import { zoonVersion } from "../../../src/admin/version.ts";
import { run } from "./_run.ts";

const commands = () => [
  defineServerCommand(),
  defineEnsembleCommand(),
  defineShellCommand(),
  defineStatusCommand(),
  defineCompletionCommand(),
];

describe("zoon", () => {
  test("--version prints one line that begins with name and version", async () => {
    const { out, exitCode } = await run(commands(), ["--version"]);
    expect(out).toStartWith(`zoon ${zoonVersion} (speaks ZooKeeper `);
    expect(out.trimEnd()).not.toContain("\n");
    expect(exitCode).toBe(0);
  });

  test("-h lists every command and ends with an example", async () => {
    const { out, exitCode } = await run(commands(), ["-h"]);
    for (const command of commands()) expect(out).toContain(command.name());
    expect(out).toMatch(/Examples:\n {2}\$ zoon /);
    expect(exitCode).toBe(0);
  });

  test("-h of each command, and of each of its own commands, has an example", async () => {
    const all = commands().flatMap((command) => [
      [command.name()],
      ...command.commands.map((child) => [command.name(), child.name()]),
    ]);
    expect(all).toContainEqual(["ensemble", "kill"]);
    for (const words of all) {
      const { out, exitCode } = await run(commands(), [...words, "-h"]);
      expect(out).toMatch(new RegExp(`Examples?:\\n {2}\\$ .*zoon ${words.join(" ")}`));
      expect(exitCode).toBe(0);
    }
  });

  test("answers an unknown word with the nearest one", async () => {
    const { err, out, exitCode } = await run(commands(), ["serer"]);
    expect(err).toContain("unknown command 'serer'\n(Did you mean server?)");
    expect(out).toBe("");
    expect(exitCode).toBe(ExitCode.usage);
  });

  test("answers words too many with these words, and a command's own commands", async () => {
    for (
      const [words, message] of [
        [["status", "-s", "127.0.0.1:1", "a", "b"], /^error: status does not take "a b"$/m],
        [["server", "zoo.cfg", "x"], /^error: server does not take "x"$/m],
        [["bench", "chek"], /^error: bench does not take "chek"; its commands are check$/m],
      ] as const
    ) {
      const { err, out, exitCode } = await run([...commands(), defineBenchCommand()], words);
      expect(err).toMatch(message);
      expect(out).toBe("");
      expect(exitCode).toBe(ExitCode.usage);
    }
  });

  test("answers an unknown flag with the nearest one", async () => {
    const { err, exitCode } = await run(commands(), ["server", "--client-prt", "1"]);
    expect(err).toContain("(Did you mean --client-port?)");
    expect(exitCode).toBe(ExitCode.usage);
  });

  test("without a command, with too many words or a wrong choice, is wrong usage", async () => {
    for (
      const words of [[], ["server", "a", "b"], ["server", "--log-level", "loud"], ["server", "--id"], [
        "completion",
      ]]
    ) {
      const { err, exitCode } = await run(commands(), words);
      expect(err).not.toBe("");
      expect(exitCode).toBe(ExitCode.usage);
    }
  });
});

describe("a command that fails", () => {
  const failing = (error: Error) =>
    new Command("fail").action(() => {
      throw error;
    });

  test("tells its message and gives its exit code", async () => {
    const { err, exitCode } = await run([failing(new CliError(ExitCode.failed, "the port is busy"))], [
      "fail",
    ]);
    expect(err).toBe("the port is busy\n");
    expect(exitCode).toBe(1);
  });

  test("by our own mistake shows where", async () => {
    const { err, exitCode } = await run([failing(new TypeError("x is undefined"))], ["fail"]);
    expect(err).toStartWith("this is a bug of zoon: TypeError: x is undefined\n");
    expect(err).toContain("program_test.ts");
    expect(exitCode).toBe(1);
  });

  test("that does not fail leaves the exit code alone", async () => {
    const { exitCode } = await run([new Command("fine").action(() => {})], ["fine"]);
    expect(exitCode).toBeUndefined();
  });
});
