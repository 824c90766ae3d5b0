/**
 * Zoon as a library: a ZooKeeper client.
 *
 * @example
 * ```ts
 * await using zk = await connect("127.0.0.1:2181");
 * await zk.create("/greeting", "hello");
 * const { data, stat } = await zk.getData("/greeting");
 * ```
 *
 * @module
 */
import { Client } from "./src/client/client.ts";
import { connectClient } from "./src/client/connect.ts";
import type { ClientEnvironment } from "./src/client/session_link.ts";
import type { ClientOptions } from "./src/client/types.ts";
import type { ZooKeeper } from "./src/client/zookeeper.ts";
import { nodeDialer } from "./src/io/node_network.ts";
import { SystemClock } from "./src/io/system_clock.ts";
import { systemRandom } from "./src/io/system_random.ts";

export type { Transaction, WatchStream, ZooKeeper } from "./src/client/zookeeper.ts";
export type * from "./src/client/types.ts";
export {
  AuthFailedError,
  BadArgumentsError,
  BadVersionError,
  ClientClosedError,
  ConnectionLossError,
  EphemeralOnLocalSessionError,
  InvalidAclError,
  MarshallingError,
  MultiError,
  NewConfigNoQuorumError,
  NoAuthError,
  NoChildrenForEphemeralsError,
  NodeExistsError,
  NoNodeError,
  NotEmptyError,
  NotReadOnlyError,
  NoWatcherError,
  QuotaExceededError,
  ReconfigDisabledError,
  ReconfigInProgressError,
  RuntimeInconsistencyError,
  SaslRequiredError,
  SessionExpiredError,
  SessionMovedError,
  ThrottledOpError,
  UnimplementedError,
  WatchOverflowError,
  ZkError,
  type ZkErrorDetails,
} from "./src/client/errors.ts";
export { type Acl, type AuthId, openAcl, Perms, readAcl } from "./src/protocol/acl.ts";
export { ErrorCode, errorName } from "./src/protocol/error_code.ts";
export type { SessionId } from "./src/protocol/session_id.ts";
export type { Stat } from "./src/protocol/stat.ts";
export type { Zxid } from "./src/protocol/zxid.ts";

const environment: ClientEnvironment = {
  network: nodeDialer,
  clock: new SystemClock(),
  random: systemRandom(),
};

/**
 * Opens a session with a ZooKeeper ensemble and waits for it.
 *
 * @param connectionString `host:port,host:port…/chroot`; the port is 2181 by default.
 * @throws {BadArgumentsError} The connection string or an option is no good.
 * @throws {ConnectionLossError} No server served a session within `connectTimeoutMs`.
 * @throws {SessionExpiredError} The session to take over is gone.
 * @throws {AuthFailedError} The server does not accept the credentials.
 */
export function connect(connectionString: string, options?: ClientOptions): Promise<ZooKeeper> {
  return connectClient(environment, connectionString, options);
}

/**
 * Begins to open a session and does not wait for it: for programs that show something in the meantime.
 *
 * @throws {BadArgumentsError} The connection string or an option is no good.
 */
export function openClient(connectionString: string, options?: ClientOptions): ZooKeeper {
  return new Client(environment, connectionString, options);
}
