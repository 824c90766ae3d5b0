/** What a round works on, and what makes snapshots worth sending. */
import { connect, NodeExistsError } from "../../mod.ts";
import type { History } from "./history.ts";
import { insist } from "./insist.ts";
import { folders, type Layout } from "./load_client.ts";

const connectTimeoutMs = 20_000;
const ballastZnodes = 200;
const ballastBytes = 10_000;
/** In one transaction. */
const deletesMax = 500;

/**
 * Creates a round's folders and registers, and puts the registers into the history as a session's first words.
 *
 * @param name Of the round; a try that a broken connection ended is followed by one under another name.
 */
export async function layOut(
  servers: string,
  name: string,
  history: History,
  boundMs: number,
): Promise<Layout> {
  let attempt = 0;
  return await insist(boundMs, "a round's registers", async () => {
    const root = `/${name}-${++attempt}`;
    const numbers = (folder: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${root}/${folder}/${index}`);
    const pair = numbers("pair", 4);
    const layout: Layout = {
      root,
      versioned: numbers("versioned", 6),
      unversioned: numbers("any", 3),
      pairs: [[pair[0], pair[1]], [pair[2], pair[3]]],
    };
    await using zk = await connect(servers, { connectTimeoutMs });
    const beganMs = performance.now();
    await zk.create(root, "");
    for (const folder of folders) await zk.create(`${root}/${folder}`, "");
    const made: [string, number][] = [];
    for (const path of [...layout.versioned, ...layout.unversioned, ...pair]) {
      const { stat } = await zk.create(path, firstValue(path));
      made.push([path, stat.czxid]);
    }
    const session = history.beginSession("setup", zk.sessionId, zk.sessionTimeoutMs, beganMs);
    for (const [path, zxid] of made) {
      const op = history.begin(session.index, "create", path, beganMs, { value: firstValue(path) });
      op.returnedMs = performance.now();
      op.outcome = "ok";
      op.zxid = zxid;
      op.result = { path };
    }
    session.how = "closed";
    session.endedMs = performance.now();
    return layout;
  });
}

/** Some MB below `/ballast` that a snapshot has to carry. */
export async function loadBallast(servers: string, boundMs: number): Promise<void> {
  await insist(boundMs, "the ballast", async () => {
    await using zk = await connect(servers, { connectTimeoutMs });
    const data = new Uint8Array(ballastBytes).fill(0x7a);
    const create = (path: string) =>
      zk.create(path, data).catch((error) => {
        if (!(error instanceof NodeExistsError)) throw error;
      });
    await create("/ballast");
    await Promise.all(Array.from({ length: ballastZnodes }, (_, index) => create(`/ballast/${index}`)));
  });
}

/** Deletes what a round made, so that later ones do not carry it along; ephemerals go with their sessions. */
export async function clear(servers: string, { root }: Layout, boundMs: number): Promise<void> {
  await insist(boundMs, "a round's clearing", async () => {
    await using zk = await connect(servers, { connectTimeoutMs });
    for (const folder of folders.filter((name) => name !== "ephemeral")) {
      const { children } = await zk.getChildren(`${root}/${folder}`);
      for (let at = 0; at < children.length; at += deletesMax) {
        const transaction = zk.multi();
        for (const name of children.slice(at, at + deletesMax)) {
          transaction.delete(`${root}/${folder}/${name}`);
        }
        await transaction.commit();
      }
    }
  });
}

function firstValue(path: string): string {
  return `first of ${path}`;
}
