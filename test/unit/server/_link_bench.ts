/** One end of a quorum connection over a socket that does what the test says. */
import { limits } from "../../../src/base/limits.ts";
import type { Socket } from "../../../src/base/network.ts";
import type { QuorumPacket } from "../../../src/protocol/quorum_packet.ts";
import { packetName } from "../../../src/protocol/quorum_packet.ts";
import { QuorumLink, type QuorumLinkHost, type QuorumLinkOwner } from "../../../src/server/quorum_link.ts";
import { show } from "../zab/_zab.ts";

/** A socket that keeps what is written. */
export class FakeSocket implements Socket {
  readonly remoteAddress = "10.0.0.7";
  readonly remotePort = 4711;
  /** While it is full, the network takes nothing. */
  full = false;
  /** Bytes that wait from before. */
  backlog = 0;
  destroyed = 0;
  #written: Uint8Array[] = [];
  #waiting = 0;

  write(bytes: Uint8Array): number {
    if (this.destroyed > 0) return 0;
    this.#written.push(bytes.slice());
    if (this.full) this.#waiting += bytes.length;
    return this.#waiting + this.backlog;
  }

  /** The network has taken what waited. */
  drain(link: QuorumLink): void {
    this.full = false;
    this.#waiting = 0;
    link.onDrain();
  }

  /** What was written since the last call. */
  take(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#written.splice(0)));
  }

  end(): void {}

  destroy(): void {
    this.destroyed++;
  }

  pause(): void {}
  resume(): void {}
}

/** Ends turns when the test says so. */
export class FakeHub implements QuorumLinkHost {
  readonly fieldBytesMax: number = limits.frameBytesMax + limits.fieldBytesExtra;
  /** Turns that have begun. */
  turns = 0;
  #dirty: QuorumLink[] = [];

  beginTurn(): void {
    this.turns++;
  }

  onLinkDirty(link: QuorumLink): void {
    this.#dirty.push(link);
  }

  /** @returns How many links had something to send. */
  endTurn(): number {
    const links = this.#dirty;
    this.#dirty = [];
    for (const link of links) link.flush();
    return links.length;
  }

  /** Ends turns until none is wanted. */
  settle(): void {
    while (this.endTurn() > 0);
  }
}

/** Writes down what a link tells. */
export class FakeOwner implements QuorumLinkOwner {
  readonly lines: string[] = [];
  /** Called with each packet. */
  hook: ((packet: QuorumPacket) => void) | null = null;
  /** How often something came and was handed out. */
  inputs = 0;

  onPacket(packet: QuorumPacket): void {
    this.lines.push(`${packetName(packet.type)} ${show(packet.zxid)}`);
    this.hook?.(packet);
  }

  onInputEnd(): void {
    this.inputs++;
  }

  onLinkClosed(reason: string): void {
    this.lines.push(`closed: ${reason}`);
  }

  take(): string[] {
    return this.lines.splice(0);
  }
}

/** A link that has an owner. */
export function openLink() {
  const socket = new FakeSocket();
  const hub = new FakeHub();
  const owner = new FakeOwner();
  const link = new QuorumLink(hub, socket, undefined);
  link.setOwner(owner);
  return { socket, hub, owner, link };
}
