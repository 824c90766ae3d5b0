/** Hierarchical quorums (`group.N`, `weight.N`) in an ensemble of Apache's two releases and the server under test. */
import { expect, test } from "bun:test";
import { expectSameTrees, expectSessionMoves, writeSome } from "./ensemble_checks.ts";
import { MixedEnsemble } from "./mixed_ensemble.ts";
import { until } from "../wire/until.ts";
import { type Flavor, target } from "./target.ts";

const flavors: Flavor[] = [target, "apache-3.9.5", "apache-3.8", target, "apache-3.9.5", target];

test("a majority of the weight in a majority of the groups decides, whoever is in them", async () => {
  await using servers = await MixedEnsemble.create(flavors.map((flavor, i) => ({ id: i + 1, flavor })), {
    // Both groups are needed; in the first 3 alone is not enough, in the second 6 has no say.
    cfg: {
      "group.1": "1:2:3",
      "group.2": "4:5:6",
      "weight.1": "1",
      "weight.2": "1",
      "weight.3": "1",
      "weight.4": "2",
      "weight.5": "1",
      "weight.6": "0",
    },
  });
  try {
    expect((await servers.start()).id).not.toBe(6);
    await expectSessionMoves(servers.members);
    for (const id of [1, 5, 6]) {
      await servers.member(id).kill();
      await writeSome(await servers.settled(), 10);
      await servers.start(id);
    }
    await expectSameTrees(servers);

    // Five of six are there, and yet no quorum is.
    await servers.member(4).kill();
    await until("everyone to stop serving", async () => {
      const modes = await Promise.all(servers.running.map((member) => member.mode()));
      return modes.every((mode) => mode === undefined) || undefined;
    });
    await servers.start(4);
    await servers.member(6).kill();
    await servers.member(5).kill();
    await writeSome(await servers.settled(), 10);
    await servers.start();
    await expectSameTrees(servers);
  } catch (error) {
    console.error(await servers.describe());
    throw error;
  }
});
