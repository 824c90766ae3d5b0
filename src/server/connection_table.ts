import type { ClientLimitsConfig } from "../config/server_config.ts";
import type { Connection } from "./connection.ts";

/** The open client connections, and who may open more (`maxClientCnxns`, `maxCnxns`). */
export class ConnectionTable {
  readonly #limits: ClientLimitsConfig;
  readonly #connections = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();

  constructor(limits: ClientLimitsConfig) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#connections.size;
  }

  all(): Iterable<Connection> {
    return this.#connections;
  }

  /** @returns Why a client at `address` may not connect now, or null when it may. */
  refusal(address: string): string | null {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    if (connectionsMax > 0 && this.#connections.size >= connectionsMax) {
      return `there are ${connectionsMax} connections already (maxCnxns)`;
    }
    if (connectionsPerAddressMax > 0 && (this.#byAddress.get(address) ?? 0) >= connectionsPerAddressMax) {
      return `its address has ${connectionsPerAddressMax} connections already (maxClientCnxns)`;
    }
    return null;
  }

  add(connection: Connection): void {
    const address = connection.socket.remoteAddress;
    this.#connections.add(connection);
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  remove(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const address = connection.socket.remoteAddress;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}
