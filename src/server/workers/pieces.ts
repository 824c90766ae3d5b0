import type { JuteReader } from "../../jute/reader.ts";
import { JuteWriter } from "../../jute/writer.ts";
import { WorkerPacketType } from "../../protocol/worker_packet.ts";
import type { QuorumLink } from "../quorum_link.ts";

/** An answer may be longer than a packet can be. */
const pieceBytes = 256 * 1024;

/** Sends the answer to a question, in as many packets as it takes. */
export function sendPieces(link: QuorumLink, number: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at === 0 || at < bytes.length; at += pieceBytes) {
    const out = new JuteWriter(64);
    out.int(number);
    out.bool(at + pieceBytes >= bytes.length);
    out.raw(bytes.subarray(at, at + pieceBytes));
    link.send(WorkerPacketType.answer, -1, out.view());
  }
}

/** An answer that comes in pieces. */
export class Pieces {
  readonly #parts: Uint8Array[] = [];

  /** Takes what stands behind the number. @returns The whole, or null while there is more to come. @throws {JuteError} */
  take(reader: JuteReader): string | null {
    const isLast = reader.bool();
    this.#parts.push(reader.bytes.slice(reader.position, reader.end));
    if (!isLast) return null;
    const whole = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return new TextDecoder().decode(whole);
  }
}
