import type { ContainerConfig } from "../config/server_config.ts";
import { JuteReader } from "../jute/reader.ts";
import { JuteWriter } from "../jute/writer.ts";
import type { WriteOp } from "../pipeline/op.ts";
import { deleteContainer } from "../pipeline/ops/delete.ts";
import type { DataTree } from "../tree/data_tree.ts";

/** What a {@link Reaper} asks of its server. */
export interface ReaperHost {
  /** Proposes a write of the server's own. @returns Whether that can be proposed now. */
  submitOwn(op: WriteOp, body: JuteReader): boolean;
}

/**
 * Removes containers that are empty and TTL znodes whose time is over, a few at a time (ContainerManager).
 *
 * Each removal is a txn of its own that looks again whether the znode is still empty.
 */
export class Reaper {
  readonly #tree: DataTree;
  readonly #config: ContainerConfig;
  readonly #host: ReaperHost;
  #lookedMs: number;
  #deletedMs: number;
  #candidates: string[] = [];
  readonly #body = new JuteWriter();

  /** @param nowMs Monotonic ms. */
  constructor(tree: DataTree, config: ContainerConfig, host: ReaperHost, nowMs: number) {
    this.#tree = tree;
    this.#config = config;
    this.#host = host;
    this.#lookedMs = nowMs;
    this.#deletedMs = nowMs;
  }

  /**
   * Looks for candidates when it is time, and removes as many as the rate allows.
   *
   * @param nowMs Monotonic ms. @param wallMs Wall time in ms, which the znodes' times are compared with.
   */
  tick(nowMs: number, wallMs: number): void {
    if (this.#candidates.length === 0 && nowMs - this.#lookedMs >= this.#config.checkEveryMs) {
      this.#lookedMs = nowMs;
      this.#candidates = this.#tree.reapCandidates(wallMs, this.#config.neverUsedMs);
      this.#deletedMs = nowMs;
    }
    if (this.#candidates.length === 0) return;
    const perMs = this.#config.deletionsPerMinuteMax / 60_000;
    const allowed = Math.max(1, Math.floor((nowMs - this.#deletedMs) * perMs));
    this.#deletedMs = nowMs;
    for (const path of this.#candidates.splice(0, allowed)) {
      this.#body.reset();
      this.#body.string(path);
      this.#host.submitOwn(deleteContainer, new JuteReader(this.#body.bytes, 0, this.#body.length));
    }
  }
}
