/**
 * Ways to mistreat an election port, as a stranger or in a member's name. Strangers are answered and not heard; who
 * takes a member's name may cost an election, and no more.
 */
import { createServer, type Server } from "node:net";
import { ByteWriter, concat, frame } from "../wire/frames.ts";
import { brokenBody } from "./attacks.ts";
import {
  drip,
  oddLong,
  owesClose,
  type PeerAttack,
  type PeerAttackOptions,
  serverIdOf,
  type WeightedAttack,
  withoutMember,
} from "./peer_attack.ts";
import { handshake, notificationBody, PeerSocket } from "./peer_wire.ts";
import type { Random } from "../differential/random.ts";

/** An observer that does not give its id. */
const anonymous = 0x7fff_ffff_ffff_ffffn;

/** An address that is not dialled further than this machine, if at all. */
function addressOf(random: Random): string {
  return random.pick([
    "127.0.0.1:1",
    "127.0.0.1:0",
    "127.0.0.1:65535",
    "127.0.0.1:65536",
    "127.7.7.7:1",
    "0.0.0.0:3888",
    "[::1]:1",
    "[::]:1",
    "localhost:1",
    "127.0.0.1",
    ":",
    "127.0.0.1:1|127.0.0.1:2",
    "|",
    "\0:1",
    "127.0.0.1:1".repeat(100),
  ]);
}

/** An id that may open a link: of somebody greater, who is not dialled back, or of anybody. */
function idOf(options: PeerAttackOptions): bigint {
  const { random, impersonates } = options;
  if (impersonates && random.chance(80)) return serverIdOf(options);
  return random.weighted([[6, BigInt(random.between(4, 2_000))], [2, anonymous], [2, serverIdOf(options)]]);
}

/** A link for notifications. */
async function linked(options: PeerAttackOptions): Promise<PeerSocket> {
  const { servers, random } = options;
  const socket = await PeerSocket.open(random.pick(servers).election);
  await socket.send(handshake(idOf(options), addressOf(random)));
  return socket;
}

/** A notification with everything at its edge. */
function oddNotification({ random, servers }: PeerAttackOptions): Uint8Array {
  const member = () => BigInt(random.pick(servers).id);
  return notificationBody({
    state: random.weighted([[6, 0], [3, random.between(1, 3)], [1, random.pick([4, -1, 0x7fffffff])]]),
    leader: random.chance(70) ? member() : oddLong(random),
    zxid: random.chance(30) ? BigInt(random.below(3)) << 32n : oddLong(random),
    round: random.chance(30) ? BigInt(random.below(20)) : oddLong(random),
    peerEpoch: random.chance(30) ? BigInt(random.below(5)) : oddLong(random),
    version: random.weighted([[6, 2], [1, random.pick([0, 1, 3, -1, 0x7fffffff])]]),
    config: configOf(random),
  });
}

/** The text of a membership, of none, or of one that is older than any; a newer one would have to be believed. */
function configOf(random: Random): Uint8Array | string | null {
  const sound = "server.1=127.0.0.1:1:2:participant\nserver.2=127.0.0.1:3:4:participant\nversion=";
  return random.weighted<Uint8Array | string | null>([
    [3, ""],
    [1, null],
    [2, `${sound}${random.pick(["0", "7fffffffffffffff", "xyz", "-1", ""])}`],
    [2, random.bytes(random.below(300))],
    [
      1,
      random.pick([
        "version",
        "server.=",
        "server.1=x",
        "group.1=1",
        "weight.1=-1",
        "a=b\nversion=1",
        "\\u12",
      ]),
    ],
    [1, "server.5=127.0.0.1:1:2:observer\nversion=0"],
    [1, "#".repeat(100_000)],
  ]);
}

/** Bytes without any sense. */
const garbage: PeerAttack = async ({ servers, random }) => {
  const socket = await PeerSocket.open(random.pick(servers).election);
  try {
    const bytes = random.bytes(random.between(1, 4_000));
    // A server before 3.5 would say its id and no more; a negative version that is none is the end.
    if (bytes.length >= 8) bytes[0] |= 0x80;
    await socket.send(bytes);
    if (bytes.length >= 8) await owesClose(socket, "after garbage instead of a handshake");
  } finally {
    socket.destroy();
  }
};

/** Handshakes with lengths, ids and addresses that cannot be. */
const oddHandshake: PeerAttack = async (options) => {
  const { servers, random } = options;
  const socket = await PeerSocket.open(random.pick(servers).election);
  try {
    const form = random.below(4);
    if (form === 0) {
      const length = random.pick([0, -1, 2_049, 0x7fffffff, -0x80000000]);
      const words = new ByteWriter().long(-65536n).long(idOf(options)).int(length).bytes();
      await socket.send(concat(words, random.bytes(random.below(50))));
      await owesClose(socket, `after an address of ${length} bytes`);
    } else if (form === 1) {
      const version = random.pick([-65537n, -1n, -0x8000_0000_0000_0000n, -65534n]);
      await socket.send(handshake(idOf(options), addressOf(random), version));
      await owesClose(socket, `after protocol version ${version}`);
    } else if (form === 2) {
      const sound = handshake(idOf(options), addressOf(random), random.pick([-65536n, -65535n]));
      const broken = withoutMember(options, withoutMember(options, brokenBody(random, sound), 0), 8);
      await socket.send(broken);
      await Bun.sleep(random.below(200));
    } else {
      // As before 3.5: the id and no more.
      const id = idOf(options);
      await socket.send(new ByteWriter().long(id < 0n ? -id - 1n : id).bytes());
      await socket.send(frame(oddNotification(options)));
      await Bun.sleep(random.below(200));
    }
  } finally {
    socket.destroy();
  }
};

/** Messages that are too short, too long, or no notifications. */
const oddMessages: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await linked(options);
  try {
    for (let count = random.between(1, 20); count > 0 && !socket.isEnded; count--) {
      const form = random.below(5);
      if (form === 0) await socket.send(frame(random.bytes(random.below(61))));
      else if (form === 1) await socket.send(frame(brokenBody(random, oddNotification(options))));
      else if (form === 2) await socket.send(frame(oddNotification(options)));
      else if (form === 3) await drip(socket, frame(oddNotification(options)).subarray(0, 60), random);
      else {
        const length = random.pick([0, -1, 524_289, 0x7fffffff, -0x80000000, 524_288, 100_000]);
        await socket.send(concat(new ByteWriter().int(length).bytes(), random.bytes(random.below(40))));
      }
    }
    await Bun.sleep(random.below(100));
  } finally {
    socket.destroy();
  }
};

/** Votes for anybody, with the greatest of everything, again and again. */
const votes: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await linked(options);
  try {
    for (let count = random.between(1, 30); count > 0 && !socket.isEnded; count--) {
      await socket.send(frame(oddNotification(options)));
      await Bun.sleep(random.below(30));
    }
  } finally {
    socket.destroy();
  }
};

/** Votes without end, whose answers nobody reads. */
const voteFlood: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await linked(options);
  try {
    if (random.chance(70)) socket.pause();
    const one = frame(oddNotification(options));
    const copies = Math.max(1, Math.floor(65_536 / one.length));
    const many = concat(...Array.from({ length: copies }, () => one));
    for (let count = random.between(1, 30); count > 0 && !socket.isEnded; count--) await socket.send(many);
  } finally {
    socket.destroy();
  }
};

/** Half of a handshake or of a notification, and then silence. */
const slowLoris: PeerAttack = async (options) => {
  const { servers, random } = options;
  const isLinked = random.chance(50);
  const socket = isLinked ? await linked(options) : await PeerSocket.open(random.pick(servers).election);
  try {
    const whole = isLinked ? frame(oddNotification(options)) : handshake(idOf(options), "127.0.0.1:1");
    await drip(socket, whole.subarray(0, Math.min(100, random.below(whole.length))), random);
    await Bun.sleep(random.between(100, 2_000));
  } finally {
    socket.destroy();
  }
};

/** Hundreds of connections at once: silent, or each in another name. */
const crowd: PeerAttack = async (options) => {
  const { servers, random } = options;
  const { election } = random.pick(servers);
  const opened = await Promise.allSettled(
    Array.from({ length: random.between(50, 400) }, () => PeerSocket.open(election)),
  );
  const sockets = opened.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  try {
    const how = random.below(4);
    const firstId = BigInt(random.between(1_000, 1_000_000_000));
    for (const [index, socket] of sockets.entries()) {
      if (how === 1) await socket.send(handshake(firstId + BigInt(index), "127.0.0.1:1"));
      if (how === 2) await socket.send(handshake(anonymous, "127.0.0.1:1"));
      // Smaller than all members: it is dialled back.
      if (how === 3) await socket.send(handshake(0n, `127.0.0.1:${random.between(1, 9)}`));
    }
    await Bun.sleep(random.below(1_000));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
};

/** Has itself dialled back, in a name smaller than that of all members or in one of theirs, and is rude then. */
const dialBackTrap: PeerAttack = async (options) => {
  const { servers, random, impersonates } = options;
  const came: PeerSocket[] = [];
  const listener: Server = createServer((socket) => void came.push(PeerSocket.of(socket)));
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
  const address = `127.0.0.1:${(listener.address() as { port: number }).port}`;
  const id = impersonates && random.chance(80) ? BigInt(random.pick(servers).id) : 0n;
  const socket = await PeerSocket.open(random.pick(servers).election).catch((error) => {
    listener.close();
    throw error;
  });
  try {
    await socket.send(handshake(id, address));
    const untilMs = performance.now() + random.between(100, 600);
    while (came.length === 0 && performance.now() < untilMs) await Bun.sleep(5);
    for (const one of came) {
      const form = random.below(4);
      if (form === 0) one.pause();
      else if (form === 1) await one.send(random.bytes(random.below(500)));
      else if (form === 2) await one.send(frame(oddNotification(options)));
      else one.destroy();
    }
    await Bun.sleep(random.below(500));
  } finally {
    listener.close();
    socket.destroy();
    for (const one of came) one.destroy();
  }
};

/** All attacks on the election port. */
export const electionAttacks: readonly WeightedAttack[] = [
  [8, "garbage on the election port", garbage],
  [12, "odd handshakes", oddHandshake],
  [14, "odd messages", oddMessages],
  [14, "odd votes", votes],
  [3, "floods of votes", voteFlood],
  [6, "slow voters", slowLoris],
  [2, "crowds of voters", crowd],
  [6, "dial-back traps", dialBackTrap],
];
