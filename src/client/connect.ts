import { Client } from "./client.ts";
import type { ClientEnvironment } from "./session_link.ts";
import type { ClientOptions } from "./types.ts";
import type { ZooKeeper } from "./zookeeper.ts";

/**
 * Opens a session and waits for it.
 *
 * @param connectionString `host:port,host:port…/chroot`; the port is 2181 by default.
 * @throws {BadArgumentsError} The connection string or an option is no good.
 * @throws {ConnectionLossError} No server served a session within `connectTimeoutMs`.
 * @throws {SessionExpiredError} The session to take over is gone.
 * @throws {AuthFailedError} The server does not accept the credentials.
 */
export async function connectClient(
  environment: ClientEnvironment,
  connectionString: string,
  options: ClientOptions = {},
): Promise<ZooKeeper> {
  const client = new Client(environment, connectionString, options);
  try {
    await client.connected(options.connectTimeoutMs ?? client.sessionTimeoutMs);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}
