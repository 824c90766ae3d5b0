import type { Disk } from "../base/disk.ts";
import { backupConfigPath, dynamicConfigPath, nextConfigPath } from "../quorum/config_files.ts";
import { isMemberKey } from "../quorum/member_lines.ts";
import { type Membership, membershipLines, serverOf } from "../quorum/membership.ts";
import { escapeValue, latin1, withoutKeys } from "../quorum/properties.ts";
import type { ServerId } from "../quorum/quorum.ts";
import { removeIfThere } from "./epoch_files.ts";

/**
 * Keeps a changing membership in the files beside zoo.cfg, so that a server that stops begins again with what it
 * knew. Every file is written whole or not at all, and the steps are in such an order that a stop between any two
 * leaves either the old membership with the new one still proposed, or the new one.
 *
 * Every method may throw a {@link DiskError}; then the files hold what they held, perhaps with a step or two done, and
 * the call may be made again. What was proposed must be on disk before the server acks it: it may only forget it
 * together with the vote it gave.
 *
 * @see Fact: QuorumPeer.setLastSeenQuorumVerifier, setQuorumVerifier; QuorumPeerConfig.writeDynamicConfig,
 *   editStaticConfig, backupOldConfig
 */
export class DynamicConfig {
  readonly #disk: Disk;
  readonly #zooCfg: string;
  readonly #ownId: ServerId;

  /**
   * @param zooCfg Absolute path of zoo.cfg, which is written into it.
   * @param ownId This server's id.
   */
  constructor(disk: Disk, zooCfg: string, ownId: ServerId) {
    this.#disk = disk;
    this.#zooCfg = zooCfg;
    this.#ownId = ownId;
  }

  /** Copies a zoo.cfg that still holds the membership itself, before {@link commit} takes it out: at the start. */
  backUp(): void {
    const path = backupConfigPath(this.#zooCfg);
    const bytes = this.#read(this.#zooCfg);
    if (this.#disk.exists(path) && equal(this.#read(path), bytes)) return;
    this.#write(path, bytes);
  }

  /** Keeps what was proposed, until it is committed or something newer is proposed. */
  propose(membership: Membership): void {
    const version = `version=${membership.version.toString(16)}`;
    this.#write(nextConfigPath(this.#zooCfg), bytesOf([...linesOf(membership), version].join("\n")));
  }

  /** Forgets what was proposed: it was not committed, and never will be. */
  withdraw(): void {
    if (removeIfThere(this.#disk, nextConfigPath(this.#zooCfg))) this.#syncDirectory();
  }

  /**
   * Makes a committed membership the one that the server begins with: in a file of its own, which zoo.cfg then names.
   * All else in zoo.cfg stays, but for a client port that is in the membership now.
   *
   * @param isLast Nothing newer is proposed: what was is this one, or older.
   */
  commit(membership: Membership, isLast: boolean): void {
    const dynamicPath = dynamicConfigPath(this.#zooCfg, membership.version);
    this.#write(dynamicPath, bytesOf(linesOf(membership).join("\n")));

    const ownClient = serverOf(membership, this.#ownId)?.client;
    const kept = withoutKeys(
      latin1(this.#read(this.#zooCfg)),
      (key) =>
        isMemberKey(key) || key === "dynamicConfigFile" || key === "peerType" ||
        (ownClient !== undefined && (key === "clientPort" || key === "clientPortAddress")),
    );
    this.#write(this.#zooCfg, bytesOf(`${kept}dynamicConfigFile=${escapeValue(dynamicPath)}\n`));

    if (isLast) this.withdraw();
  }

  #read(path: string): Uint8Array {
    const file = this.#disk.open(path, "read");
    try {
      const bytes = new Uint8Array(file.size());
      let length = 0;
      while (length < bytes.length) {
        const count = file.readAt(bytes.subarray(length), length);
        if (count === 0) break;
        length += count;
      }
      return bytes.subarray(0, length);
    } finally {
      file.close();
    }
  }

  /** Another name first, synced, then renamed. */
  #write(path: string, bytes: Uint8Array): void {
    const next = `${path}.tmp`;
    const file = this.#disk.open(next, "create");
    try {
      file.writeAt(bytes, 0);
      file.sync();
    } finally {
      file.close();
    }
    this.#disk.rename(next, path);
    this.#syncDirectory();
  }

  #syncDirectory(): void {
    this.#disk.syncDirectory(this.#zooCfg.slice(0, this.#zooCfg.lastIndexOf("/")) || "/");
  }
}

/** As Apache sorts them. A host in another script is written in ASCII, as a properties file wants it. */
function linesOf(membership: Membership): string[] {
  return membershipLines(membership).map(escapeValue).sort();
}

/** ISO-8859-1, which everything here fits into. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
