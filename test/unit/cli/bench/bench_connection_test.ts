import { expect, test } from "bun:test";
import { BenchConnection, type ConnectionHost } from "../../../../cli/bench/bench_connection.ts";
import { JuteWriter } from "../../../../src/jute/writer.ts";
import { encodeConnectResponse } from "../../../../src/protocol/connect.ts";

/** Bytes of the answer to a connect request. */
function sessionAnswer(): Uint8Array {
  const out = new JuteWriter(64);
  encodeConnectResponse(out, {
    timeoutMs: 10_000,
    sessionId: 1n,
    password: new Uint8Array(16),
    readOnly: false,
  });
  return out.copy();
}

test("a connection that broke dials again by itself, at once, then ever later; not once it was abandoned", async () => {
  const seen: string[] = [];
  let server = 0;
  const enough = Promise.withResolvers<void>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(raw) {
        server++;
        // The first one breaks once it has a session; the others get none, and that is all the same to the first.
        if (server === 1) raw.write(sessionAnswer());
        raw.end();
      },
    },
  });
  const host: ConnectionHost = {
    onOpen: () => void seen.push("open"),
    onLost: () => void seen.push("lost"),
    onRefused: (connection) => {
      seen.push("refused");
      if (seen.length < 5) return;
      connection.abandon();
      enough.resolve();
    },
    onReply() {},
    onReplies() {},
    onEvent() {},
    onExpired() {},
  };
  const servers = [{ host: "127.0.0.1", port: listener.port }];
  const connection = new BenchConnection(0, { servers, sessionTimeoutMs: 10_000, inFlightMax: 1 }, host);
  connection.open();
  await enough.promise;
  await Bun.sleep(200);
  listener.stop(true);
  expect(seen).toEqual(["open", "lost", "refused", "refused", "refused"]);
  expect(server).toBe(4);
});
