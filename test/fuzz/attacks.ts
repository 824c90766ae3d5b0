/**
 * Ways to mistreat a client port. Each attack opens its own connection, does something a sound client never
 * does, and says what the server owes in return.
 */
import { createFlags, opcode } from "../wire/codes.ts";
import { type Target, WireConnection } from "../wire/connection.ts";
import {
  type Acl,
  bodies,
  ByteWriter,
  concat,
  connectPayload,
  frame,
  openAcl,
  requestFrame,
  subOps,
} from "../wire/frames.ts";
import type { Random } from "../differential/random.ts";

/** All that is created on purpose lies below this. */
export const fuzzRoot = "/fuzz";

/** Longest that a server may take to answer or close, in ms. */
export const answerPatienceMs = 15_000;

/** Settings of attacks. */
export interface AttackOptions {
  target: Target;
  random: Random;
}

/** An attack; rejects when the server did not do what it owes. */
export type Attack = (options: AttackOptions) => Promise<void>;

/** Every request type of the protocol, and some that do not exist. */
const requestTypes: readonly number[] = [...Object.values(opcode), 0, 10, 23, 99, 108, -2, -11, 1_000_000];

/** A path below the root of the fuzz, out of few, so that requests meet. */
function pathOf(random: Random): string {
  let path = fuzzRoot;
  for (let depth = random.below(4); depth > 0; depth--) {
    path += `/${random.pick(["a", "b", "c", "\ud7ff", "d d"])}`;
  }
  return path;
}

function aclOf(random: Random): Acl[] | null {
  const odd: Acl = {
    perms: random.below(64),
    scheme: random.pick(["digest", "ip", "auth", "x", "", null]),
    id: random.pick(["a:b", "127.0.0.1/8", "", null]),
  };
  return random.weighted<Acl[] | null>([[8, [...openAcl]], [1, [odd]], [1, null], [1, []]]);
}

/** A record as the request type wants it. */
export function soundBody(random: Random, type: number): Uint8Array {
  const path = pathOf(random);
  const data = random.bytes(random.below(50));
  switch (type) {
    case opcode.create:
    case opcode.create2:
    case opcode.createContainer:
      return bodies.create(
        path,
        data,
        aclOf(random),
        random.weighted([[9, random.below(4)], [1, random.between(-3, 12)]]),
      );
    case opcode.createTTL:
      return bodies.createTTL(
        path,
        data,
        aclOf(random),
        createFlags.ttl + random.below(2),
        BigInt(random.between(1, 500)),
      );
    case opcode.delete:
    case opcode.check:
      return bodies.delete(path, random.between(-2, 3));
    case opcode.setData:
      return bodies.setData(path, data, random.between(-2, 3));
    case opcode.setACL:
      return bodies.setACL(path, aclOf(random), -1);
    case opcode.exists:
    case opcode.getData:
    case opcode.getChildren:
    case opcode.getChildren2:
      return bodies.exists(path, random.chance(50));
    case opcode.checkWatches:
    case opcode.removeWatches:
    case opcode.addWatch:
      return bodies.addWatch(path, random.between(-1, 6));
    case opcode.setWatches:
      return bodies.setWatches({
        relativeZxid: BigInt(random.below(1000)),
        data: [path],
        exist: [path],
        child: [path],
      });
    case opcode.setWatches2:
      return bodies.setWatches2({ relativeZxid: 0n, data: [path], persistent: [path], recursive: [path] });
    case opcode.multi:
      return bodies.multi(
        [subOps.create(path, data), subOps.setData(path, data), subOps.check(path, 0), subOps.delete(path)]
          .slice(random.below(4)),
      );
    case opcode.multiRead:
      return bodies.multi([subOps.getData(path), subOps.getChildren(path)]);
    case opcode.auth:
      return bodies.auth(
        random.pick(["digest", "digest", "ip", "world", "sasl"]),
        random.pick(["u:p", "super:test", "x"]),
      );
    case opcode.reconfig:
      return bodies.reconfig(
        random.pick([null, "", "server.2=h:1:2;3"]),
        random.pick([null, "1"]),
        null,
        -1n,
      );
    case opcode.createSession:
      return new ByteWriter().int(random.below(10_000)).bytes();
    case opcode.closeSession:
    case opcode.ping:
    case opcode.whoAmI:
      return new Uint8Array(0);
    default:
      return bodies.sync(path);
  }
}

/** Breaks a record: cuts it, changes it, lies about a length, adds to it, or replaces it. */
export function brokenBody(random: Random, body: Uint8Array): Uint8Array {
  const copy = body.slice();
  const view = new DataView(copy.buffer);
  switch (random.below(6)) {
    case 0:
      return copy.slice(0, random.below(copy.length + 1));
    case 1:
      for (let i = random.between(1, 4); i > 0 && copy.length > 0; i--) {
        copy[random.below(copy.length)] = random.below(256);
      }
      return copy;
    case 2:
      if (copy.length >= 4) {
        const lie = random.pick([
          -1,
          -2,
          0,
          1,
          0x7fffffff,
          -0x80000000,
          0xfffff,
          0x1fffff,
          copy.length,
          copy.length + 1,
        ]);
        view.setInt32(random.below(copy.length - 3), lie);
      }
      return copy;
    case 3:
      return concat(copy, random.bytes(random.below(100)));
    case 4:
      return random.bytes(random.below(200));
    default:
      return copy;
  }
}

/** The server may close where it is asked for a session, as a short one can end before it began. */
class Refused extends Error {}

async function opened({ target, random }: AttackOptions): Promise<WireConnection> {
  const connection = await WireConnection.open(target);
  await handshake(connection, 1 + random.below(4_000));
  return connection;
}

/** Asks for a session and returns the payload of the answer. */
async function handshake(connection: WireConnection, timeoutMs: number): Promise<Uint8Array> {
  connection.send(frame(connectPayload({ timeoutMs })));
  const refused = connection.closed.then(() => {
    throw new Refused();
  });
  refused.catch(() => {});
  const answer = connection.nextFrame();
  answer.catch(() => {});
  return await Promise.race([refused, answer]);
}

/** Runs an attack; resolves also when the server refused it the session it asked for. */
export async function attempt(attack: Attack, options: AttackOptions): Promise<void> {
  try {
    await attack(options);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

/** Rejects when `promise` is not settled in time. */
async function owed(promise: Promise<unknown>, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(
      () => fail(new Error(`The server owes ${what} for ${answerPatienceMs} ms`)),
      answerPatienceMs,
    );
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves when the xid was answered, or the connection ended. */
function answered(connection: WireConnection, xid: number): Promise<void> {
  return new Promise((done) => {
    connection.closed.then(() => done());
    connection.handOver((payload) => {
      const got = payload.length >= 4 ? new DataView(payload.buffer, payload.byteOffset).getInt32(0) : 0;
      if (got === xid) done();
    });
  });
}

/** The xid of the sound request at the end of a stream of bad ones. */
const lastXid = 0x5afe;

const lastRequest = requestFrame(lastXid, opcode.exists, bodies.exists("/", false));

/** Requests of every type with broken records, then a sound one: answered, or the connection is closed. */
const brokenRequests: Attack = async (options) => {
  const { random } = options;
  const connection = await opened(options);
  try {
    const parts: Uint8Array[] = [];
    for (let i = random.between(1, 30); i > 0; i--) {
      const type = random.pick(requestTypes);
      const sound = soundBody(random, type);
      const body = random.chance(70) ? brokenBody(random, sound) : sound;
      parts.push(requestFrame(random.next() | 0, type, body));
    }
    const end = answered(connection, lastXid);
    connection.send(concat(...parts, lastRequest));
    await owed(end, "an answer or a close after broken requests");
  } finally {
    connection.destroy();
  }
};

/** Bytes without any sense as a connection's first: the server closes, or waits for the frame it was promised. */
const firstGarbage: Attack = async ({ target, random }) => {
  const connection = await WireConnection.open(target);
  try {
    connection.send(random.bytes(random.between(1, 500)));
    await owed(connection.close(), "an end of a connection that sent garbage");
  } finally {
    connection.destroy();
  }
};

/** A length that is not that of what follows, as the first frame or a later one. */
const lyingLength: Attack = async (options) => {
  const { target, random } = options;
  const first = random.chance(50);
  const connection = first ? await WireConnection.open(target) : await opened(options);
  try {
    const length = random.pick([
      -1,
      -0x80000000,
      0,
      1,
      3,
      7,
      11,
      43,
      44,
      45,
      1_000,
      0xfffff,
      0x100000,
      0x7fffffff,
      random.next() | 0,
    ]);
    connection.send(concat(new ByteWriter().int(length).bytes(), random.bytes(random.below(200))));
    if (length < 0 || length > 0xfffff) await owed(connection.closed, "a close after an impossible length");
    else await owed(connection.close(), "an end of a connection that promised more than it sent");
  } finally {
    connection.destroy();
  }
};

/** A connect request that is cut, changed or drawn out: refused, accepted or closed, and then ended. */
const brokenConnect: Attack = async ({ target, random }) => {
  const connection = await WireConnection.open(target);
  try {
    const sound = connectPayload({
      timeoutMs: random.next() | 0,
      sessionId: random.chance(30) ? (BigInt(random.next()) << 32n) | BigInt(random.next()) : 0n,
      lastZxidSeen: random.chance(20) ? BigInt(random.next()) : 0n,
      readOnly: random.pick([true, false, "absent"]),
    });
    const payload = brokenBody(random, sound);
    connection.send(concat(frame(payload), requestFrame(lastXid, opcode.closeSession)));
    await owed(connection.close(), "an end of a connection with a broken connect request");
  } finally {
    connection.destroy();
  }
};

/** A sound request cut anywhere, then silence, a FIN or a reset. */
const cutFrame: Attack = async (options) => {
  const { random } = options;
  const connection = await opened(options);
  try {
    const type = random.pick(requestTypes);
    const whole = requestFrame(1, type, soundBody(random, type));
    connection.send(whole.slice(0, random.below(whole.length)));
    if (random.chance(70)) await owed(connection.close(), "an end of a connection cut within a frame");
  } finally {
    connection.destroy();
  }
};

/** Sound requests in tiny pieces. */
const dribble: Attack = async (options) => {
  const { random } = options;
  const connection = await opened(options);
  try {
    const end = answered(connection, lastXid);
    const bytes = concat(requestFrame(1, opcode.getData, bodies.getData(pathOf(random), true)), lastRequest);
    for (let at = 0; at < bytes.length;) {
      const size = random.between(1, 9);
      connection.send(bytes.slice(at, at + size));
      at += size;
      await Bun.sleep(0);
    }
    await owed(end, "an answer to requests in pieces");
  } finally {
    connection.destroy();
  }
};

/** Four-letter words, whole and cut, with more behind them. */
const words: Attack = async ({ target, random }) => {
  const connection = await WireConnection.open(target);
  try {
    const word = random.pick([
      "ruok",
      "srvr",
      "stat",
      "cons",
      "mntr",
      "dump",
      "wchs",
      "wchc",
      "wchp",
      "envi",
      "conf",
      "stmk",
      "hash",
      "xxxx",
    ]);
    const bytes = new TextEncoder().encode(word);
    connection.send(
      concat(
        bytes.slice(0, random.between(1, 4)),
        random.chance(30) ? random.bytes(random.below(40)) : new Uint8Array(0),
      ),
    );
    await owed(connection.close(), "an end of a connection that asked a four-letter word");
  } finally {
    connection.destroy();
  }
};

/** Much is asked for and nothing is read; then the connection is dropped. */
const deafClient: Attack = async (options) => {
  const { random } = options;
  const connection = await opened(options);
  try {
    connection.pause();
    const ask = requestFrame(1, opcode.getData, bodies.getData(`${fuzzRoot}/large`, false));
    const once = concat(...Array.from({ length: random.between(1, 60) }, () => ask));
    for (let i = random.between(1, 8); i > 0; i--) {
      connection.send(once);
      await Bun.sleep(0);
    }
    await Bun.sleep(random.below(60));
  } finally {
    connection.destroy();
  }
};

/** A frame of the largest size there is, full of nothing. */
const largeJunk: Attack = async (options) => {
  const { random } = options;
  const connection = await opened(options);
  try {
    const end = answered(connection, lastXid);
    const type = random.pick([opcode.create, opcode.multi, opcode.setWatches, opcode.setACL, opcode.getData]);
    const body = new Uint8Array(0xfffff - 8 - random.below(10)).fill(random.below(256));
    connection.send(concat(requestFrame(1, type, body), lastRequest));
    await owed(end, "an answer or a close after a large frame of junk");
  } finally {
    connection.destroy();
  }
};

/** A session with watches and ephemerals that vanishes, and perhaps comes back twice at once. */
const vanishing: Attack = async (options) => {
  const { target, random } = options;
  const connection = await WireConnection.open(target);
  let rivals: WireConnection[] = [];
  try {
    const answer = await handshake(connection, 1);
    const view = new DataView(answer.buffer, answer.byteOffset);
    const path = `${pathOf(random)}/e`;
    connection.send(concat(
      requestFrame(1, opcode.create, bodies.create(path, "", openAcl, random.pick([1, 3]))),
      requestFrame(2, opcode.addWatch, bodies.addWatch(fuzzRoot, 1)),
      requestFrame(3, opcode.exists, bodies.exists(path, true)),
    ));
    if (random.chance(50)) connection.destroy();
    const again = frame(
      connectPayload({ sessionId: view.getBigInt64(8), password: answer.slice(20, 36), timeoutMs: 1 }),
    );
    rivals = await Promise.all(Array.from({ length: random.below(4) }, () => WireConnection.open(target)));
    for (const rival of rivals) rival.send(again);
    await Promise.all(
      rivals.map((rival) =>
        owed(Promise.race([rival.closed, rival.nextFrame()]).catch(() => {}), "an answer to a reattach")
      ),
    );
  } finally {
    connection.destroy();
    for (const rival of rivals) rival.destroy();
  }
};

/** All attacks, by name and weight. */
export const attacks: readonly (readonly [number, string, Attack])[] = [
  [40, "broken requests", brokenRequests],
  [8, "garbage first", firstGarbage],
  [10, "lying length", lyingLength],
  [10, "broken connect", brokenConnect],
  [8, "cut frame", cutFrame],
  [5, "dribble", dribble],
  [5, "four-letter words", words],
  [4, "deaf client", deafClient],
  [2, "large junk", largeJunk],
  [8, "vanishing sessions", vanishing],
];
