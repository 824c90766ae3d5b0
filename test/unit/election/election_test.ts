import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { runScript } from "../zab/script.ts";
import { ElectionScript } from "./election_script.ts";

test("an election goes as election.txt says", () => {
  const script = new ElectionScript();
  const file = fileURLToPath(new URL("election.txt", import.meta.url));
  expect(runScript(file, (command, words) => script.run(command, words))).toEqual([]);
});
