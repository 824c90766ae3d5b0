import { silentLogger } from "../../../src/base/log.ts";
import type { Socket } from "../../../src/base/network.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import type { WriteOp } from "../../../src/pipeline/op.ts";
import { opOf } from "../../../src/pipeline/op_table.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import {
  packetName,
  PacketSplitter,
  PacketType,
  type QuorumPacket,
} from "../../../src/protocol/quorum_packet.ts";
import { QuorumLink } from "../../../src/server/quorum_link.ts";
import { LearnerRole } from "../../../src/server/roles/learner.ts";
import { WatchMeter } from "../../../src/server/watch_meter.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { ReplicaBench } from "./replica_bench.ts";

const members = ["initLimit=5", "syncLimit=2", "server.1=h:1:2", "server.2=h:3:4", "server.3=h:5:6"];

/** The first of three servers, which leads. */
export function leaderBench(settings: readonly string[] = []): ReplicaBench {
  return new ReplicaBench([...members, ...settings]);
}

/** A follower and its leader: what the follower sends is handed to the leader when the bench says so, and back. */
export class LearnerBench {
  readonly leader: ReplicaBench;
  readonly follower: ReplicaBench;
  /** What the follower sent since it was last looked at: the packet's name, for a request with its opcode. */
  readonly sent: string[] = [];
  readonly #proposed: LoggedEntry[] = [];
  readonly #requests: (() => void)[] = [];
  #role!: LearnerRole;

  constructor(settings: readonly string[] = []) {
    this.leader = leaderBench(settings);
    this.follower = new ReplicaBench([...members, ...settings], 2);
    this.leader.onAppend = ({ zxid, bytes, start, end }) =>
      this.#proposed.push({ zxid, bytes: bytes.slice(start, end), start: 0, end: end - start });
    this.follow();
  }

  /** The follower begins its office, once more if it had one. */
  follow(): void {
    const { replica, tree, watches, metrics } = this.follower;
    replica.becomeIdle();
    const splitter = new PacketSplitter();
    const socket: Socket = {
      remoteAddress: "h",
      remotePort: 1,
      write: (bytes) => {
        splitter.push(bytes.slice(), {
          onPacket: (packet) => this.#onPacket(packet),
          onBadPacket: (reason) => {
            throw new Error(reason);
          },
        });
        return 0;
      },
      end() {},
      destroy() {},
      pause() {},
      resume() {},
    };
    this.#role = new LearnerRole({
      mode: "follower",
      tree,
      events: new WatchMeter(watches, metrics),
      link: new QuorumLink(replica, socket, undefined),
      log: { append: () => {}, remember: () => {}, forgottenUpTo: -1, snapshots: { stop() {} } as never },
      isLogged: true,
      lastZxid: tree.lastProcessedZxid,
      metrics,
      logger: silentLogger,
      host: replica,
    });
    replica.forgetSessions();
    replica.becomeServing(this.#role);
  }

  /** Lets the two work until nothing moves. */
  settle(): void {
    do {
      this.deliver();
      let durable = 0;
      for (const entry of this.#proposed.splice(0)) {
        this.#role.onProposal(entry);
        this.#role.onCommit(entry.zxid);
        durable = entry.zxid;
      }
      if (durable > 0) this.follower.replica.onDurable(durable);
      this.follower.settle();
    } while (this.#requests.length > 0);
  }

  /** The follower's office. */
  get role(): LearnerRole {
    return this.#role;
  }

  /** Hands on what the follower asked for. @returns What the leader made of it, proposed to nobody yet. */
  relay(): LoggedEntry[] {
    this.follower.endTurn();
    for (const run of this.#requests.splice(0)) run();
    this.leader.settle();
    return this.#proposed.splice(0);
  }

  /** The leader asks which sessions were heard of. */
  ping(): void {
    this.#role.onPing(0);
    this.follower.settle();
  }

  /** What the follower sent reaches the leader; what comes of it has yet to reach the follower. */
  deliver(): void {
    this.follower.settle();
    for (const run of this.#requests.splice(0)) run();
    this.leader.settle();
  }

  /** What the follower sent since this was last asked. */
  takeSent(): string[] {
    return this.sent.splice(0);
  }

  #onPacket(packet: QuorumPacket): void {
    const data = packet.data();
    const { role, replica } = this.leader;
    if (packet.type === PacketType.revalidate) {
      const id = data.long();
      this.sent.push("REVALIDATE");
      this.#requests.push(() => {
        const session = replica.sessions.get(id);
        const isValid = session !== undefined && !session.closing;
        if (isValid) session.owner = this;
        this.#role.onRevalidated(id, isValid);
      });
      return;
    }
    if (packet.type === PacketType.ping) {
      while (data.remaining > 0) this.sent.push(`PING ${data.long().toString(16)} ${data.int()}`);
    }
    if (packet.type !== PacketType.request) return void this.sent.push(packetName(packet.type));
    const sessionId = data.long();
    const cxid = data.int();
    const code = data.int();
    this.sent.push(`REQUEST ${code}`);
    if (code === OpCode.createSession) {
      const timeoutMs = data.int();
      this.#requests.push(() => role.createForwarded(sessionId, timeoutMs, this));
      return;
    }
    // Answered when a test says so.
    if (code === OpCode.sync) return;
    if (code === OpCode.sync) return void this.#requests.push(() => this.#role.onSynced());
    const body = packet.bytes.slice(data.position, data.end);
    const authIds = packet.authIds();
    this.#requests.push(() =>
      role.submitForwarded({
        from: this,
        sessionId,
        session: replica.sessions.get(sessionId) ?? null,
        cxid,
        code,
        op: opOf(code) as WriteOp,
        authIds,
        body: new JuteReader(body),
      })
    );
  }
}

/** The body of a multi: a check of `/`, then a create. */
export function checkAndCreateBody(create: (body: JuteWriter) => void) {
  return (body: JuteWriter) => {
    part(body, OpCode.check);
    body.string("/");
    body.int(-1);
    part(body, OpCode.create);
    create(body);
    body.int(-1);
    body.bool(true);
    body.int(-1);
  };
}

function part(body: JuteWriter, code: number): void {
  body.int(code);
  body.bool(false);
  body.int(-1);
}
