/**
 * A server of several processes in memory: the main one and its workers are real; disks, the network and the time are
 * the test's.
 */
import type { Network, Socket } from "../../../../src/base/network.ts";
import { JuteReader } from "../../../../src/jute/reader.ts";
import { JuteWriter } from "../../../../src/jute/writer.ts";
import { encodeAcl, openAcl } from "../../../../src/protocol/acl.ts";
import {
  type ConnectResponse,
  decodeConnectResponse,
  encodeConnectRequest,
} from "../../../../src/protocol/connect.ts";
import { OpCode, Xid } from "../../../../src/protocol/op_code.ts";
import { sessionPassword } from "../../../../src/protocol/session_id.ts";
import { StandaloneServer } from "../../../../src/server/standalone.ts";
import type { WorkerDoor } from "../../../../src/server/workers/worker_hub.ts";
import { WorkerServer } from "../../../../src/server/workers/worker_server.ts";
import type { MemoryDisk } from "../../../world/memory_disk.ts";
import { load } from "../../config/_load.ts";
import { dirs } from "../../storage/_logs.ts";
import { emptyDisk } from "../_databases.ts";
import { MemorySocket } from "../_memory_network.ts";
import { Offices } from "../_offices.ts";

/** Where the main process lets workers in. */
const doorPort = 1;
export const clientPort = 2181;

/** A server of processes that share one port; here each has one of its own, so that a test can choose. */
export class Group {
  readonly offices = new Offices();
  readonly disk: MemoryDisk;
  readonly main: StandaloneServer;
  readonly workers: WorkerServer[] = [];
  /** Workers that the main process had ended. */
  readonly silent: number[] = [];
  /** The workers' ends of their links to the main process. */
  readonly #links: MemorySocket[] = [];
  readonly #settings: readonly string[];

  private constructor(disk: MemoryDisk, settings: readonly string[]) {
    this.disk = disk;
    this.#settings = settings;
    const { network } = this.offices;
    const workers: WorkerDoor = {
      listen: (accept) => network.listen("", doorPort, accept),
      onSilent: (index) => this.silent.push(index),
    };
    this.main = new StandaloneServer(this.#config, { ...this.offices.world(disk, 1), workers }, dirs);
  }

  /** Starts the main process and so many workers. */
  static async start(
    workers: number,
    settings: readonly string[] = [],
    disk: MemoryDisk = emptyDisk(),
  ): Promise<Group> {
    const group = new Group(disk, settings);
    await group.main.listen();
    for (let index = 1; index <= workers; index++) await group.startWorker(index);
    return group;
  }

  async startWorker(index: number): Promise<WorkerServer> {
    const { network } = this.offices;
    const ports: Network = {
      listen: (host, port, accept) => network.listen(host, port + index, accept),
      dial: async (_host, _port, timeoutMs, open) => {
        const socket = await network.dial("", doorPort, timeoutMs, open);
        this.#links[index] = socket as MemorySocket;
        return socket;
      },
    };
    const world = { ...this.offices.world(emptyDisk(), 1), network: ports };
    const worker = new WorkerServer({ index, config: this.#config, world });
    this.workers[index] = worker;
    worker.start();
    await this.settle();
    return worker;
  }

  /** What a worker tells the main process waits from now on. */
  hold(index: number): void {
    this.#links[index].stalled = true;
  }

  release(index: number): void {
    this.#links[index].drain();
  }

  settle(): Promise<void> {
    return this.offices.settle();
  }

  /** Connects to the process of that number: 0 is the main one. */
  async connect(index: number): Promise<GroupClient> {
    const client = new GroupClient(this);
    await this.#dial(index, client);
    return client;
  }

  /** A client with a session there. */
  async session(index: number, options: { timeoutMs?: number } = {}): Promise<GroupClient> {
    const client = await this.connect(index);
    await client.open(options);
    return client;
  }

  /** @returns The answer of the process of that number to a four-letter word. */
  async ask(index: number, word: string): Promise<string> {
    const client = await this.connect(index);
    client.socket.write(new TextEncoder().encode(word));
    await this.settle();
    return new TextDecoder().decode(client.takeBytes());
  }

  /** Whether somebody listens there. */
  async isOpen(index: number): Promise<boolean> {
    return await this.connect(index).then(() => true, () => false);
  }

  async #dial(index: number, client: GroupClient): Promise<void> {
    let failure: Error | null = null;
    this.offices.network.dial("", clientPort + index, 1000, (socket) => client.attach(socket)).catch(
      (error) => failure = error,
    );
    await this.settle();
    if (failure !== null) throw failure;
  }

  get #config() {
    const cfg = ["dataDir=/data", "preAllocSize=64", "tickTime=1000", "4lw.commands.whitelist=*"];
    return load({ cfg: [...cfg, `clientPort=${clientPort}`, ...this.#settings].join("\n") }).config;
  }
}

/** A reply or an event. */
export interface Received {
  readonly xid: number;
  readonly zxid: number;
  readonly error: number;
  readonly body: JuteReader;
}

/** A client of one of the processes. */
export class GroupClient {
  socket!: MemorySocket;
  closed = false;
  session: ConnectResponse | null = null;
  lastZxid = 0;
  readonly #group: { settle(): Promise<void> };
  #bytes: Uint8Array = new Uint8Array(0);
  #xid = 0;

  /** @param group Lets everything arrive that is on its way. */
  constructor(group: { settle(): Promise<void> }) {
    this.#group = group;
  }

  attach(socket: Socket) {
    this.socket = socket as MemorySocket;
    return {
      onData: (bytes: Uint8Array) => this.#bytes = new Uint8Array([...this.#bytes, ...bytes]),
      onDrain: () => {},
      onClose: () => {
        this.closed = true;
      },
    };
  }

  takeBytes(): Uint8Array {
    const bytes = this.#bytes;
    this.#bytes = new Uint8Array(0);
    return bytes;
  }

  /** Asks for a session: a new one, or that of another client. @returns The answer; null when there was none. */
  async open(
    options: { timeoutMs?: number; as?: GroupClient; lastZxidSeen?: number } = {},
  ): Promise<ConnectResponse | null> {
    const sessionId = options.as?.session?.sessionId ?? 0n;
    this.#xid = options.as?.lastXid ?? 0;
    this.send((out) =>
      encodeConnectRequest(out, {
        protocolVersion: 0,
        lastZxidSeen: options.lastZxidSeen ?? options.as?.lastZxid ?? 0,
        timeoutMs: options.timeoutMs ?? 10_000,
        sessionId,
        password: sessionPassword(sessionId),
        readOnly: false,
      })
    );
    await this.#group.settle();
    const [answer] = this.#takeFrames();
    return this.session = answer === undefined ? null : decodeConnectResponse(new JuteReader(answer));
  }

  get lastXid(): number {
    return this.#xid;
  }

  send(write: (out: JuteWriter) => void): void {
    const out = new JuteWriter();
    out.int(0);
    write(out);
    out.intAt(0, out.length - 4);
    this.socket.write(out.view());
  }

  /** Sends a request, and does not wait. @returns Its xid. */
  request(code: number, write: (out: JuteWriter) => void = () => {}): number {
    const xid = ++this.#xid;
    this.send((out) => {
      out.int(xid);
      out.int(code);
      write(out);
    });
    return xid;
  }

  /** What came. */
  take(): Received[] {
    return this.#takeFrames().map((frame) => {
      const body = new JuteReader(frame);
      const received = { xid: body.int(), zxid: body.longNumber(), error: body.int(), body };
      this.lastZxid = Math.max(this.lastZxid, received.zxid);
      return received;
    });
  }

  /** Sends a request and waits for its reply. */
  async ask(code: number, write: (out: JuteWriter) => void = () => {}): Promise<Received> {
    const xid = this.request(code, write);
    await this.#group.settle();
    const received = this.take();
    const reply = received.find((one) => one.xid === xid);
    if (reply === undefined) throw new Error(`no reply to ${xid} among ${received.map((one) => one.xid)}`);
    return reply;
  }

  async ping(): Promise<void> {
    this.send((out) => {
      out.int(Xid.ping);
      out.int(OpCode.ping);
    });
    await this.#group.settle();
    this.take();
  }

  create(path: string, flags = 0): Promise<Received> {
    return this.ask(OpCode.create, createBody(path, flags));
  }

  set(path: string, text: string): Promise<Received> {
    return this.ask(OpCode.setData, setBody(path, text));
  }

  /** @returns The data as text; the error's number when there is none. */
  async get(path: string, watch = false): Promise<string | number> {
    const { error, body } = await this.ask(OpCode.getData, (out) => {
      out.string(path);
      out.bool(watch);
    });
    return error === 0 ? new TextDecoder().decode(body.buffer()!) : error;
  }

  #takeFrames(): Uint8Array[] {
    const reader = new JuteReader(this.takeBytes());
    const frames: Uint8Array[] = [];
    while (reader.remaining > 0) frames.push(reader.buffer()!.slice());
    return frames;
  }
}

export function createBody(path: string, flags = 0) {
  return (out: JuteWriter) => {
    out.string(path);
    out.buffer(new TextEncoder().encode("new"));
    out.vector(openAcl, encodeAcl);
    out.int(flags);
  };
}

export function setBody(path: string, text: string) {
  return (out: JuteWriter) => {
    out.string(path);
    out.buffer(new TextEncoder().encode(text));
    out.int(-1);
  };
}
