import type { ServerConfig } from "../config/server_config.ts";
import type { ServerMode } from "../admin/status_view.ts";
import { epochOf, type Zxid } from "../protocol/zxid.ts";
import { Majority } from "../quorum/majority.ts";
import type { DataDirs } from "../storage/data_dirs.ts";
import { orphansOf } from "../storage/recovery.ts";
import { Leader } from "../zab/leader.ts";
import { LeaderRole } from "./roles/leader.ts";
import type { RunningServer, ServerWorld } from "./server.ts";
import { ServerCore } from "./server_core.ts";

/** A standalone server's number: what the top byte of its session ids says. */
const standaloneId = 1;

/** A server alone: an ensemble of one, which leads. */
export class StandaloneServer implements RunningServer {
  readonly mode = "standalone";
  readonly zxid: Zxid;
  readonly serving: Promise<ServerMode> = Promise.resolve("standalone" as const);
  readonly failed: Promise<Error>;
  readonly #core: ServerCore;
  #stopped = false;

  /** @throws {RecoveryError | CorruptLogError | DiskError} */
  constructor(config: ServerConfig, world: ServerWorld, dirs: DataDirs) {
    let fail!: (error: Error) => void;
    this.failed = new Promise((resolve) => fail = resolve);
    const serverId = config.serverId ?? standaloneId;
    const core = this.#core = new ServerCore({
      config,
      world,
      dirs,
      serverId,
      databaseUser: (replica) => replica,
      ensembleStatus: () => undefined,
      ensembleConfig: () => undefined,
      onFatal: (error) => {
        core.closeDoors();
        fail(error);
      },
    });
    const recovered = core.load();
    this.zxid = recovered.lastZxid;
    const { replica, tree } = core;
    replica.takeSessions();
    replica.becomeServing(
      new LeaderRole({
        serverId,
        tree,
        events: core.events,
        preparation: core.makePreparation(recovered.lastZxid),
        leader: new Leader(new Majority([serverId]), recovered.lastZxid),
        log: core.database,
        metrics: core.metrics,
        logger: world.logger,
        host: replica,
        learners: null,
        zxidCounterMax: Infinity,
        localSessions: false,
        trace: world.trace,
      }),
    );
    world.trace?.({ kind: "state", state: "LEADING" });
    world.trace?.({ kind: "established", epoch: epochOf(recovered.lastZxid) });
    replica.closeOrphans(orphansOf(tree));
    core.keepHouse(recovered);
  }

  get address(): string | undefined {
    return this.#core.address;
  }

  get port(): number | undefined {
    return this.#core.port;
  }

  /** Opens the client port. @throws {ListenError} After which the server is stopped. */
  async listen(): Promise<void> {
    try {
      await this.#core.listen(this.#core.config.client);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    if (!this.#stopped) this.#core.stop();
    this.#stopped = true;
    return Promise.resolve();
  }
}
