import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** A server that has lost its leader does not know what became of a session that it had just made known to it. */
export const upgradedThenReadOnly: Scenario = {
  name: "upgraded-then-read-only",
  summary:
    "A read-only server does not call a session expired that it began and whose upgrade it sent out before it was cut off",
  run(trace) {
    const stage = new Stage({ trace, tickMs: 400, localSessions: true, readOnlyMode: true }).start();
    const leader = stage.leader;
    const [lonely] = stage.others;
    const client = stage.client(lonely, { readOnlyAllowed: true });
    stage.at(event(leader, "receive", "REQUEST"), () => stage.cut(lonely));
    const write = client.send({ kind: "create", path: "/e", data: "", ephemeral: true, sequential: false });
    stage.until("the server to be read-only", () => lonely.isReadOnly);
    stage.expect(write.outcome !== "replied", "the server knows what became of it");
    stage.pass(1000);
    stage.expect(!client.session.isOver, "a read-only server called a session expired that is open");
    stage.settle();
    stage.until("the client to be served again", () => client.session.isEstablished);
    stage.expect(client.read("/e") !== null, "the session goes on without its ephemeral");
  },
};
