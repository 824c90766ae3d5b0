/**
 * What a server does, event by event: simulations check it, and `--trace` shows it. Zxids and epochs are numbers
 * as everywhere; `peer` is the other server's id.
 */
export type TraceEvent =
  /** The state as elections name it. */
  | { readonly kind: "state"; readonly state: "LOOKING" | "FOLLOWING" | "LEADING" | "OBSERVING" }
  /** A promise or an office is durable: the file holds this epoch now. */
  | { readonly kind: "acceptedEpoch" | "currentEpoch"; readonly epoch: number }
  /** A leader has its quorum of NEWLEADER acks: it broadcasts. */
  | { readonly kind: "established"; readonly epoch: number }
  /** A learner got UPTODATE: it serves under this leader. */
  | { readonly kind: "upToDate"; readonly epoch: number; readonly peer: number }
  /** A leader has chosen how a learner catches up, or a learner is told. */
  | {
    readonly kind: "sync";
    readonly how: "DIFF" | "TRUNC" | "SNAP";
    readonly zxid: number;
    readonly peer: number;
  }
  /** A leader made a proposal of this zxid; `entry` is its bytes, only good during the call. */
  | { readonly kind: "propose"; readonly zxid: number; readonly entry: Uint8Array }
  /** A txn went to the log, not yet synced. */
  | { readonly kind: "log"; readonly zxid: number }
  /** The disk had no room: this txn and all logged after it are not in the log any more. */
  | { readonly kind: "refuse"; readonly zxid: number }
  /** Everything logged up to here is on stable storage. */
  | { readonly kind: "durable"; readonly zxid: number }
  /** A leader has a quorum for this proposal, or a learner is told so. */
  | { readonly kind: "commit"; readonly zxid: number }
  /** A txn is in the tree; `entry` is its bytes, only good during the call, and `digest` the tree's after it. */
  | { readonly kind: "apply"; readonly zxid: number; readonly entry: Uint8Array; readonly digest: bigint }
  /** The log was cut behind this zxid at the leader's word. */
  | { readonly kind: "truncate"; readonly zxid: number }
  /**
   * The tree stands at this zxid: loaded anew from disk or from a leader's snapshot, or taken to the end of the log when
   * an office ends. What it holds need not be committed.
   */
  | {
    readonly kind: "load";
    readonly zxid: number;
    readonly from: "disk" | "leader";
    readonly digest: bigint;
  }
  /** No leader was found for a while: reads are answered from the tree as it stands, at this zxid, until the next state. */
  | { readonly kind: "readOnly"; readonly zxid: number }
  /** A packet between servers, by its name on the wire. */
  | {
    readonly kind: "send" | "receive";
    readonly peer: number;
    readonly packet: string;
    readonly zxid: number;
  }
  /** A membership came into force. */
  | { readonly kind: "config"; readonly version: number; readonly text: string }
  /** A peer sent what it never may. */
  | { readonly kind: "violation"; readonly peer: number; readonly reason: string };

/** Hears of every event as it happens; must not call back into the server. */
export type Trace = (event: TraceEvent) => void;
