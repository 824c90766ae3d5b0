/**
 * Four-letter words in an ensemble: a follower, a leader and a server without a leader answer in Apache's shapes,
 * whoever they are beside.
 */
import { afterEach, expect, test } from "bun:test";
import { createFlags } from "../wire/codes.ts";
import { WireSession } from "../wire/session.ts";
import { type Member, MixedEnsemble, type Mode } from "./mixed_ensemble.ts";
import { type Flavor, target } from "./target.ts";

const apache: Flavor = "apache-3.9.5";

/** Words whose answers have one shape everywhere; `envi` speaks of the runtime, and `mntr` has a test of its own. */
const words = [
  "conf",
  "srvr",
  "stat",
  "cons",
  "dump",
  "dirs",
  "wchs",
  "wchc",
  "wchp",
  "ruok",
  "isro",
  "gtmk",
];

let ensemble: MixedEnsemble | undefined;
afterEach(async () => {
  await ensemble?.destroy();
  ensemble = undefined;
});

/** The lines of an answer with every number, name and time in it blotted out, each once and in order of the alphabet. */
function shapeOf(answer: string): string[] {
  const lines = answer.split("\n").map((line) =>
    line.replace(/^(Zookeeper version: ).*/, "$1").replace(/expire at .*:$/, "expire at #:")
      .replace(/(=|: )\/.*version-2/, "$1#").replace(/0x[0-9a-f]+/g, "0x#").replace(/\d+(\.\d+)?/g, "#")
      .replace(/lop=\w+/, "lop=#")
  );
  return [...new Set(lines)].sort();
}

/** The same few requests at every member, then what each says of itself. */
async function answersOf(flavors: Flavor[]): Promise<{ member: Member; answers: Record<string, string> }[]> {
  ensemble = await MixedEnsemble.create(flavors.map((flavor, i) => ({ id: i + 1, flavor })));
  const { members } = ensemble;
  await members[2].start();
  await members[2].logs(/LOOKING|looking for a leader/);
  expect((await ensemble.start()).id).toBe(3);
  for (const member of members) {
    const session = await WireSession.open(member);
    await session.create(`/of-${member.id}`);
    await session.getData(`/of-${member.id}`, true);
    await session.create(`/of-${member.id}/e`, { flags: createFlags.ephemeral });
    const moving = await WireSession.open(member);
    await moving.vanish();
    await (await WireSession.open(member, moving.ticket)).close();
  }
  const all = [];
  for (const member of members) {
    const answers: Record<string, string> = {};
    for (const word of [...words, "mntr"]) answers[word] = await member.word(word);
    all.push({ member, answers });
  }
  return all;
}

/** Keys of `mntr`, without those that name a namespace or a learner. */
function keysOf(mntr: string): string[] {
  return mntr.split("\n").map((line) => line.split("\t")[0])
    .filter((key) => key !== "" && !/_per_namespace$|_\d+_learner_handler_/.test(key));
}

/** What `mntr` says of an ensemble, which monitoring stands on. */
const ensembleKeys: Record<Mode, string[]> = {
  follower: ["zk_server_state", "zk_peer_state", "zk_quorum_size", "zk_global_sessions", "zk_local_sessions"],
  observer: ["zk_server_state", "zk_peer_state", "zk_quorum_size", "zk_global_sessions", "zk_local_sessions"],
  leader: [
    "zk_server_state",
    "zk_peer_state",
    "zk_quorum_size",
    "zk_learners",
    "zk_synced_followers",
    "zk_synced_non_voting_followers",
    "zk_synced_observers",
    "zk_pending_syncs",
    "zk_leader_uptime",
    "zk_last_proposal_size",
    "zk_max_proposal_size",
    "zk_min_proposal_size",
    "zk_proposal_count",
    "zk_commit_count",
  ],
};

/** Those with one value, whoever counts. */
const equalKeys = [
  "zk_quorum_size",
  "zk_learners",
  "zk_synced_followers",
  "zk_global_sessions",
  "zk_proposal_count",
  "zk_commit_count",
  "zk_learner_proposal_received_count",
  "zk_learner_commit_received_count",
  "zk_connection_request_count",
  "zk_connection_revalidate_count",
  "zk_revalidate_count",
];

/** Those that count something at both or at neither; on a busy machine one of them may look for a leader twice. */
const alikeKeys = [
  "zk_looking_count",
  "zk_cnt_election_time",
  "zk_cnt_unavailable_time",
  "zk_cnt_leader_unavailable_time",
  "zk_cnt_follower_sync_time",
  "zk_cnt_observer_sync_time",
];

const valueOf = (mntr: string, key: string) => new RegExp(`^${key}\t(.*)$`, "m").exec(mntr)?.[1];

test(`a follower and a leader answer in the shapes of ${apache}'s`, async () => {
  const beside = await answersOf([target, apache, apache]);
  await ensemble!.destroy();
  const led = await answersOf([apache, apache, target]);
  for (
    const [mode, ours, theirs] of [["follower", beside[0], beside[1]], ["leader", led[2], beside[2]]] as const
  ) {
    expect([mode, await ours.member.flavor]).toEqual([mode, target]);
    for (const word of words) {
      expect([mode, word, ...shapeOf(ours.answers[word])]).toEqual([
        mode,
        word,
        ...shapeOf(theirs.answers[word]),
      ]);
    }
    const [our, their] = [ours.answers.mntr, theirs.answers.mntr];
    const known = new Set(keysOf(their));
    expect(keysOf(our).filter((key) => !known.has(key))).toEqual([]);
    for (const key of ensembleKeys[mode]) {
      expect([key, valueOf(our, key)?.replace(/\d+/g, "#")]).toEqual([
        key,
        valueOf(their, key)?.replace(/\d+/g, "#"),
      ]);
    }
    for (const key of equalKeys) {
      expect([mode, key, valueOf(our, key)]).toEqual([mode, key, valueOf(their, key)]);
    }
    for (const key of alikeKeys) {
      expect([mode, key, Number(valueOf(our, key)) > 0]).toEqual([
        mode,
        key,
        Number(valueOf(their, key)) > 0,
      ]);
    }
  }
});

test(`a server without a leader answers as ${apache} does`, async () => {
  const flavors: Flavor[] = [target, apache, "apache-3.8", apache, apache, apache, apache];
  ensemble = await MixedEnsemble.create(flavors.map((flavor, i) => ({ id: i + 1, flavor })));
  const [ours, ...others] = ensemble.members.slice(0, 3);
  for (const member of [ours, ...others]) {
    await member.start();
    await member.logs(/LOOKING|looking for a leader/);
  }
  for (const word of [...words, "mntr", "crst", "srst"]) {
    const answer = await ours.word(word);
    for (const other of others) expect([word, await other.word(word)]).toEqual([word, answer]);
  }
});
