import type { Chance } from "../world/chance.ts";
import type { MultiPart, Operation, Request } from "./operation.ts";

/** What clients do, in shares of all their requests. */
export type Mix = Readonly<
  Record<
    | "setData"
    | "compareAndSet"
    | "read"
    | "watch"
    | "addWatch"
    | "create"
    | "createEphemeral"
    | "createSequential"
    | "delete"
    | "multi"
    | "sync",
    number
  >
>;

/** Znodes that are there before anything else is asked of the servers. */
export const basePaths: readonly string[] = ["/r", "/n", "/e", "/s"];

/** Sequential znodes that one client makes, at most. */
const sequentialsMax = 40;

/** What the clients of a simulation have in common. */
export interface WorkloadSettings {
  readonly mix: Mix;
  /** Znodes that all clients write to, few enough for conflicts. */
  readonly registers: number;
  /** Names under which znodes come and go. */
  readonly names: number;
}

/**
 * Draws a client's next request: few znodes, so that clients meet; every value written once, so that a read tells
 * which write it saw.
 */
export class Workload {
  readonly #client: string;
  readonly #chance: Chance;
  readonly #settings: WorkloadSettings;
  /** Versions of registers as this client last saw them. */
  readonly #versions = new Map<string, number>();
  #values = 0;
  #sequentials = 0;

  constructor(client: string, chance: Chance, settings: WorkloadSettings) {
    this.#client = client;
    this.#chance = chance;
    this.#settings = settings;
  }

  next(): Request {
    const chance = this.#chance;
    switch (chance.weighted(this.#settings.mix)) {
      case "setData":
        return { kind: "setData", path: this.#register(), data: this.#value(), version: -1 };
      case "compareAndSet": {
        const path = this.#register();
        return { kind: "setData", path, data: this.#value(), version: this.#versions.get(path) ?? 0 };
      }
      case "read":
        return this.#read(false);
      case "watch":
        return this.#read(true);
      case "addWatch":
        return this.#addWatch();
      case "create":
        return {
          kind: "create",
          path: this.#name(),
          data: this.#value(),
          ephemeral: false,
          sequential: false,
        };
      case "createEphemeral":
        return {
          kind: "create",
          path: `/e/${chance.whole(1, this.#settings.names)}`,
          data: this.#value(),
          ephemeral: true,
          sequential: chance.happens(0.3),
        };
      case "createSequential":
        // They stay: more of them would only make everything slow.
        if (++this.#sequentials > sequentialsMax) return this.#read(false);
        return { kind: "create", path: "/s/q-", data: this.#value(), ephemeral: false, sequential: true };
      case "delete":
        return {
          kind: "delete",
          path: chance.happens(0.7) ? this.#name() : `/e/${chance.whole(1, this.#settings.names)}`,
          version: -1,
        };
      case "multi":
        return this.#multi();
      case "sync":
        return { kind: "sync", path: "/r" };
    }
  }

  /** Learns from an answer what a later request may build on. */
  learn({ request, error, stat }: Operation): void {
    if (error === 0 && stat !== null && "path" in request) this.#versions.set(request.path, stat.version);
  }

  #read(watch: boolean): Request {
    const chance = this.#chance;
    if (chance.happens(0.2)) return { kind: "getChildren", path: chance.pick(basePaths), watch };
    const path = chance.happens(0.6)
      ? this.#register()
      : chance.happens(0.5)
      ? this.#name()
      : `/e/${chance.whole(1, this.#settings.names)}`;
    return { kind: chance.happens(0.5) ? "getData" : "exists", path, watch };
  }

  /** A path has one kind of them: what two on one path come to differs between Apache's releases. */
  #addWatch(): Request {
    const chance = this.#chance;
    if (chance.happens(0.3)) {
      return { kind: "addWatch", path: chance.pick(["/r", "/n"]), isRecursive: true };
    }
    const path = chance.happens(0.4) ? this.#register() : chance.happens(0.5) ? this.#name() : "/e";
    return { kind: "addWatch", path, isRecursive: false };
  }

  #multi(): Request {
    const parts: MultiPart[] = [];
    const count = this.#chance.whole(1, 4);
    for (let index = 0; index < count; index++) {
      const kind = this.#chance.pick(["check", "create", "setData", "setData", "delete"] as const);
      const path = kind === "setData" || kind === "check" ? this.#register() : this.#name();
      const data = kind === "create" || kind === "setData" ? this.#value() : null;
      const version = kind === "check" ? this.#versions.get(path) ?? 0 : -1;
      parts.push({ kind, path, data, version });
    }
    return { kind: "multi", path: parts[0].path, parts };
  }

  #register(): string {
    return `/r/${this.#chance.whole(1, this.#settings.registers)}`;
  }

  #name(): string {
    return `/n/${this.#chance.whole(1, this.#settings.names)}`;
  }

  #value(): string {
    return `${this.#client}.${++this.#values}`;
  }
}
