import { describe, expect, test } from "bun:test";

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
const zoon = (...words: string[]) => {
  const { stdout, exitCode } = Bun.spawnSync([process.execPath, main, ...words], { stderr: "inherit" });
  return { out: stdout.toString(), exitCode };
};

describe("zoon completion", () => {
  test("prints a script that calls zoon complete, for each shell", () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { out, exitCode } = zoon("completion", shell);
      expect(out).toContain("zoon complete --");
      expect(exitCode).toBe(0);
    }
  });

  test("completes commands, flags and their values", () => {
    const wordsOf = (...words: string[]) =>
      zoon("complete", "--", ...words).out.split("\n").map((line) => line.split("\t")[0]);
    expect(wordsOf("ser")).toContain("server");
    expect(wordsOf("")).not.toContain("complete");
    expect(wordsOf("server", "--client-")).toEqual(
      expect.arrayContaining(["--client-port", "--client-address"]),
    );
    expect(wordsOf("server", "--log-format", "")).toEqual(expect.arrayContaining(["text", "json"]));
    expect(wordsOf("ensemble", "")).toEqual(expect.arrayContaining(["status", "kill", "down"]));
    expect(wordsOf("ensemble", "kill", "--")).toEqual(expect.arrayContaining(["--data-dir", "--json"]));
    expect(wordsOf("ensemble", "--base")).toContain("--base-port");
    expect(wordsOf("completion", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
  });
});
