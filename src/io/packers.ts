import { compress } from "snappyjs";
import type { Compression } from "../storage/file_names.ts";
import type { SnapshotPacker } from "../storage/snapshot_writer.ts";

/** Each piece is a member of its own, which every gzip reader takes as one stream. */
const gzipPacker: SnapshotPacker = {
  header: new Uint8Array(0),
  // Loaded only where snapshots are packed so, for a start's sake.
  pack: (bytes) => process.getBuiltinModule("node:zlib").gzipSync(bytes, { level: 6 }),
};

/** xerial's stream: its header, then blocks of `int length + raw snappy`. */
const snappyPacker: SnapshotPacker = {
  header: Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1),
  pack(bytes) {
    // The library keeps to the buffer's start, so the view is copied first.
    const packed = compress(bytes.slice());
    const piece = new Uint8Array(4 + packed.length);
    new DataView(piece.buffer).setInt32(0, packed.length);
    piece.set(packed, 4);
    return piece;
  },
};

/** @returns What packs snapshots of that kind; null for plain ones. */
export function packerFor(compression: Compression): SnapshotPacker | null {
  return compression === "gz" ? gzipPacker : compression === "snappy" ? snappyPacker : null;
}
