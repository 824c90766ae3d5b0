import type { QuorumPacket } from "../../protocol/quorum_packet.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Seat } from "../../zab/seat.ts";
import type { QuorumLink, QuorumLinkOwner } from "../quorum_link.ts";

/** Who hears what a learner says. */
export interface LearnerHandlerHost {
  onPacket(handler: LearnerHandler, packet: QuorumPacket): void;
  /** It acked up to {@link LearnerHandler.ackedUpTo}. */
  onAcked(handler: LearnerHandler): void;
  onLinkClosed(handler: LearnerHandler, reason: string): void;
}

/** A learner's end of a connection to its leader. */
export class LearnerHandler implements QuorumLinkOwner {
  readonly link: QuorumLink;
  readonly seat: Seat;
  /** The newest zxid it acked that is not counted yet; -1 for none. */
  ackedUpTo: Zxid = -1;
  readonly #host: LearnerHandlerHost;

  constructor(host: LearnerHandlerHost, link: QuorumLink, seat: Seat) {
    this.#host = host;
    this.link = link;
    this.seat = seat;
  }

  onPacket(packet: QuorumPacket): void {
    this.#host.onPacket(this, packet);
  }

  onInputEnd(): void {
    if (this.ackedUpTo >= 0) this.#host.onAcked(this);
  }

  onLinkClosed(reason: string): void {
    this.#host.onLinkClosed(this, reason);
  }
}
