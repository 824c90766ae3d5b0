import { limits } from "../base/limits.ts";
import type { Clock } from "../base/clock.ts";
import { type Listener, ListenError, type Network } from "../base/network.ts";
import type { Trace } from "../base/trace.ts";
import type { ServerId } from "../quorum/quorum.ts";
import { QuorumLink, type QuorumLinkHost } from "./quorum_link.ts";

/** A learner that connects before this server knows that it leads is kept waiting for so long, ms. */
const earlyLearnerMs = 1000;
const notLeading = "this server does not lead";

/** What a {@link QuorumPort} is made of. */
export interface QuorumPortParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly links: QuorumLinkHost;
  readonly trace: Trace | undefined;
  /**
   * A learner connected.
   *
   * @returns Whether this server leads, and has taken the link; or is still to know it; or does not.
   */
  onLearner(link: QuorumLink): "taken" | "early" | "refused";
  /** Whether a server belongs to the committed membership or the last seen one. */
  isMember(id: ServerId): boolean;
}

/**
 * The quorum port. It is open all the time, not only while its server leads as Apache's: a follower that has decided a
 * moment before its leader finds it open, and waits there for that moment.
 *
 * Bound: limits.earlyLearnersMax. Of more that wait, members keep their places; the oldest gives way of those that have
 * said nothing, and then of all others.
 */
export class QuorumPort {
  readonly #parts: QuorumPortParts;
  readonly #early = new Set<QuorumLink>();
  #listeners: Listener[] = [];
  #addresses = "";

  constructor(parts: QuorumPortParts) {
    this.#parts = parts;
  }

  /**
   * Listens on these addresses and no others; connections stay as they are.
   *
   * @param addresses "" for the host means all.
   * @throws {ListenError} If none of them can be opened (Leader's constructor).
   */
  async listen(addresses: readonly { readonly host: string; readonly port: number }[]): Promise<void> {
    const wanted = addresses.map(({ host, port }) => `${host} ${port}`).join(",");
    if (wanted === this.#addresses) return;
    this.#addresses = wanted;
    for (const listener of this.#listeners.splice(0)) listener.close();
    const { network, links, trace } = this.#parts;
    let failure: unknown;
    for (const { host, port } of addresses) {
      try {
        this.#listeners.push(
          await network.listen(host, port, (socket) => {
            const link = new QuorumLink(links, socket, trace);
            this.#onLearner(link);
            return link;
          }),
        );
      } catch (error) {
        if (!(error instanceof ListenError)) throw error;
        failure = error;
      }
    }
    if (failure !== undefined && this.#listeners.length === 0) throw failure;
  }

  /** @returns The learners that came before this server knew that it leads. */
  takeEarly(): QuorumLink[] {
    const links = [...this.#early].filter((link) => !link.isClosed);
    this.#early.clear();
    return links;
  }

  /** This server does not lead: those that waited to know are told. */
  refuseEarly(): void {
    for (const link of this.#early) link.close(notLeading);
    this.#early.clear();
  }

  close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
    this.refuseEarly();
  }

  #onLearner(link: QuorumLink): void {
    const fate = this.#parts.onLearner(link);
    if (fate === "taken") return;
    if (fate === "refused") return link.close(notLeading);
    if (this.#early.size >= limits.earlyLearnersMax) this.#giveWay();
    this.#early.add(link);
    this.#parts.clock.setTimer(earlyLearnerMs, () => {
      if (this.#early.delete(link)) link.close(notLeading);
    });
  }

  /** Makes room for a learner that may be a member. */
  #giveWay(): void {
    const members = new Set<ServerId>();
    let victim: QuorumLink | undefined;
    let isSilent = false;
    // From the newest to the oldest: of several in one name the newest is the one that counts.
    for (const link of [...this.#early].toReversed()) {
      const id = link.announcedId;
      if (id !== undefined && this.#parts.isMember(id) && !members.has(id)) members.add(id);
      else if (id === undefined || !isSilent) {
        victim = link;
        isSilent = id === undefined;
      }
    }
    if (victim === undefined) return;
    this.#early.delete(victim);
    victim.close("too many learners wait");
  }
}
