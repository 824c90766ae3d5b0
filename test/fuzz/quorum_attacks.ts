/**
 * Ways to mistreat a quorum port, as a stranger or in a member's name. What is no packet, or comes out of turn, costs the
 * connection at once; a half of something costs it in time; nothing of it may reach the ensemble.
 */
import { opcode } from "../wire/codes.ts";
import { bodies, ByteWriter, concat, openAcl, subOps } from "../wire/frames.ts";
import { brokenBody, fuzzRoot, soundBody } from "./attacks.ts";
import {
  drip,
  oddLong,
  owesClose,
  type PeerAttack,
  type PeerAttackOptions,
  type PeerTarget,
  serverIdOf,
  targetOf,
  type WeightedAttack,
  withoutMember,
} from "./peer_attack.ts";
import { learnerInfo, packet, packetType, PeerSocket, requestData, type WireId } from "./peer_wire.ts";
import type { Random } from "../differential/random.ts";

/** How long a learner of ours waits for its leader's next packet, ms. */
const packetPatienceMs = 5_000;

const types: readonly number[] = Object.values(packetType);

/**
 * ACKEPOCH, most often with what cannot be. Nobody may accept an epoch in a voter's name, or ack a txn: whoever lies
 * about what is on a voter's disk breaks what quorums are for, and no server can tell.
 */
function ackEpoch({ random, impersonates }: PeerAttackOptions, zxid: bigint): Uint8Array {
  const current = random.pick(impersonates ? [-1, 0x7fffffff] : [0, 1, -1, 0x7fffffff, -0x80000000]);
  return packet(packetType.ackEpoch, zxid, new ByteWriter().int(current).bytes());
}

function typeOf(random: Random): number {
  return random.chance(85)
    ? random.pick(types)
    : random.pick([0, 9, 19, 20, 21, -1, 1 << 24, random.next() | 0]);
}

function idsOf(random: Random): WireId[] | null {
  const word = () => random.pick(["world", "anyone", "digest", "ip", "super", "auth", "", "x:y", null]);
  return random.weighted<WireId[] | null>([
    [6, null],
    [2, []],
    [3, Array.from({ length: random.between(1, 5) }, () => ({ scheme: word(), id: word() }))],
  ]);
}

/** A packet that could be one, with whatever in it. */
function anyPacket(options: PeerAttackOptions): Uint8Array {
  const { random } = options;
  const data = random.weighted<Uint8Array | null>([
    [3, null],
    [1, new Uint8Array(0)],
    [3, random.bytes(random.below(60))],
    [3, requestData(oddLong(random), random.below(9), requestType(random), random.bytes(random.below(40)))],
  ]);
  const type = typeOf(random);
  const zxid = oddLong(random);
  return type === packetType.ackEpoch ? ackEpoch(options, zxid) : packet(type, zxid, data, idsOf(random));
}

/** Every request there is but a change of the membership, which is a stranger's to ask for as much as a learner's. */
const requestTypes: readonly number[] = Object.values(opcode).filter((type) => type !== opcode.reconfig);

function requestType(random: Random): number {
  return random.weighted([
    [8, random.pick(requestTypes)],
    [2, random.pick([0, 10, 13, 20, 23, 99, 108, -2, -10, -11, 1_000_000, -0x80000000])],
  ]);
}

/** A learner that has been let in. */
interface Guest {
  readonly socket: PeerSocket;
  /** Zxid of NEWLEADER. */
  readonly epochZxid: bigint;
}

/** What a learner of ours tells of itself. */
interface GuestOptions {
  readonly observes?: boolean;
}

/** Follows as a sound learner does, up to UPTODATE; in a member's name it observes. @returns Null when not let in. */
async function joinLeader(
  options: PeerAttackOptions,
  target: PeerTarget,
  { observes = true }: GuestOptions = {},
): Promise<Guest | null> {
  const { random, impersonates } = options;
  const type = observes || impersonates ? packetType.observerInfo : packetType.followerInfo;
  // What its log ends with: something that is not old, most of the time; nothing; something that never was.
  const zxid = random.weighted([[7, options.zxid()], [1, 0n], [2, oddLong(random)]]);
  let epochZxid = 0n;
  const socket = await PeerSocket.open(target.quorum);
  socket.keepPackets();
  const give = () => {
    socket.destroy();
    return null;
  };
  await socket.send(packet(type, 0n, learnerInfo(serverIdOf(options))));
  for (;;) {
    const came = await socket.nextPacket(packetPatienceMs);
    if (came === null || came === undefined) return give();
    switch (came.type) {
      case packetType.leaderInfo:
        await socket.send(packet(packetType.ackEpoch, zxid, new ByteWriter().int(1).bytes()));
        break;
      case packetType.snap:
        if (!await socket.skipTree(packetPatienceMs)) return give();
        break;
      case packetType.newLeader:
        epochZxid = came.zxid;
        await socket.send(packet(packetType.ack, came.zxid));
        break;
      case packetType.upToDate:
        await socket.send(packet(packetType.ack, epochZxid));
        return { socket, epochZxid };
    }
  }
}

/** Answers PINGs for a while. */
async function behave({ socket }: Guest, forMs: number): Promise<void> {
  const untilMs = performance.now() + forMs;
  for (let leftMs = forMs; leftMs > 0 && !socket.isEnded; leftMs = untilMs - performance.now()) {
    const came = await socket.nextPacket(leftMs);
    if (came === null || came === undefined) return;
    if (came.type === packetType.ping) {
      await socket.send(packet(packetType.ping, came.zxid, new Uint8Array(0)));
    }
  }
}

/** Bytes without any sense; what could be their first packet is awaited until it cannot be one. */
const garbage: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await PeerSocket.open(targetOf(options).quorum);
  try {
    const bytes = random.bytes(random.between(1, 3000));
    await socket.send(bytes);
    if (bytes.length >= 20) await owesClose(socket, "after garbage");
  } finally {
    socket.destroy();
  }
};

/** A length of data, of the list of ids or of a string in it that cannot be, or is not that of what follows. */
const lyingLength: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await PeerSocket.open(targetOf(options).quorum);
  try {
    const lie = random.pick([-2, -0x80000000, 0x7fffffff, 2_097_151, 0x1000000, 1_000_000, 5_000, 64]);
    const writer = new ByteWriter().int(random.pick(types)).long(0n);
    const spot = random.below(3);
    if (spot === 0) writer.int(lie);
    else if (spot === 1) writer.buffer(learnerInfo(serverIdOf(options))).int(lie);
    else writer.buffer(learnerInfo(serverIdOf(options))).int(1).buffer("digest").int(lie);
    await socket.send(concat(writer.bytes(), random.bytes(random.below(100))));
    if (lie < -1 || lie > 2_097_150) await owesClose(socket, `after a length of ${lie}`);
    else await Bun.sleep(random.below(200));
  } finally {
    socket.destroy();
  }
};

/** First words that no learner begins with. */
const wrongBegin: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await PeerSocket.open(targetOf(options).quorum);
  try {
    const type = random.pick([...types.filter((one) => one !== 11 && one !== 16), 0, -1, 99]);
    await socket.send(
      packet(type, oddLong(random), random.chance(50) ? null : random.bytes(random.below(40))),
    );
    await owesClose(socket, `after packet type ${type} as its first`);
  } finally {
    socket.destroy();
  }
};

/** FOLLOWERINFO and OBSERVERINFO with everything at its edge, then whatever. */
const oddInfo: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await PeerSocket.open(targetOf(options).quorum);
  try {
    const sound = learnerInfo(
      serverIdOf(options),
      random.chance(60) ? 0n : oddLong(random),
      random.pick([0x10000, 0, -1, 0x20000]),
    );
    const data = random.chance(50) ? sound : withoutMember(options, brokenBody(random, sound), 0);
    const epoch = random.weighted([
      [3, 0n],
      [3, BigInt(random.between(0, 40)) << 32n],
      [2, 0x1f_fffen << 32n],
      [2, 0x1f_ffffn << 32n],
      [3, oddLong(random)],
    ]);
    const type = random.pick([packetType.followerInfo, packetType.observerInfo]);
    socket.keepPackets();
    await socket.send(packet(type, epoch, random.chance(5) ? null : data));
    for (let step = random.below(4); step > 0; step--) {
      const came = await socket.nextPacket(random.below(300));
      if (came === null) return;
      if (came?.type === packetType.leaderInfo && random.chance(70)) {
        await socket.send(ackEpoch(options, oddLong(random)));
      } else await socket.send(anyPacket(options));
    }
  } finally {
    socket.destroy();
  }
};

/** Everything that a learner could ever say, in one piece and at once. */
const outOfTurn: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await PeerSocket.open(targetOf(options).quorum);
  try {
    const type = random.pick([packetType.followerInfo, packetType.observerInfo]);
    const parts = [packet(type, 0n, learnerInfo(serverIdOf(options)))];
    for (let count = random.between(1, 12); count > 0; count--) parts.push(anyPacket(options));
    if (random.chance(30)) parts.splice(random.below(parts.length), 0, parts[0]);
    if (random.chance(70)) {
      parts.splice(1, 0, ackEpoch(options, 0n));
    }
    await socket.send(concat(...parts));
    await Bun.sleep(random.below(200));
  } finally {
    socket.destroy();
  }
};

/** More than fits anything before it is a learner's turn. */
const earlyFlood: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await PeerSocket.open(targetOf(options).quorum);
  try {
    const chunk = new Uint8Array(256 * 1024).fill(random.below(256));
    const first = random.pick([
      packet(packetType.followerInfo, 0n, learnerInfo(serverIdOf(options))),
      new ByteWriter().int(packetType.followerInfo).long(0n).int(2_000_000).bytes(),
      // As many ids as may be, each as long as may be: gigabytes for one packet.
      new ByteWriter().int(packetType.observerInfo).long(0n).buffer(learnerInfo(serverIdOf(options))).int(
        4096,
      ).bytes(),
    ]);
    await socket.send(first);
    const field = concat(new ByteWriter().int(2_000_000).bytes(), new Uint8Array(2_000_000).fill(0x61));
    const isIds = first.length > 30 && random.chance(70);
    for (let count = random.between(1, 24); count > 0 && !socket.isEnded; count--) {
      await socket.send(isIds ? field : chunk);
    }
  } finally {
    socket.destroy();
  }
};

/** A half of something, byte by byte or not, and then silence. */
const slowLoris: PeerAttack = async (options) => {
  const { random } = options;
  const socket = await PeerSocket.open(targetOf(options).quorum);
  try {
    const whole = packet(
      random.pick([packetType.followerInfo, packetType.observerInfo]),
      0n,
      learnerInfo(serverIdOf(options)),
    );
    const part = whole.subarray(0, random.below(whole.length));
    if (random.chance(50)) await drip(socket, part, random);
    else await socket.send(part);
    await Bun.sleep(random.between(100, 2_000));
    if (random.chance(30)) socket.end();
  } finally {
    socket.destroy();
  }
};

/** Hundreds of connections at once, with a word or without. */
const crowd: PeerAttack = async (options) => {
  const { random } = options;
  const { quorum } = targetOf(options);
  const opened = await Promise.allSettled(
    Array.from({ length: random.between(50, 400) }, () => PeerSocket.open(quorum)),
  );
  const sockets = opened.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  try {
    const how = random.below(3);
    for (const socket of sockets) {
      if (how === 0) continue;
      await socket.send(packet(packetType.observerInfo, 0n, learnerInfo(serverIdOf(options))));
      if (how === 2) await socket.send(ackEpoch(options, -1n));
    }
    await Bun.sleep(random.below(1_000));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
};

/** Asks for the whole tree and reads none of it, for a while; more of the kind at once. */
const deafLearners: PeerAttack = async (options) => {
  const { random } = options;
  const { quorum } = targetOf(options);
  const sockets: PeerSocket[] = [];
  try {
    for (let count = random.between(1, 20); count > 0; count--) {
      const socket = await PeerSocket.open(quorum);
      sockets.push(socket);
      socket.pause();
      const type = random.pick([packetType.followerInfo, packetType.observerInfo]);
      // Behind -1 no log goes on.
      await socket.send(concat(
        packet(type, 0n, learnerInfo(serverIdOf(options))),
        ackEpoch(options, -1n),
      ));
    }
    for (let count = random.between(1, 10); count > 0; count--) {
      await Bun.sleep(random.below(200));
      for (const socket of sockets) {
        if (random.chance(50)) await socket.send(packet(packetType.ping, 0n, new Uint8Array(0)));
      }
    }
  } finally {
    for (const socket of sockets) socket.destroy();
  }
};

/** Acks of what was never proposed, twice, backwards, or not its to ack. */
const oddAcks: PeerAttack = async (options) => {
  const { random } = options;
  const guest = await joinLeader(options, targetOf(options), { observes: random.chance(30) });
  if (guest === null) return;
  try {
    const parts = Array.from({ length: random.between(1, 30) }, () => {
      const zxid = random.chance(50) ? oddLong(random) : guest.epochZxid + BigInt(random.between(-5, 10_000));
      return packet(packetType.ack, zxid, random.chance(80) ? null : random.bytes(random.below(20)));
    });
    await guest.socket.send(concat(...parts));
    await behave(guest, random.below(500));
  } finally {
    guest.socket.destroy();
  }
};

/** PING and REVALIDATE with bodies that are none, and sessions that are not there. */
const oddTouches: PeerAttack = async (options) => {
  const { random } = options;
  const guest = await joinLeader(options, targetOf(options));
  if (guest === null) return;
  try {
    for (let count = random.between(1, 10); count > 0 && !guest.socket.isEnded; count--) {
      const sessions = new ByteWriter();
      for (let session = random.below(40); session > 0; session--) {
        sessions.long(oddLong(random)).int(random.next() | 0);
      }
      const sound = sessions.bytes();
      const data = random.chance(50) ? sound : brokenBody(random, sound);
      const type = random.pick([packetType.ping, packetType.revalidate]);
      await guest.socket.send(packet(type, oddLong(random), random.chance(10) ? null : data));
      await behave(guest, random.below(50));
    }
  } finally {
    guest.socket.destroy();
  }
};

/** Requests in the name of sessions that there are not, of its own, and of what can be no session. */
const oddRequests: PeerAttack = async (options) => {
  const { random } = options;
  const guest = await joinLeader(options, targetOf(options));
  if (guest === null) return;
  try {
    const own = 0x6600_0000_0000_0000n | BigInt(random.next());
    await guest.socket.send(createSession(own, random.pick([400, 1_000, 4_000, -1, -0x80000000])));
    const parts: Uint8Array[] = [];
    for (let count = random.between(1, 40); count > 0; count--) {
      const type = requestType(random);
      const sound = soundBody(random, type);
      const body = random.chance(60) ? sound : brokenBody(random, sound);
      const session = random.chance(60) ? own : oddLong(random);
      const data = type === -10 && body.length >= 4
        ? requestData(session, 0, type, new ByteWriter().int(random.between(-5, 4_000)).bytes())
        : requestData(session, random.below(100), type, body);
      const cut = random.chance(10) ? data.subarray(0, random.below(data.length + 1)) : data;
      parts.push(packet(packetType.request, -1n, random.chance(2) ? null : cut, idsOf(random)));
    }
    if (random.chance(50)) await guest.socket.send(concat(...parts));
    else {
      for (const part of parts) {
        await guest.socket.send(part);
        await behave(guest, random.below(20));
      }
    }
    await behave(guest, random.below(400));
  } finally {
    guest.socket.destroy();
  }
};

function createSession(session: bigint, timeoutMs: number): Uint8Array {
  const body = new ByteWriter().int(timeoutMs).bytes();
  return packet(packetType.request, -1n, requestData(session, 0, -10, body));
}

/** Requests as large as a packet may be, and some that would grow on their way into the log. */
const hugeRequests: PeerAttack = async (options) => {
  const { random } = options;
  const guest = await joinLeader(options, targetOf(options));
  if (guest === null) return;
  try {
    const own = 0x6700_0000_0000_0000n | BigInt(random.next());
    await guest.socket.send(createSession(own, 2_000));
    const ids = Array.from(
      { length: random.between(1, 30) },
      (_, n) => ({ scheme: "digest", id: `user${n}:hash` }),
    );
    const data = hugeBody(random);
    await guest.socket.send(
      packet(packetType.request, -1n, requestData(own, 1, data.type, data.body), ids),
      5_000,
    );
    await behave(guest, random.below(500));
  } finally {
    guest.socket.destroy();
  }
};

function hugeBody(random: Random): { type: number; body: Uint8Array } {
  const most = 2_097_150 - 16;
  switch (random.below(3)) {
    case 0: {
      const overhead = bodies.create(`${fuzzRoot}/huge`, "", openAcl, 0).length;
      const body = bodies.create(
        `${fuzzRoot}/huge`,
        new Uint8Array(most - overhead - random.below(60)),
        openAcl,
        0,
      );
      return { type: opcode.create, body };
    }
    case 1:
      return { type: opcode.multi, body: new Uint8Array(most - random.below(20)).fill(random.below(256)) };
    default: {
      const acl = random.chance(50) ? openAcl : [{ perms: 31, scheme: "auth", id: "" }];
      const parts = Array.from(
        { length: random.between(1_000, 15_000) },
        () => subOps.create(`${fuzzRoot}/s-`, "", acl, 2),
      );
      return { type: opcode.multi, body: bodies.multi(parts) };
    }
  }
}

/** So many requests at once that nobody sensible would send. */
const requestFlood: PeerAttack = async (options) => {
  const { random } = options;
  const guest = await joinLeader(options, targetOf(options));
  if (guest === null) return;
  try {
    guest.socket.pause();
    const one = packet(
      packetType.request,
      -1n,
      requestData(
        oddLong(random),
        1,
        random.pick([opcode.setData, opcode.sync, 99, -10]),
        new ByteWriter().int(500).bytes(),
      ),
    );
    const many = concat(...Array.from({ length: 100 }, () => one));
    for (let count = random.between(1, 10); count > 0 && !guest.socket.isEnded; count--) {
      await guest.socket.send(many);
    }
    await Bun.sleep(random.below(300));
  } finally {
    guest.socket.destroy();
  }
};

/** An observer without fault for a while, then anything. */
const turncoat: PeerAttack = async (options) => {
  const { random } = options;
  const guest = await joinLeader(options, targetOf(options));
  if (guest === null) return;
  try {
    await behave(guest, random.between(200, 2_500));
    const last = random.below(4);
    if (last === 0) await guest.socket.send(random.bytes(random.between(20, 2_000)));
    else if (last === 1) {
      await guest.socket.send(packet(packetType.followerInfo, 0n, learnerInfo(serverIdOf(options))));
    } else if (last === 2) {
      guest.socket.pause();
      await Bun.sleep(random.between(100, 1_500));
      return;
    } else {
      for (let count = random.between(1, 10); count > 0; count--) await guest.socket.send(anyPacket(options));
    }
    await Bun.sleep(random.below(100));
  } finally {
    guest.socket.destroy();
  }
};

/** All attacks on the quorum port. */
export const quorumAttacks: readonly WeightedAttack[] = [
  [8, "garbage on the quorum port", garbage],
  [10, "lying lengths of packets", lyingLength],
  [8, "wrong first packets", wrongBegin],
  [16, "odd learners", oddInfo],
  [12, "packets out of turn", outOfTurn],
  [2, "early floods", earlyFlood],
  [6, "slow learners", slowLoris],
  [2, "crowds of learners", crowd],
  [3, "deaf learners", deafLearners],
  [8, "odd acks", oddAcks],
  [8, "odd touches", oddTouches],
  [14, "odd forwarded requests", oddRequests],
  [3, "huge forwarded requests", hugeRequests],
  [3, "floods of forwarded requests", requestFlood],
  [5, "turncoat observers", turncoat],
];
