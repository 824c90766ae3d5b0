import type { ZnodeStore } from "../../../src/tree/znode_store.ts";
import { AcknowledgedWrites } from "./acknowledged_writes.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { Agreement } from "./agreement.ts";
import { AtMostOnce } from "./at_most_once.ts";
import { CalmStays } from "./calm_stays.ts";
import type { Checker, Fail } from "./checker.ts";
import { CommittedIsDurable, type Voters } from "./committed_is_durable.ts";
import { EphemeralsOnce } from "./ephemerals_once.ts";
import { DeliveredIsCommitted } from "./delivered_is_committed.ts";
import { Epochs } from "./epochs.ts";
import { EpochsBeginOnce } from "./epochs_begin_once.ts";
import { EqualDigests } from "./equal_digests.ts";
import { EqualTrees } from "./equal_trees.ts";
import { GlobalPrimaryOrder } from "./global_primary_order.ts";
import { Integrity } from "./integrity.ts";
import { Leadership1 } from "./leadership1.ts";
import { Leadership2 } from "./leadership2.ts";
import { LinearizableWrites } from "./linearizable_writes.ts";
import { LocalPrimaryOrder } from "./local_primary_order.ts";
import { PeersSpeakProtocol } from "./peers_speak_protocol.ts";
import { PersistentWatches } from "./persistent_watches.ts";
import { PrefixConsistency } from "./prefix_consistency.ts";
import { PrimaryIntegrity } from "./primary_integrity.ts";
import { ReadOnlyServers } from "./read_only_servers.ts";
import { ReadsNeverGoBack } from "./reads_never_go_back.ts";
import { ReadsSeeAgreedState } from "./reads_see_agreed_state.ts";
import { ReferenceTree } from "./reference_tree.ts";
import { SessionOrder } from "./session_order.ts";
import { SessionsEndByLeader } from "./sessions_end_by_leader.ts";
import { SyncIsFresh } from "./sync_is_fresh.ts";
import { TotalOrder } from "./total_order.ts";
import { WorkersFollow } from "./workers_follow.ts";
import { WatchBeforeData } from "./watch_before_data.ts";

/** What checkers need to know beyond what they hear. */
export interface CheckedEnsemble {
  readonly members: readonly number[];
  readonly voters: Voters;
  /** Sessions may be their server's alone. */
  readonly localSessions: boolean;
  /** Nothing fails. */
  readonly isCalm: boolean;
  /** The znodes of every member that runs. */
  stores(): Iterable<readonly [server: number, store: ZnodeStore]>;
}

/** @returns Every checker there is; each must hear of an event after the history has. */
export function allCheckers(
  history: AgreedHistory,
  ensemble: CheckedEnsemble,
  report: (property: string, message: string) => void,
): Checker[] {
  const reference = new ReferenceTree(history);
  const isAlone = ensemble.members.length === 1;
  const make = (construct: (fail: Fail) => Checker): Checker => {
    const checker: Checker = construct((message) => report(checker.property, message));
    return checker;
  };
  // A server that runs alone begins no epochs: after a crash it goes on in the same one.
  const ofEpochs = [
    make((fail) => new Leadership1(fail)),
    make((fail) => new Leadership2(fail)),
    make((fail) => new EpochsBeginOnce(fail)),
    make((fail) => new Integrity(fail)),
    make((fail) => new LocalPrimaryOrder(history, fail)),
  ];
  return [
    ...(isAlone ? [] : ofEpochs),
    make((fail) => new Epochs(fail)),
    make((fail) => new PrefixConsistency(history, fail)),
    make((fail) => new Agreement(history, fail)),
    make((fail) => new TotalOrder(history, fail)),
    make((fail) => new GlobalPrimaryOrder(fail)),
    make((fail) => new PrimaryIntegrity(history, fail)),
    make((fail) => new PeersSpeakProtocol(ensemble.members, fail)),
    make((fail) => new DeliveredIsCommitted(fail)),
    make((fail) => new CommittedIsDurable(history, ensemble.voters, fail)),
    make((fail) => new AcknowledgedWrites(history, fail)),
    make((fail) => new AtMostOnce(history, fail)),
    make((fail) => new LinearizableWrites(history, fail)),
    make((fail) => new SessionOrder(history, fail)),
    make((fail) => new ReadsNeverGoBack(fail)),
    make((fail) => new ReadsSeeAgreedState(history, fail)),
    make((fail) => new ReadOnlyServers(history, fail)),
    make((fail) => new SyncIsFresh(fail)),
    make((fail) => new WatchBeforeData(history, fail)),
    make((fail) => new PersistentWatches(history, fail)),
    make((fail) => new EphemeralsOnce(history, fail, ensemble.localSessions)),
    make((fail) => new SessionsEndByLeader(history, fail)),
    ...(ensemble.isCalm ? [make((fail) => new CalmStays(fail))] : []),
    make((fail) => new WorkersFollow(fail)),
    make((fail) => new EqualDigests(reference, fail)),
    make((fail) => new EqualTrees(reference, ensemble.stores, fail)),
  ];
}
