/** Sessions that end without a word, as those of crashed clients do; each leaves an ephemeral to be cleared away. */
import { type Random, randomBelow } from "../../src/base/random.ts";
import { createFlags } from "../wire/codes.ts";
import { WireSession } from "../wire/session.ts";
import type { History, Op, SessionRecord } from "./history.ts";

/** What they need to know. */
export interface AbandonedOptions {
  /** `host:port` of each server. */
  readonly servers: readonly string[];
  /** Parent of the ephemerals. */
  readonly folder: string;
  readonly timeoutMs: number;
  readonly history: History;
  readonly random: Random;
}

/** Opens and abandons sessions until `endMs`. */
export async function abandonSessions(options: AbandonedOptions, endMs: number): Promise<void> {
  const { servers, random } = options;
  for (let count = 1; performance.now() < endMs; count++) {
    await Bun.sleep(300 + randomBelow(random, 1500));
    await abandonOne(options, servers[randomBelow(random, servers.length)], `abandoned-${count}`);
  }
}

async function abandonOne(
  { folder, timeoutMs, history }: AbandonedOptions,
  server: string,
  value: string,
): Promise<void> {
  const [host, port] = server.split(":");
  const path = `${folder}/${value}`;
  let session: SessionRecord | undefined;
  let op: Op | undefined;
  try {
    const wire = await WireSession.open({ host, port: Number(port) }, { timeoutMs });
    session = history.beginSession("abandoned", wire.id, timeoutMs, performance.now());
    op = history.begin(session.index, "createEphemeral", path, performance.now(), { value });
    const answer = await wire.create(path, { data: value, flags: createFlags.ephemeral });
    op.returnedMs = performance.now();
    op.outcome = answer.lost ? "unknown" : answer.err === 0 ? "ok" : "fail";
    op.error = answer.err === 0 ? null : answer.name;
    if (op.outcome === "ok") op.result = { path };
    await wire.vanish();
  } catch {
    // No session was to be had from that server, or no answer: what was asked for may be done or not.
    if (op?.outcome === "pending") op.outcome = "unknown";
  }
  if (session === undefined) return;
  session.how = "abandoned";
  session.endedMs = performance.now();
}
