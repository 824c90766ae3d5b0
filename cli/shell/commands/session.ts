import { defineCommand } from "../command.ts";

/** @see Fact: AddAuthCommand */
export const addAuthCommand = defineCommand({
  name: "addauth",
  family: "acl",
  usage: "scheme auth",
  about: "Add an id to this session",
  flags: {},
  operands: [
    { name: "scheme", kind: ["digest"] },
    { name: "auth", kind: "text", optional: true },
  ],
  details: "The line is kept out of the history file.",
  examples: ["addauth digest bob:secret"],
  needsSession: true,
  secret: true,
  async run(call, shell) {
    await shell.addAuth(call.text(0), call.bytes(1) ?? new Uint8Array());
    return { text: null, json: { scheme: call.text(0) } };
  },
});

/** @see Fact: WhoAmICommand */
export const whoAmICommand = defineCommand({
  name: "whoami",
  family: "acl",
  usage: "",
  about: "Print the ids that the server holds for this session",
  flags: {},
  operands: [],
  examples: ["whoami"],
  needsSession: true,
  async run(_call, shell) {
    const client = await shell.client();
    const ids = await client.whoAmI();
    return {
      text: ["Auth scheme: User", ...ids.map(({ scheme, user }) => `${scheme}: ${user}`)].join("\n"),
      json: ids.map(({ scheme, user }) => ({ scheme, user })),
    };
  },
});

/** @see Fact: ZooKeeperMain.processZKCmd */
export const connectCommand = defineCommand({
  name: "connect",
  family: "shell",
  usage: "host:port",
  about: "End the session and open another, on the same servers or others",
  flags: {},
  operands: [{ name: "host:port", kind: "text", optional: true }],
  examples: ["connect", "connect zk1:2181,zk2:2181/chroot"],
  needsSession: false,
  async run(call, shell) {
    await shell.connect(call.operands.length === 0 ? null : call.text(0));
    const client = await shell.client();
    return { text: null, json: { server: client.server, session: `0x${hex(client.sessionId)}` } };
  },
});

/** @see Fact: CloseCommand */
export const closeCommand = defineCommand({
  name: "close",
  family: "shell",
  usage: "",
  about: "End the session; connect opens another",
  flags: {},
  operands: [],
  examples: ["close"],
  needsSession: true,
  async run(_call, shell) {
    await shell.close();
    return { text: null, json: { closed: true } };
  },
});

/** @see Fact: GetEphemeralsCommand */
export const getEphemeralsCommand = defineCommand({
  name: "getEphemerals",
  family: "znodes",
  usage: "path",
  about: "List this session's ephemeral znodes, or those whose path begins so",
  flags: {},
  operands: [{ name: "path", kind: "path", optional: true }],
  examples: ["getEphemerals", "getEphemerals /locks"],
  needsSession: true,
  async run(call, shell) {
    const client = await shell.client();
    const paths = await client.getEphemerals(call.operands.length === 0 ? undefined : call.text(0));
    return { text: `[${paths.join(", ")}]`, json: { ephemerals: paths } };
  },
});

function hex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}
