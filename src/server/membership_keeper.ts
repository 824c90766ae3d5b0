import type { Disk } from "../base/disk.ts";
import type { Logger } from "../base/log.ts";
import type { ElectionMembership } from "../election/election.ts";
import type { EnsembleConfig } from "../config/server_config.ts";
import { JuteReader } from "../jute/reader.ts";
import { OpCode } from "../protocol/op_code.ts";
import { txnHeaderBytes, txnTypeOf } from "../protocol/txn.ts";
import { zxidToHex } from "../protocol/zxid.ts";
import {
  type EnsembleServer,
  type Membership,
  membershipText,
  quorumOf,
  serverOf,
  votersOf,
  weightOf,
} from "../quorum/membership.ts";
import { MembershipTextError, parseMembershipText } from "../quorum/membership_text.ts";
import type { Quorum, ServerId } from "../quorum/quorum.ts";
import { DynamicConfig } from "../storage/dynamic_config.ts";
import type { LoggedEntry } from "../zab/committed_log.ts";

/**
 * Who belongs to the ensemble, as one server knows it: the committed membership, and a newer one that was proposed and
 * may be committed already, which then counts beside it (QuorumPeer's quorumVerifier and lastSeenQuorumVerifier).
 *
 * Without `reconfigEnabled` there is nothing but the server list of the configuration.
 */
export class MembershipKeeper {
  readonly isChangeable: boolean;
  readonly #self: ServerId;
  readonly #logger: Logger;
  readonly #files: DynamicConfig | null;
  #committed: Membership;
  #lastSeen: Membership;
  /** The files hold it, too: the next start would know it. */
  #isLastSeenKept = true;
  /**
   * What the data says, while it is not known whether it and the configuration are of one ensemble; null once that is
   * known, or when it says nothing.
   */
  #remembered: Membership | null = null;
  /** What this server was when it was a member last, or is to be: it keeps its addresses while it is none. */
  #ownLast: EnsembleServer | undefined;

  /** @param zooCfg Absolute path of the zoo.cfg; undefined without one: then changes are kept in memory only. */
  constructor(
    options: {
      readonly self: ServerId;
      readonly config: EnsembleConfig;
      readonly zooCfg: string | undefined;
      readonly disk: Disk;
      readonly logger: Logger;
    },
  ) {
    const { self, config, zooCfg, disk, logger } = options;
    this.#self = self;
    this.#logger = logger;
    this.isChangeable = config.reconfigEnabled;
    this.#committed = config.membership;
    this.#lastSeen = config.reconfigEnabled ? config.lastSeen ?? config.membership : config.membership;
    this.#ownLast = this.own ?? serverOf(this.#lastSeen, self);
    this.#files = config.reconfigEnabled && zooCfg !== undefined
      ? new DynamicConfig(disk, zooCfg, self)
      : null;
  }

  get committed(): Membership {
    return this.#committed;
  }

  /** The committed one, unless a newer one was proposed. */
  get lastSeen(): Membership {
    return this.#lastSeen;
  }

  /** A proposed membership waits for its commit. */
  get isChanging(): boolean {
    return this.#lastSeen !== this.#committed;
  }

  /** The committed one's quorum, and the last-seen one's when that is newer: each must be satisfied. */
  get quorums(): Quorum[] {
    const committed = quorumOf(this.#committed);
    return this.isChanging ? [committed, quorumOf(this.#lastSeen)] : [committed];
  }

  /** What this server is by the committed membership; undefined when it is not in it. */
  get own(): EnsembleServer | undefined {
    return serverOf(this.#committed, this.#self);
  }

  /** As {@link own}; while it is no member, what it was when it was one last, or was to be when it was started. */
  get ownLast(): EnsembleServer | undefined {
    return this.#ownLast;
  }

  /** What is known of a server, from either membership. */
  find(server: ServerId): EnsembleServer | undefined {
    return serverOf(this.#committed, server) ?? serverOf(this.#lastSeen, server) ??
      (server === this.#self ? this.#ownLast : undefined);
  }

  forElection(): ElectionMembership {
    const committed = this.#committed;
    const self = this.#self;
    return {
      self,
      selfVotes: votersOf(committed).some((server) => server.id === self),
      selfObserves: this.own?.observer === true,
      quorums: this.quorums,
      weightOf: (server) => weightOf(committed, server),
      configText: membershipText(committed),
    };
  }

  /** Whether an election could make a server the leader ({@link ElectionMembership.weightOf}). */
  mayLead(server: ServerId): boolean {
    return weightOf(this.#committed, server) > 0;
  }

  /**
   * The newest membership that the data says was proposed, which the files may not hold yet.
   *
   * It counts at once, unless an operator wrote the servers into zoo.cfg: then the data may be of another ensemble, whose
   * servers nobody here can reach. It does not count until another server tells of an older one: those who go by that
   * have not heard yet what this server's data knows, and may be too few for it.
   *
   * @throws {DiskError} It counts all the same, but not after the next start.
   */
  remember(membership: Membership, isWordOfOperator: boolean): void {
    if (!this.isChangeable || membership.version <= this.#lastSeen.version) return;
    if (isWordOfOperator) this.#remembered = membership;
    else this.propose(membership);
  }

  /**
   * What the tree shows: never less than the data alone says, so that the next snapshot says it too.
   *
   * @param isServing Clients, who must not be shown what may never be committed, read the tree. A server whose files do
   *   not take a proposal leaves its office for that; then the txns of its log are in the tree.
   */
  shown(isServing: boolean): Membership {
    return this.#remembered ?? (isServing || this.#isLastSeenKept ? this.#committed : this.#lastSeen);
  }

  /** Keeps the zoo.cfg as it was before a change rewrites it. @throws {DiskError} */
  backUp(): void {
    this.#files?.backUp();
  }

  /**
   * A newer membership was proposed: it counts from now on, durably.
   *
   * @throws {DiskError} It counts all the same, but not after the next start: its txn must not be acked.
   */
  propose(membership: Membership): void {
    if (!this.isChangeable || membership.version < this.#lastSeen.version) return;
    this.#setLastSeen(membership);
  }

  /**
   * A leader's membership counts from now on beside the committed one, durably; one that was proposed before and that
   * the leader does not know was never committed, and is forgotten with its txn. (QuorumPeer.setLastSeenQuorumVerifier)
   *
   * @throws {DiskError} It counts all the same, but not after the next start: NEWLEADER must not be acked.
   */
  adopt(membership: Membership): void {
    const { version } = membership;
    if (!this.isChangeable || version < this.#committed.version) return;
    this.#remembered = null;
    if (version !== this.#committed.version) return this.#setLastSeen(membership);
    if (!this.isChanging) return;
    this.#lastSeen = this.#committed;
    this.#isLastSeenKept = true;
    this.#files?.withdraw();
  }

  /**
   * A membership is committed: it alone counts from now on.
   *
   * @returns Whether it is new.
   * @throws {DiskError} It counts all the same; what the next start finds is at worst the one before, and this one
   *   still as proposed.
   */
  commit(membership: Membership): boolean {
    if (!this.isChangeable || membership.version <= this.#committed.version) return false;
    this.#committed = membership;
    this.#ownLast = this.own ?? this.#ownLast;
    const remembered = this.#remembered;
    this.#remembered = null;
    if (this.#lastSeen.version <= membership.version) {
      this.#lastSeen = membership;
      this.#isLastSeenKept = true;
    }
    this.#logger.info("The membership is another one now", {
      version: `0x${zxidToHex(membership.version)}`,
      voters: votersOf(membership).map(({ id }) => id).join(", "),
      servers: membership.servers.length,
    });
    // First, lest a stop between the two leave the older one alone.
    if (remembered !== null && remembered.version > this.#lastSeen.version) this.#setLastSeen(remembered);
    this.#files?.commit(membership, !this.isChanging);
    return true;
  }

  /** @returns A membership from another server's text; null, with a log line, when it is none. */
  read(text: string, from: ServerId): Membership | null {
    try {
      return parseMembershipText(text);
    } catch (error) {
      if (!(error instanceof MembershipTextError)) throw error;
      this.#logger.warn("A server sent a configuration that cannot be one", { from, reason: error.message });
      return null;
    }
  }

  /** @returns The membership that a proposal brings; null for every other txn, and for one that cannot be read. */
  proposedBy({ bytes, start, end }: LoggedEntry, from: ServerId): Membership | null {
    if (txnTypeOf(bytes, start) !== OpCode.reconfig) return null;
    const reader = new JuteReader(bytes, start + txnHeaderBytes, end);
    reader.string();
    const data = reader.buffer();
    return data === null ? null : this.read(new TextDecoder().decode(data), from);
  }

  /** @throws {DiskError} */
  #setLastSeen(membership: Membership): void {
    // The same again is one that the disk did not take.
    if (membership.version === this.#lastSeen.version && this.#isLastSeenKept) return;
    this.#lastSeen = membership;
    this.#isLastSeenKept = false;
    this.#files?.propose(membership);
    this.#isLastSeenKept = true;
  }
}
