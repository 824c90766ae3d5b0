import type { ServerMetrics } from "../admin/metrics.ts";
import { EventType } from "../protocol/watch_event.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { TreeEvents } from "../tree/tree_observer.ts";
import type { WatchManager } from "../watch/watch_manager.ts";

/** Passes changes on to the watches, and counts for `mntr` how many of them each change fired (WatchManager.triggerWatch). */
export class WatchMeter implements TreeEvents {
  readonly #watches: WatchManager;
  readonly #metrics: ServerMetrics;

  constructor(watches: WatchManager, metrics: ServerMetrics) {
    this.#watches = watches;
    this.#metrics = metrics;
  }

  get idle(): boolean {
    return this.#watches.idle;
  }

  onCreated(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: Zxid): void {
    const { told } = this.#watches;
    const created = told[EventType.nodeCreated];
    const children = told[EventType.nodeChildrenChanged];
    this.#watches.onCreated(path, aclKey, parentPath, parentAclKey, zxid);
    const { nodeCreatedWatches, nodeChildrenWatches } = this.#metrics;
    if (told[EventType.nodeCreated] > created) {
      nodeCreatedWatches.record(told[EventType.nodeCreated] - created);
    }
    if (told[EventType.nodeChildrenChanged] > children) {
      nodeChildrenWatches.record(told[EventType.nodeChildrenChanged] - children);
    }
  }

  onDeleted(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: Zxid): void {
    const { told } = this.#watches;
    const deleted = told[EventType.nodeDeleted];
    const children = told[EventType.nodeChildrenChanged];
    this.#watches.onDeleted(path, aclKey, parentPath, parentAclKey, zxid);
    const { nodeDeletedWatches, nodeChildrenWatches } = this.#metrics;
    if (told[EventType.nodeDeleted] > deleted) {
      nodeDeletedWatches.record(told[EventType.nodeDeleted] - deleted);
    }
    if (told[EventType.nodeChildrenChanged] > children) {
      nodeChildrenWatches.record(told[EventType.nodeChildrenChanged] - children);
    }
  }

  onDataChanged(path: string, aclKey: number, zxid: Zxid): void {
    const { told } = this.#watches;
    const changed = told[EventType.nodeDataChanged];
    this.#watches.onDataChanged(path, aclKey, zxid);
    if (told[EventType.nodeDataChanged] > changed) {
      this.#metrics.nodeChangedWatches.record(told[EventType.nodeDataChanged] - changed);
    }
  }
}
