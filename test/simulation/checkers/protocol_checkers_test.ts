import { describe, expect, test } from "bun:test";
import { entryOf } from "../../unit/tree/_txns.ts";
import { creates, session, Written, z } from "./_written.ts";
import { Agreement } from "./agreement.ts";
import { AtMostOnce } from "./at_most_once.ts";
import { CommittedIsDurable } from "./committed_is_durable.ts";
import { DeliveredIsCommitted } from "./delivered_is_committed.ts";
import { Epochs } from "./epochs.ts";
import { EpochsBeginOnce } from "./epochs_begin_once.ts";
import { EqualDigests } from "./equal_digests.ts";
import { EqualTrees } from "./equal_trees.ts";
import { GlobalPrimaryOrder } from "./global_primary_order.ts";
import { Integrity } from "./integrity.ts";
import { Leadership1 } from "./leadership1.ts";
import { Leadership2 } from "./leadership2.ts";
import { LocalPrimaryOrder } from "./local_primary_order.ts";
import { PeersSpeakProtocol } from "./peers_speak_protocol.ts";
import { PrefixConsistency } from "./prefix_consistency.ts";
import { PrimaryIntegrity } from "./primary_integrity.ts";
import { ReferenceTree } from "./reference_tree.ts";
import { TotalOrder } from "./total_order.ts";
import { workerNode } from "./checker.ts";
import { WorkersFollow } from "./workers_follow.ts";
import { makeTree } from "../../unit/tree/_txns.ts";

const twoOfThree = { isQuorum: (servers: ReadonlySet<number>) => servers.size >= 2 };

/** Two txns agreed on by all, a change of leaders, and one more: nothing is wrong with it. */
function peaceful(written: Written): Written {
  return written.lead(1, 1).follow(2, 1, 1).follow(3, 1, 1)
    .agree(1, z(1, 1)).agree(1, z(1, 2))
    .end(1, "killed")
    .lead(2, 2).follow(3, 2, 2)
    .agree(2, z(2, 1), undefined, undefined, [3]);
}

describe("a history without a fault pleases", () => {
  test("every checker of the protocol", () => {
    const written = new Written();
    for (
      const make of [
        (fail: (message: string) => void) => new Leadership1(fail),
        (fail: (message: string) => void) => new Leadership2(fail),
        (fail: (message: string) => void) => new Epochs(fail),
        (fail: (message: string) => void) => new EpochsBeginOnce(fail),
        (fail: (message: string) => void) => new Integrity(fail),
        (fail: (message: string) => void) => new GlobalPrimaryOrder(fail),
        (fail: (message: string) => void) => new DeliveredIsCommitted(fail),
      ]
    ) expect(peaceful(new Written().judge((_history, fail) => make(fail))).failures).toEqual([]);
    for (const Class of [PrefixConsistency, Agreement, TotalOrder, LocalPrimaryOrder, PrimaryIntegrity]) {
      expect(peaceful(new Written().judge((history, fail) => new Class(history, fail))).failures).toEqual([]);
    }
    expect(written.judge((history, fail) => new CommittedIsDurable(history, twoOfThree, fail)).failures)
      .toEqual([]);
    expect(peaceful(written).failures).toEqual([]);
  });
});

describe("Leadership1", () => {
  const judged = () => new Written().judge((_history, fail) => new Leadership1(fail));

  test("finds two that lead in one epoch at a time", () => {
    expect(judged().lead(1, 3).lead(2, 3).failures).toEqual(["servers 1 and 2 both lead in epoch 3"]);
  });

  test("minds neither another epoch nor one that has left office", () => {
    const written = judged().lead(1, 3).lead(2, 4).trace(1, { kind: "state", state: "LOOKING" }).end(
      2,
      "killed",
    );
    expect(written.lead(3, 3).lead(4, 4).failures).toEqual([]);
  });
});

test("Leadership2 finds an epoch that was led before, be it long ago", () => {
  const written = new Written().judge((_history, fail) => new Leadership2(fail)).lead(1, 3).end(
    1,
    "power cut",
  );
  expect(written.lead(2, 3).failures).toEqual([
    "server 2 is the leader of epoch 3, which server 1 was before",
  ]);
});

describe("EpochsBeginOnce", () => {
  const judged = () =>
    new Written().judge((_history, fail) => new EpochsBeginOnce(fail))
      .trace(1, { kind: "state", state: "LEADING" }).trace(1, { kind: "currentEpoch", epoch: 3 });

  test("finds an epoch that another leader has begun, or this one in another office, with a quorum for it or without", () => {
    const other = judged().trace(2, { kind: "state", state: "LEADING" }).trace(2, {
      kind: "currentEpoch",
      epoch: 3,
    });
    expect(other.failures).toEqual(["server 2 begins epoch 3, which server 1 began in another office"]);
    const same = judged().trace(1, { kind: "state", state: "LOOKING" }).trace(1, {
      kind: "state",
      state: "LEADING",
    });
    expect(same.trace(1, { kind: "currentEpoch", epoch: 3 }).failures).toEqual([
      "server 1 begins epoch 3, which server 1 began in another office",
    ]);
  });

  test("minds neither those that follow into it nor a start that finds it", () => {
    const written = judged().trace(2, { kind: "state", state: "FOLLOWING" });
    written.trace(2, { kind: "currentEpoch", epoch: 3 }).end(1, "killed");
    expect(written.trace(1, { kind: "currentEpoch", epoch: 3 }).failures).toEqual([]);
  });
});

describe("Epochs", () => {
  const judged = () => new Written().judge((_history, fail) => new Epochs(fail));

  test("finds an epoch that falls, over a crash too", () => {
    const written = judged().trace(1, { kind: "acceptedEpoch", epoch: 5 }).end(1, "power cut");
    expect(written.trace(1, { kind: "acceptedEpoch", epoch: 4 }).failures)
      .toEqual(["the acceptedEpoch of server 1 falls from 5 to 4"]);
  });

  test("finds a current epoch above the accepted one", () => {
    const written = judged().trace(1, { kind: "acceptedEpoch", epoch: 5 });
    expect(written.trace(1, { kind: "currentEpoch", epoch: 6 }).failures)
      .toEqual(["server 1 is in epoch 6 and has accepted only 5"]);
  });
});

describe("PrefixConsistency", () => {
  const judged = () => new Written().judge((history, fail) => new PrefixConsistency(history, fail));

  test("finds a server that skips what others have", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1)).agree(1, z(1, 2), undefined, undefined, [2]);
    written.propose(1, z(1, 3)).commit(1, z(1, 3)).apply(3, z(1, 3));
    expect(written.failures).toEqual(["server 3 applied 0x100000003 without 0x100000002 before it"]);
  });

  test("finds other bytes under the same zxid", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1), undefined, undefined, [2]);
    written.apply(3, z(1, 1), entryOf(creates("/other"), { zxid: z(1, 1) }));
    expect(written.failures).toEqual(["server 3 applied another 0x100000001 than the one agreed on"]);
  });

  test("finds a txn that the others went on without", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1)).propose(1, z(1, 2)).lead(2, 2);
    written.agree(2, z(2, 1), undefined, undefined, [3]).apply(1, z(1, 2));
    expect(written.failures[0]).toContain(
      "server 1 applied 0x100000002; others have applied 0x200000001 without it",
    );
  });

  test("finds a server that builds on what was never committed", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1)).propose(1, z(1, 2)).lead(2, 2);
    written.load(1, z(1, 2)).propose(2, z(2, 1)).commit(2, z(2, 1)).apply(2, z(2, 1)).apply(1, z(2, 1));
    expect(written.failures[0]).toContain("server 1 applied 0x200000001 behind 0x100000002");
  });

  test("lets a leader's snapshot be completed by what it holds already", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1), undefined, undefined, [2]).agree(
      1,
      z(1, 2),
      undefined,
      undefined,
      [2],
    );
    written.trace(3, { kind: "state", state: "FOLLOWING" }).load(3, z(1, 2), "leader");
    written.apply(3, z(1, 1)).apply(3, z(1, 2)).follow(3, 1, 1);
    expect(written.failures).toEqual([]);
  });

  test("knows a leader's unfinished txns, which a new leader finds in its log, from the log", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1)).propose(1, z(1, 2)).log(2, z(1, 2));
    written.lead(2, 2).agree(2, z(2, 1), undefined, undefined, [3]);
    expect(written.failures).toEqual([
      "server 2 applied 0x200000001 without 0x100000002 before it",
      "server 3 applied 0x200000001 without 0x100000002 before it",
    ]);
  });
});

describe("Integrity", () => {
  const judged = () => new Written().judge((_history, fail) => new Integrity(fail));

  test("finds a txn that nobody proposed", () => {
    expect(judged().apply(2, z(1, 1)).failures).toEqual([
      "server 2 delivered 0x100000001, which nobody proposed",
    ]);
  });

  test("finds a zxid that is proposed twice", () => {
    const written = judged().lead(1, 1).propose(1, z(1, 1));
    expect(written.propose(1, z(1, 1), creates("/other")).failures)
      .toEqual(["server 1 proposed 0x100000001, as server 1 had"]);
  });

  test("finds a txn that is not what was proposed", () => {
    const written = judged().lead(1, 1).propose(1, z(1, 1));
    written.apply(2, z(1, 1), entryOf(creates("/another"), { zxid: z(1, 1) }));
    expect(written.failures).toEqual(["server 2 delivered 0x100000001 otherwise than it was proposed"]);
  });
});

/** Server 2 has delivered 1:2 and not 1:1, server 3 the other way round. */
function crossed(written: Written): Written {
  written.lead(1, 1).propose(1, z(1, 1)).propose(1, z(1, 2)).commit(1, z(1, 1)).commit(1, z(1, 2));
  return written.load(2, 0).load(3, 0).apply(3, z(1, 1)).apply(2, z(1, 2));
}

test("Agreement finds two servers each of which lacks what the other delivered", () => {
  const written = crossed(new Written().judge((history, fail) => new Agreement(history, fail)));
  expect(written.failures).toEqual([
    "server 2 delivered 0x100000002 and not 0x100000001, server 3 the other way round",
  ]);
});

describe("TotalOrder", () => {
  const judged = () => new Written().judge((history, fail) => new TotalOrder(history, fail));

  test("finds a server that delivers the second without the first", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1), undefined, undefined, []);
    written.agree(1, z(1, 2), undefined, undefined, []).load(2, 0).apply(2, z(1, 2));
    expect(written.failures).toEqual([
      "server 2 delivered 0x100000002 without 0x100000001, which server 1 delivered before it",
    ]);
  });

  test("finds a server that delivers the first after the second", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1)).agree(1, z(1, 2)).apply(2, z(1, 1));
    expect(written.failures).toEqual(["server 2 delivered 0x100000001 after 0x100000002"]);
  });
});

describe("LocalPrimaryOrder", () => {
  const judged = () => new Written().judge((history, fail) => new LocalPrimaryOrder(history, fail));

  test("finds proposals with a gap", () => {
    expect(judged().lead(1, 1).propose(1, z(1, 1)).propose(1, z(1, 3)).failures)
      .toEqual(["server 1 proposed 0x100000003 behind 0x100000001"]);
  });

  test("finds a delivery before the one proposed before it", () => {
    expect(crossed(judged()).failures).toEqual(["server 2 delivered 0x100000002 before 0x100000001"]);
  });
});

test("GlobalPrimaryOrder finds an older epoch's txn behind a newer one's", () => {
  const written = new Written().judge((_history, fail) => new GlobalPrimaryOrder(fail));
  written.lead(1, 1).propose(1, z(1, 1)).lead(2, 2).propose(2, z(2, 1)).apply(3, z(2, 1)).apply(3, z(1, 1));
  expect(written.failures).toEqual(["server 3 delivered 0x100000001 after a txn of epoch 2"]);
});

test("PrimaryIntegrity finds a follower that has more of the past than its leader", () => {
  const written = new Written().judge((history, fail) => new PrimaryIntegrity(history, fail));
  written.lead(1, 1).agree(1, z(1, 1)).agree(1, z(1, 2), undefined, undefined, [3]);
  written.lead(2, 2);
  expect(written.failures).toEqual([
    "server 3 has delivered 0x100000002, and server 2, which leads it in epoch 2, has not",
  ]);
});

describe("CommittedIsDurable", () => {
  const judged = () =>
    new Written().judge((history, fail) => new CommittedIsDurable(history, twoOfThree, fail));

  test("finds a commit that one disk alone holds", () => {
    const written = judged().lead(1, 1).propose(1, z(1, 1)).durable(1, z(1, 1)).log(2, z(1, 1)).commit(
      1,
      z(1, 1),
    );
    expect(written.failures).toEqual(["server 1 committed 0x100000001, which is durable only on [1]"]);
  });

  test("does not take for durable what a kill has left to be read", () => {
    const written = judged().lead(1, 1).propose(1, z(1, 1)).durable(1, z(1, 1)).log(2, z(1, 1));
    written.end(2, "killed").load(2, z(1, 1)).end(1, "killed").load(1, z(1, 1)).lead(1, 2);
    expect(written.failures).toEqual(["server 1 committed 0x100000001, which is durable only on [1]"]);
  });

  test("does not take for committed what a full disk has kept out of the log", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1)).propose(1, z(1, 2)).durable(1, z(1, 2));
    written.log(2, z(1, 2)).trace(2, { kind: "refuse", zxid: z(1, 2) }).end(1, "killed").lead(2, 2);
    expect(written.failures).toEqual([]);
  });

  test("takes for durable what a power cut has left", () => {
    const written = judged().lead(1, 1).propose(1, z(1, 1)).durable(1, z(1, 1)).log(2, z(1, 1));
    expect(written.end(2, "power cut").load(2, z(1, 1)).end(1, "killed").lead(1, 2).failures).toEqual([]);
  });
});

test("DeliveredIsCommitted finds a server that delivers what its leader has not committed", () => {
  const written = new Written().judge((_history, fail) => new DeliveredIsCommitted(fail));
  written.lead(1, 1).agree(1, z(1, 1)).propose(1, z(1, 2)).log(2, z(1, 2)).apply(2, z(1, 2));
  expect(written.failures).toEqual([
    "server 2 delivered 0x100000002, and no leader has committed beyond 0x100000001",
  ]);
});

test("AtMostOnce finds a request that became two txns", () => {
  const written = new Written().judge((history, fail) => new AtMostOnce(history, fail));
  written.lead(1, 1).agree(1, z(1, 1), creates("/a"), { cxid: 7 }).agree(1, z(1, 2), creates("/b"), {
    cxid: 7,
  });
  expect(written.failures).toEqual([
    `request 7 of session 0x${session.toString(16)} is 0x100000001 and again 0x100000002`,
  ]);
});

test("PeersSpeakProtocol finds what one member may not send another, and lets strangers be", () => {
  const written = new Written().judge((_history, fail) => new PeersSpeakProtocol([1, 2, 3], fail));
  written.trace(1, { kind: "violation", peer: 99, reason: "nonsense" });
  written.trace(1, { kind: "violation", peer: 2, reason: "it acked what was never proposed" });
  const failures = ["server 1 about server 2: it acked what was never proposed"];
  expect(written.failures).toEqual(failures);
  const text = "server.2=h2:1:2\nserver.3=h3:1:2\nversion=100000001";
  written.trace(2, { kind: "config", version: z(1, 1), text });
  written.trace(1, { kind: "violation", peer: 2, reason: "its epoch is older" });
  written.trace(2, { kind: "violation", peer: 1, reason: "nonsense" });
  expect(written.failures).toEqual(failures);
  written.trace(3, { kind: "violation", peer: 2, reason: "its epoch is older" });
  expect(written.failures).toEqual([...failures, "server 3 about server 2: its epoch is older"]);
});

describe("EqualDigests", () => {
  test("finds a tree with another digest than the agreed history makes", () => {
    const written = new Written();
    written.judge((history, fail) => new EqualDigests(new ReferenceTree(history), fail));
    written.lead(1, 1).propose(1, z(1, 1)).commit(1, z(1, 1)).apply(2, z(1, 1), undefined, 1n);
    expect(written.failures[0]).toContain("the tree of server 2 has digest 1 at 0x100000001");
  });
});

describe("EqualTrees", () => {
  test("finds a server with another, a missing or a surplus znode", () => {
    const written = new Written();
    const tree = makeTree();
    written.judge((history, fail) =>
      new EqualTrees(new ReferenceTree(history), () => [[2, tree.store]], fail)
    );
    const entry = entryOf(creates("/a"), { zxid: z(1, 1), clientId: session });
    tree.apply(entry, 0, entry.length, null, null);
    written.lead(1, 1).propose(1, z(1, 1), creates("/a")).commit(1, z(1, 1)).quiet();
    expect(written.failures).toEqual([]);
    written.propose(1, z(1, 2), creates("/a/b")).commit(1, z(1, 2)).quiet();
    expect(written.failures).toEqual(["server 2 has another /a"]);
  });
});

describe("WorkersFollow", () => {
  const judged = () => new Written().judge((_history, fail) => new WorkersFollow(fail)).lead(1, 1);
  const worker = workerNode(2, 1);

  test("finds a worker that applies what its main process has not applied", () => {
    const written = judged().propose(1, z(1, 1)).commit(1, z(1, 1)).apply(1, z(1, 1)).apply(worker, z(1, 1));
    expect(written.failures).toEqual([
      "a worker of server 2 applied 0x100000001, and its main process stands at 0x0",
    ]);
  });

  test("is pleased by one that is behind or level", () => {
    const written = judged().agree(1, z(1, 1)).agree(1, z(1, 2)).apply(worker, z(1, 1)).apply(
      worker,
      z(1, 2),
    );
    expect(written.failures).toEqual([]);
  });
});

test("PeersSpeakProtocol finds a worker that its main process tells what it may not", () => {
  const written = new Written().judge((_history, fail) => new PeersSpeakProtocol([1, 2, 3], fail));
  written.trace(workerNode(2, 1), { kind: "violation", peer: 2, reason: "a gap" });
  expect(written.failures).toEqual(["a worker of server 2 about it: a gap"]);
});
