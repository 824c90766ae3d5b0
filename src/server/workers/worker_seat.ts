import { JuteWriter } from "../../jute/writer.ts";
import { PacketType, type QuorumPacket } from "../../protocol/quorum_packet.ts";
import type { SessionId } from "../../protocol/session_id.ts";
import { encodeRefused, type RefusedRequest, WorkerPacketType } from "../../protocol/worker_packet.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Session } from "../../session/session_tracker.ts";
import type { QuorumLink, QuorumLinkOwner } from "../quorum_link.ts";
import type { SessionOwner } from "../roles/role.ts";
import { sendPieces } from "./pieces.ts";

/** Who looks after a {@link WorkerSeat}. */
export interface WorkerSeatKeeper {
  onPacket(seat: WorkerSeat, packet: QuorumPacket): void;
  onLinkClosed(seat: WorkerSeat, reason: string): void;
}

/** The main process's end of its link to a worker. */
export class WorkerSeat implements QuorumLinkOwner, SessionOwner {
  readonly link: QuorumLink;
  /** Which worker it is; -1 while it has not said. */
  index = -1;
  /**
   * It has yet to say who it is; waits for an office; has been told the epoch; is being brought up to date; serves.
   */
  phase: "hello" | "waiting" | "ackEpoch" | "syncing" | "serving" = "hello";
  /** Txns up to here it has, or has on its way. */
  sentUpTo: Zxid = -1;
  heardMs: number;
  readonly #keeper: WorkerSeatKeeper;
  readonly #out = new JuteWriter(256);

  constructor(keeper: WorkerSeatKeeper, link: QuorumLink, nowMs: number) {
    this.#keeper = keeper;
    this.link = link;
    this.heardMs = nowMs;
  }

  onPacket(packet: QuorumPacket): void {
    this.#keeper.onPacket(this, packet);
  }

  onLinkClosed(reason: string): void {
    this.#keeper.onLinkClosed(this, reason);
  }

  onSessionTaken(session: Session): void {
    this.tellTaken(session.id);
  }

  /** A session of a client of its is somebody else's. */
  tellTaken(id: SessionId): void {
    const out = this.#begin();
    out.long(id);
    this.link.send(WorkerPacketType.taken, -1, out.view());
  }

  tellRefused(request: RefusedRequest): void {
    const out = this.#begin();
    encodeRefused(out, request);
    this.link.send(WorkerPacketType.refused, -1, out.view());
  }

  tellRevalidated(id: SessionId, isValid: boolean): void {
    const out = this.#begin();
    out.long(id);
    out.bool(isValid);
    this.link.send(PacketType.revalidate, -1, out.view());
  }

  /** Clients are served from now on, or from now on there. */
  tellServe(host: string, port: number): void {
    const out = this.#begin();
    out.string(host);
    out.int(port);
    this.link.send(WorkerPacketType.serve, -1, out.view());
  }

  ask(number: number, word: string): void {
    const out = this.#begin();
    out.int(number);
    out.string(word);
    this.link.send(WorkerPacketType.ask, -1, out.view());
  }

  answer(number: number, text: string): void {
    sendPieces(this.link, number, text);
  }

  #begin(): JuteWriter {
    this.#out.reset();
    return this.#out;
  }
}
