import { Client } from "../../../src/client/client.ts";
import type { ClientOptions } from "../../../src/client/types.ts";
import { type FakeServer, FakeWorld, type ServerSide } from "./fake_world.ts";

/** A client with one scripted server. */
export interface FakeSession {
  readonly world: FakeWorld;
  readonly client: Client;
  readonly server: FakeServer;
  /** The newest connection. */
  readonly connection: ServerSide;
}

/** Connects a client to one scripted server that serves session 0x77. The session timeout is 9 s. */
export async function connectFake(options: ClientOptions & { chroot?: string } = {}): Promise<FakeSession> {
  const { chroot = "", ...rest } = options;
  const world = new FakeWorld();
  const server = world.server("h1:2181");
  const client = new Client(world, `h1:2181${chroot}`, { sessionTimeoutMs: 9_000, ...rest });
  await world.settle();
  return {
    world,
    client,
    server,
    get connection() {
      return server.connection;
    },
  };
}

/** Cuts the connection and lets the client come back, while requests made meanwhile wait. */
export async function reconnect({ world, connection }: FakeSession): Promise<void> {
  connection.close();
  await world.advance(20);
}
