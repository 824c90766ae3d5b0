import type { Layout } from "./layout.ts";
import type { NodeView } from "./node_view.ts";

/** What a launcher tells those who watch it. */
export type LauncherEvent =
  /** Before the first process is started. */
  | { readonly event: "ensemble"; readonly layout: Layout; readonly dataDir: string }
  /** A node is in another state than before. */
  | { readonly event: "node"; readonly node: NodeView }
  /** Clients are served, for the first time. */
  | {
    readonly event: "ready";
    readonly connectionString: string;
    /** The node that leads, or stands alone. */
    readonly leader: number;
    readonly dataDir: string;
    /** Since the launcher's process began. */
    readonly startMs: number;
  }
  /** Something that its user should know. */
  | { readonly event: "notice"; readonly message: string }
  /** All nodes are to stop; `reason` is a signal's name, or who asked. */
  | { readonly event: "stopping"; readonly reason: string }
  | { readonly event: "stopped" };

/** Shows what goes on. */
export interface Display {
  tell(event: LauncherEvent): void;
  /** The nodes as they are now; called whenever a state or a number is another. */
  show(nodes: readonly NodeView[]): void;
}
