/** Servers on loopback that dial each other directly: nothing in between that could disturb a measurement. */
import { freePort } from "../interop/apache_server.ts";
import type { Target } from "../wire/connection.ts";
import type { ClusterNetwork, Place } from "./chaos_network.ts";

const host = "127.0.0.1";

/** See the head of this file. */
export class LoopbackNetwork implements ClusterNetwork {
  /** Per server its client, quorum and election port. */
  readonly #ports: ReadonlyMap<Place, readonly [number, number, number]>;

  private constructor(ports: ReadonlyMap<Place, readonly [number, number, number]>) {
    this.#ports = ports;
  }

  /** Finds ports for servers 1 to `size`. */
  static async open(size: number): Promise<LoopbackNetwork> {
    const ports = new Map<Place, readonly [number, number, number]>();
    for (let id = 1; id <= size; id++) ports.set(id, [await freePort(), await freePort(), await freePort()]);
    return new LoopbackNetwork(ports);
  }

  configOf(id: Place): Record<string, string> {
    const lines: Record<string, string> = {
      clientPort: String(this.#ports.get(id)![0]),
      clientPortAddress: host,
    };
    for (const [other, [, quorum, election]] of this.#ports) {
      lines[`server.${other}`] = `${host}:${quorum}:${election}`;
    }
    return lines;
  }

  clientAddress(id: Place): string {
    return `${host}:${this.#ports.get(id)![0]}`;
  }

  statusTarget(id: Place): Target {
    return { host, port: this.#ports.get(id)![0] };
  }

  wrap(_id: Place, command: readonly string[]): string[] {
    return [...command];
  }
}
