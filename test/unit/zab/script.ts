import { readFileSync, writeFileSync } from "node:fs";

/** One command of a script, the line it stands on, and what it is expected to do. */
interface Step {
  readonly line: number;
  readonly command: string;
  readonly expected: string;
  /** Everything before the rule, as written: comments too. */
  readonly source: string;
}

/**
 * Runs a text script: commands, a rule `----`, what they did. A block ends at an empty line; lines that begin
 * with `#` are comments. With REWRITE=1 in the environment the file is written anew from what happened, for
 * the difference to be reviewed.
 *
 * @param run Performs one command and returns what it did, line by line.
 * @returns For each block that went otherwise: where it stands, what was expected and what happened.
 */
export function runScript(file: string, run: (command: string, words: string[]) => string[]): string[] {
  const failures: string[] = [];
  const blocks: string[] = [];
  for (const step of parse(readFileSync(file, "utf8"))) {
    if (step.command === "") {
      blocks.push(step.source);
      continue;
    }
    const seen: string[] = [];
    for (const command of step.command.split("\n")) seen.push(...run(command, command.split(/\s+/)));
    const actual = seen.length === 0 ? "(nothing)" : seen.join("\n");
    blocks.push(`${step.source}\n----\n${actual}`);
    if (actual !== step.expected) {
      failures.push(`line ${step.line}: ${step.command}\nexpected:\n${step.expected}\nhappened:\n${actual}`);
    }
  }
  if (process.env.REWRITE === "1") {
    writeFileSync(file, `${blocks.join("\n\n")}\n`);
    return [];
  }
  return failures;
}

function parse(text: string): Step[] {
  let line = 1;
  return text.trimEnd().split(/\n\n+/).map((block) => {
    const [source, expected = ""] = block.split(/\n----\n?/);
    const command = source.split("\n").filter((row) => !row.startsWith("#")).join("\n");
    const step = { line, command, expected, source };
    line += block.split("\n").length + 1;
    return step;
  });
}
