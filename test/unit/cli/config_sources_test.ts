import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { configSources } from "../../../cli/_config_sources.ts";
import { CliError, ExitCode } from "../../../cli/_errors.ts";
import { configFlags, defineServerCommand } from "../../../cli/server.ts";
import { ConfigError, loadServerConfig } from "../../../src/config/zoo_cfg.ts";

const defaults = { logLevel: "info", logFormat: "text" } as const;

describe("the flags of zoon server", () => {
  test("stand for the keys that the command knows", () => {
    const known = defineServerCommand().options.map((option) => option.attributeName());
    for (const flag of Object.keys(configFlags)) expect(known).toContain(flag);
  });

  test("go over --set, and --set over the file", () => {
    const { overrides } = configSources(undefined, {
      ...defaults,
      set: ["tickTime=1", "jute.maxbuffer = 2 "],
      tickTime: "3",
      fourLetterWords: "*",
    });
    expect(overrides).toEqual([
      { key: "tickTime", value: "1", where: "--set", override: true },
      { key: "jute.maxbuffer", value: "2", where: "--set", override: true },
      { key: "tickTime", value: "3", where: "--tick-time", override: true },
      { key: "4lw.commands.whitelist", value: "*", where: "--four-letter-words", override: true },
    ]);
  });

  test("make a configuration", () => {
    const { config } = loadServerConfig(
      configSources(undefined, {
        ...defaults,
        clientPort: "0",
        dataDir: "/d",
        id: "7",
        set: ["snapCount=9"],
      }),
    );
    expect(config.client).toEqual({ host: "127.0.0.1", port: 0 });
    expect(config.storage).toMatchObject({ dataDir: "/d", snapshotEveryTxns: 9 });
    expect(config.serverId).toBe(7);
  });

  test("name directories from where the command is given: only in a file a relative one is worth a warning", () => {
    const storageOf = (flags: object) => {
      const { config, notices } = loadServerConfig(configSources(undefined, { ...defaults, ...flags }));
      return [config.storage.dataDir, config.storage.dataLogDir, notices.length];
    };
    const [data, logs] = [resolve("data"), resolve("../logs")];
    expect(storageOf({ dataDir: "data", dataLogDir: "../logs" })).toEqual([data, logs, 0]);
    expect(storageOf({ set: ["dataDir=data", "dataLogDir = ../logs"] })).toEqual([data, logs, 0]);
    for (const flags of [{ dataDir: "" }, { set: ["dataDir="] }]) {
      expect(() => storageOf(flags)).toThrow(ConfigError);
    }
  });

  test("that cannot be read are wrong usage", () => {
    for (const flags of [{ set: ["=1"] }, { set: ["tickTime"] }, { id: "x" }, { id: "-1" }]) {
      const error = (() => {
        try {
          configSources(undefined, { ...defaults, ...flags });
        } catch (caught) {
          return caught;
        }
      })();
      expect(error).toBeInstanceOf(CliError);
      expect((error as CliError).exitCode).toBe(ExitCode.usage);
    }
  });
});

describe("the file", () => {
  test("is read from disk; one that is missing or a directory is refused by name", () => {
    const directory = mkdtempSync(join(tmpdir(), "zoon-cfg-"));
    const path = join(directory, "zoo.cfg");
    writeFileSync(path, "dataDir=/data\ntickTime=17\n");
    expect(loadServerConfig(configSources(path, defaults)).config.tickMs).toBe(17);

    const missing = join(directory, "none.cfg");
    expect(() => loadServerConfig(configSources(missing, defaults))).toThrow(
      new ConfigError([{ where: missing, rule: "there is no such file" }]),
    );
    const nested = join(directory, "dir.cfg");
    mkdirSync(nested);
    expect(() => loadServerConfig(configSources(nested, defaults))).toThrow(
      `${nested}: cannot be read: EISDIR`,
    );
    rmSync(directory, { recursive: true });
  });
});
