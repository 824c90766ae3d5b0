import { resolve } from "node:path";
import type { Logger } from "../base/log.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { type RunningServer, startServer } from "../server/server.ts";
import { PagedZnodeStore } from "../tree/paged_znode_store.ts";
import { BunNetwork } from "./bun_network.ts";
import { nodeDisk } from "./node_disk.ts";
import { packerFor } from "./packers.ts";
import { processIdentity } from "./process_identity.ts";
import { processStatus } from "./process_info.ts";
import { SystemClock } from "./system_clock.ts";
import { systemHasher } from "./system_hasher.ts";
import { systemRandom } from "./system_random.ts";

export type { RunningServer } from "../server/server.ts";

/** Starts a server on this machine: its disk, its network, its clock. Throws as {@link startServer} does. */
export function serve(config: ServerConfig, logger: Logger): Promise<RunningServer> {
  const random = systemRandom();
  return startServer(config, {
    clock: new SystemClock(),
    disk: nodeDisk,
    network: new BunNetwork({ keepAlive: config.clientTcpKeepAlive }),
    hasher: systemHasher,
    random,
    logger,
    process: processStatus,
    lockHolder: processIdentity,
    makeStore: (ownerRules) => new PagedZnodeStore({ ownerRules, random }),
    packerFor,
    absolutePath: (path) => resolve(path),
  });
}
