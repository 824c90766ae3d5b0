import { acksBeforeACut } from "./acks_before_a_cut.ts";
import { fuzzySnapshot } from "./fuzzy_snapshot.ts";
import { lonelyLeader } from "./lonely_leader.ts";
import { zookeeper1277 } from "./zookeeper_1277.ts";
import { zookeeper2355 } from "./zookeeper_2355.ts";
import { zookeeper261 } from "./zookeeper_261.ts";
import { zookeeper2845 } from "./zookeeper_2845.ts";
import { zookeeper2846 } from "./zookeeper_2846.ts";
import { zookeeper3023 } from "./zookeeper_3023.ts";
import { zookeeper3104 } from "./zookeeper_3104.ts";
import { zookeeper3642 } from "./zookeeper_3642.ts";
import { zookeeper3911 } from "./zookeeper_3911.ts";
import { zookeeper4394 } from "./zookeeper_4394.ts";
import { zookeeper4643 } from "./zookeeper_4643.ts";
import { zookeeper4646 } from "./zookeeper_4646.ts";
import { zookeeper4712 } from "./zookeeper_4712.ts";
import { zookeeper4785 } from "./zookeeper_4785.ts";
import { zookeeper4882 } from "./zookeeper_4882.ts";
import { zookeeper4925 } from "./zookeeper_4925.ts";
import { zookeeper569 } from "./zookeeper_569.ts";
import { zookeeper764 } from "./zookeeper_764.ts";
import { zookeeper790 } from "./zookeeper_790.ts";
import { joinersNeeded } from "./joiners_needed.ts";
import { returnedAfterRemoval } from "./returned_after_removal.ts";
import { stalledDisk } from "./stalled_disk.ts";
import { syncAtADeposedLeader } from "./sync_at_a_deposed_leader.ts";
import { upgradedThenReadOnly } from "./upgraded_then_read_only.ts";
import { weightlessAhead } from "./weightless_ahead.ts";
import { workersKeepThePort } from "./workers_keep_the_port.ts";
import type { Scenario } from "./scenario.ts";

/** Every scenario: known bugs by their ids, then others by their names. */
export const scenarios: readonly Scenario[] = [
  zookeeper261,
  zookeeper569,
  zookeeper764,
  zookeeper790,
  zookeeper1277,
  zookeeper2355,
  zookeeper2845,
  zookeeper2846,
  zookeeper3023,
  zookeeper3104,
  zookeeper3642,
  zookeeper3911,
  zookeeper4394,
  zookeeper4643,
  zookeeper4646,
  zookeeper4712,
  zookeeper4785,
  zookeeper4882,
  zookeeper4925,
  acksBeforeACut,
  fuzzySnapshot,
  joinersNeeded,
  lonelyLeader,
  returnedAfterRemoval,
  stalledDisk,
  syncAtADeposedLeader,
  upgradedThenReadOnly,
  weightlessAhead,
  workersKeepThePort,
];
