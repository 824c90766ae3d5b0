/**
 * Chaos in short: three servers as processes of their own, killed, paused and cut off under load, and all that
 * their clients were told is judged. `npm run chaos` is the long form, with every kind of fault.
 */
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import type { ChaosReport } from "../chaos/chaos_run.ts";
import { namespaceCommand } from "../chaos/namespace_network.ts";

const script = resolve(import.meta.dir, "../../scripts/chaos.ts");
const kinds = [
  "kill leader while",
  "pause leader",
  "isolate leader from servers",
  "leader hears",
  "kill majority",
];
const minutes = "0.5";

interface Ended {
  readonly code: number | null;
  readonly report: ChaosReport;
  readonly progress: string;
}

async function chaos(network: string, ...more: string[]): Promise<Ended> {
  const args = ["--network", network, "--minutes", minutes, "--faults", kinds.join(","), "--json", ...more];
  const child = spawn(process.execPath, [join(script), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => child.kill("SIGTERM"));
  let stdout = "";
  let progress = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => progress += text);
  const code = await new Promise<number | null>((done) => child.once("close", done));
  if (!stdout.startsWith("{")) throw new Error(`chaos ended with code ${code}:\n${progress}`);
  return { code, report: JSON.parse(stdout), progress };
}

function expectGood({ code, report, progress }: Ended): void {
  if (report.failed > 0) console.error(progress);
  expect(report.violations).toEqual([]);
  expect(code).toBe(0);
  expect(report.passed).toBeGreaterThan(8);
  expect(Object.keys(report.faults).length).toBeGreaterThan(2);
  expect(report.elections).toBeGreaterThan(1);
  expect(report.operations.writesAcknowledged).toBeGreaterThan(500);
}

describe.skipIf(process.platform === "win32")("an ensemble of real processes", () => {
  test("keeps its promises while its processes are killed, paused and cut off by proxies", async () => {
    expectGood(await chaos("proxy"));
  });

  test.skipIf(process.platform !== "linux")("of two processes each keeps them, too", async () => {
    expectGood(await chaos("proxy", "--workers", "2"));
  });

  const permitted = namespaceCommand() !== null;
  const why = permitted ? "" : " (skipped: network namespaces are not permitted here)";
  test.skipIf(!permitted)(
    `keeps its promises while packets are lost between network namespaces${why}`,
    async () => {
      expectGood(await chaos("namespaces"));
    },
  );
});
