import type { Clock } from "../../../src/base/clock.ts";
import type { Disk } from "../../../src/base/disk.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Network } from "../../../src/base/network.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { packerFor } from "../../../src/io/packers.ts";
import { systemHasher } from "../../../src/io/system_hasher.ts";
import type { ServerWorld } from "../../../src/server/server.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";

/** What a server of a test runs in: the test's clock, disk and network, and nothing else of the machine. */
export function worldOf(parts: { clock: Clock; disk: Disk; network: Network; seed: number }): ServerWorld {
  const { seed, ...given } = parts;
  return {
    ...given,
    hasher: systemHasher,
    random: seededRandom(seed),
    logger: silentLogger,
    process: { version: "test", environment: () => [], openFiles: () => 0, openFilesMax: () => 0 },
    lockHolder: { identity: "1 a", isRunning: () => true },
    absolutePath: (path) => path,
    makeStore: (ownerRules) => new ObjectZnodeStore({ ownerRules }),
    packerFor,
  };
}

/** A clock that stands still; turns end at once. */
const stillClock: Clock = {
  wallMs: () => 1_700_000_000_000,
  monotonicMs: () => 0,
  setTimer: () => ({ cancel() {} }),
  endOfTurn: (run) => run(),
};

/** A network in which nobody listens, or is there. */
const noNetwork: Network = {
  listen: () => Promise.reject(new Error("no port")),
  dial: () => Promise.reject(new Error("nobody")),
};

/** The world of a server of which only what it does with its disk is looked at. */
export function worldOfDisk(disk: Disk): ServerWorld {
  return worldOf({ clock: stillClock, disk, network: noNetwork, seed: 1 });
}
