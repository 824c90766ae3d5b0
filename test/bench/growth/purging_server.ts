#!/usr/bin/env bun
/**
 * A server from the sources that purges every so many ms, where zoo.cfg knows whole hours only; else as
 * `zoon server ZOO_CFG`.
 *
 *   bun test/bench/growth/purging_server.ts ZOO_CFG PURGE_EVERY_MS
 */
import { configSources } from "../../../cli/_config_sources.ts";
import { loadServerConfig } from "../../../src/config/zoo_cfg.ts";
import { openStderrLog } from "../../../src/io/log_sink.ts";
import { serve } from "../../../src/io/serve.ts";

const [file, everyMs] = process.argv.slice(2);
const { config } = loadServerConfig(configSources(file, { logLevel: "info", logFormat: "text" }));
const { logger } = openStderrLog("info", "text");
const purge = { keepSnapshots: 3, everyMs: Number(everyMs) };
const server = await serve({ ...config, storage: { ...config.storage, purge } }, logger);
await server.serving;
console.log("ready");
process.on("SIGTERM", () => void server.stop().then(() => process.exit(0)));
