/** Servers that answer nonsense: every call settles, nothing is thrown elsewhere, and the client goes on. */
import { expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import type { Client } from "../../../src/client/client.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { connectFake } from "./session.ts";

const calls: ((client: Client) => Promise<unknown>)[] = [
  (client) => client.create("/a", "x"),
  (client) => client.delete("/a"),
  (client) => client.exists("/a", { watch() {} }),
  (client) => client.getData("/a", { watch() {} }),
  (client) => client.setData("/a", "x"),
  (client) => client.getAcl("/a"),
  (client) => client.getChildren("/a", { watch() {} }),
  (client) => client.getEphemerals(),
  (client) => client.getAllChildrenNumber("/a"),
  (client) => client.whoAmI(),
  (client) => client.addWatch("/a", "persistent", () => {}),
  (client) => client.multi().check("/a", 1).create("/b").setData("/c", "x").commit(),
  (client) => client.multiRead([{ op: "getData", path: "/a" }, { op: "getChildren", path: "/b" }]),
  (client) => client.addAuth("digest", "u:p"),
];

const runs = 300;

test.each([1, 2, 3])("nonsense of seed %d", async (seed) => {
  const random = seededRandom(seed);
  let session = await connectFake();
  let settled = 0;
  for (let run = 0; run < runs; run++) {
    if (session.client.state !== "connected") {
      // Refused credentials are the end of a client, and nonsense may look like that.
      expect(session.client.state).toBe("authFailed");
      session = await connectFake();
    }
    const { world, client, connection } = session;
    calls[randomBelow(random, calls.length)](client).then(() => settled++, () => settled++);
    await world.settle();
    const request = connection.requests.at(-1);
    connection.requests.length = 0;
    connection.sendBytes(nonsense(request?.xid ?? 0));
    await world.settle();
    // What was not answered is lost with the connection; credentials wait for the client's end.
    connection.close();
    await world.advance(1_500);
    expect(world.clock.uncaught).toEqual([]);
    if (run % 50 === 49 && client.state === "connected") {
      const closed = client.close();
      await world.advance(6_000);
      await closed;
      session = await connectFake();
    }
  }
  expect(settled).toBe(runs);

  function nonsense(xid: number): Uint8Array {
    const writer = new JuteWriter();
    writer.int(0);
    writer.int([xid, xid, xid, xid, xid, -1, -2, -4, 7][randomBelow(random, 9)]);
    writer.long(BigInt(random.uint32()));
    writer.int([0, 0, 0, 0, -101, -3, -99, 5][randomBelow(random, 8)]);
    for (let count = randomBelow(random, 40); count > 0; count--) {
      switch (randomBelow(random, 4)) {
        case 0:
          writer.byte(random.uint32());
          break;
        case 1:
          writer.int([0, 1, 2, -1, 4, 5, 15, random.uint32()][randomBelow(random, 8)]);
          break;
        case 2:
          writer.string("/a");
          break;
        case 3:
          writer.raw(new Uint8Array(randomBelow(random, 70)));
          break;
      }
    }
    const cut = randomBelow(random, 10) === 0 ? randomBelow(random, writer.length) : writer.length;
    writer.rewind(Math.max(cut, 4));
    writer.intAt(0, randomBelow(random, 20) === 0 ? random.uint32() | 0 : writer.length - 4);
    return writer.copy();
  }
});
