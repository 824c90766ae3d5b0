import { describe, expect, test } from "bun:test";
import { CliError } from "../../../cli/_errors.ts";
import { readWorkers } from "../../../cli/_workers.ts";
import { load } from "../config/_load.ts";

const flags = { logLevel: "info", logFormat: "text" } as const;
const alone = load({ cfg: "dataDir=/d\nclientPort=2181" }).config;

function refusal(workers: string, config = alone, platform = "linux"): string {
  try {
    readWorkers({ ...flags, workers }, config, platform);
  } catch (error) {
    if (error instanceof CliError) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

describe("--workers", () => {
  test("counts this process in", () => {
    expect(readWorkers(flags, alone, "linux")).toBeUndefined();
    expect(readWorkers({ ...flags, workers: "1" }, alone, "darwin")).toBeUndefined();
    expect(readWorkers({ ...flags, workers: "4" }, alone, "linux")).toMatchObject({ count: 3 });
  });

  test("is refused where clients would not be spread", () => {
    expect(refusal("2", alone, "darwin")).toContain("needs Linux");
    expect(refusal("2", alone, "win32")).toContain("win32 does not");
  });

  test("is refused together with what only one process could know", () => {
    const servers = "initLimit=5\nsyncLimit=2\nserver.1=h:1:2\nserver.2=h:3:4\nserver.3=h:5:6";
    const { config } = load({
      cfg: `dataDir=/d\nclientPort=2181\nlocalSessionsEnabled=true\n${servers}`,
      serverId: 1,
    });
    expect(refusal("2", config)).toContain("localSessionsEnabled=true");
    expect(refusal("2", load({ cfg: "dataDir=/d" }).config)).toContain("needs a port for clients");
  });
});
