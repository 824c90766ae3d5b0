/** A server without a quorum that goes on serving reads (`readonlymode.enabled`), on real processes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { NotReadOnlyError, openClient } from "../../mod.ts";
import { errorCode } from "../wire/codes.ts";
import { WireConnection } from "../wire/connection.ts";
import { connectFrame } from "../wire/frames.ts";
import { WireSession } from "../wire/session.ts";
import { binary, type TestEnsemble } from "./ensemble.ts";
import { LoneSurvivor } from "./lone_survivor.ts";
import { until } from "../wire/until.ts";

const notReadOnly = -119;

describe.skipIf(process.platform === "win32")("a server that has lost its quorum", () => {
  let survivor: LoneSurvivor;
  let ensemble: TestEnsemble;

  beforeAll(async () => {
    survivor = await LoneSurvivor.start();
    ensemble = survivor.ensemble;
  }, 60_000);

  afterAll(async () => {
    await survivor?.close();
  });

  function run(...words: string[]): { code: number; out: string } {
    const ended = Bun.spawnSync([binary, "shell", "-s", ensemble.address(survivor.id), ...words]);
    return { code: ended.exitCode, out: `${ended.stdout}${ended.stderr}` };
  }

  test(
    "answers reads from its tree, logs nothing, and lets everybody go on once there is a leader",
    async () => {
      const target = ensemble.target(survivor.id);
      const writer = await WireSession.open(target, { timeoutMs: 60_000 });
      await writer.create("/ro", { data: "kept" });
      await writer.create("/ro/e", { flags: 1 });
      await survivor.partition();
      await writer.ended();
      const before = ensemble.files(survivor.id);

      const srvr = await ensemble.ask(survivor.id, "srvr");
      expect(srvr).toContain("\nMode: read-only\n");
      expect(srvr).toContain("READ-ONLY mode; serving only read-only clients\n");
      expect(await ensemble.figure(survivor.id, "ephemerals_count")).toBe(1);

      const reader = await WireSession.open(target, { readOnly: true });
      expect(reader.answer.readOnly).toBe(true);
      const { data } = (await reader.getData("/ro", true)).body;
      expect(new TextDecoder().decode(data!)).toBe("kept");
      const refused = [
        await reader.create("/ro/new"),
        await reader.setData("/ro", "other"),
        await reader.sync("/ro"),
        await reader.multi([]),
      ];
      expect(refused.map(({ err }) => err)).toEqual([notReadOnly, notReadOnly, notReadOnly, notReadOnly]);
      expect((await reader.exists("/ro/new")).err).toBe(errorCode.NONODE);

      for (const fields of [{}, { ...writer.ticket, readOnly: true }]) {
        const connection = await WireConnection.open(target);
        connection.send(connectFrame(fields));
        await connection.closed;
        await expect(connection.nextFrame()).rejects.toThrow();
      }
      const brief = await WireSession.open(target, { readOnly: true });
      expect((await brief.closeSession()).err).toBe(0);
      expect(ensemble.files(survivor.id)).toEqual(before);

      await survivor.heal();
      await reader.ended();
      const again = await WireSession.open(target, { ...writer.ticket, timeoutMs: 60_000 });
      expect(again.id).toBe(writer.id);
      expect((await again.exists("/ro/e")).err).toBe(0);
      const fresh = await WireSession.open(target, { readOnly: true });
      expect(fresh.answer.readOnly).toBe(false);
      expect((await fresh.setData("/ro", "other")).err).toBe(0);
      await again.close();
      await fresh.close();
    },
    90_000,
  );

  test("serves our client as read-only, and hands it on to a server that writes", async () => {
    await survivor.partition();
    const zk = openClient(ensemble.addresses, { readOnlyAllowed: true, sessionTimeoutMs: 20_000 });
    try {
      await until("a read-only session", () => zk.state === "connectedReadOnly" || undefined);
      const { sessionId } = zk;
      expect(new TextDecoder().decode((await zk.getData("/ro")).data!)).toBe("other");
      await expect(zk.setData("/ro", "third")).rejects.toBeInstanceOf(NotReadOnlyError);
      let told = 0;
      await zk.getData("/ro", { watch: () => told++ });
      await survivor.heal();
      await until("a read-write session", () => zk.state === "connected" || undefined);
      expect(zk.sessionId).not.toBe(sessionId);
      await zk.setData("/ro", "third");
      expect(told).toBe(1);
    } finally {
      await zk.close();
    }
  }, 90_000);

  test("lets the shell read with -r, and tells how when it is missing", async () => {
    await survivor.partition();
    expect(run("-r", "get", "/ro")).toEqual({ code: 0, out: "third\n" });
    const refused = run("-r", "set", "/ro", "fourth");
    expect(refused.code).toBe(1);
    expect(refused.out).toContain("Not a read-only call: /ro");
    const without = run("--timeout", "3000", "get", "/ro");
    expect(without.code).toBe(1);
    expect(without.out).toContain("-r would put up with it");
    await survivor.heal();
    expect(run("-r", "set", "/ro", "fourth").code).toBe(0);
  }, 90_000);
});
