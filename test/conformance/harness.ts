/**
 * What every conformance test stands on: the server under judgement, its flavour, and a scratch subtree with
 * sessions that are gone again when the test ends.
 *
 * The server comes from the environment, which scripts/conformance.ts sets. Nothing here imports src/.
 */
import { test } from "bun:test";
import { fourLetterWord } from "../interop/apache_server.ts";
import { errorName } from "../wire/codes.ts";
import { type Target, WireConnection } from "../wire/connection.ts";
import type { ConnectFields } from "../wire/frames.ts";
import { type ConnectAnswer, type MultiEntry, readConnectAnswer } from "../wire/reader.ts";
import { type Reply, WireSession } from "../wire/session.ts";
import { until } from "../wire/until.ts";
import { environment, type Flavor, superCredentials } from "./settings.ts";

const address = process.env[environment.server];
if (address === undefined) {
  throw new Error(`No server to judge: run "bun scripts/conformance.ts", which sets ${environment.server}`);
}
const colon = address.lastIndexOf(":");

/** The server under judgement. */
export const target: Target = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };

/** Whether it has the settings of the suite; tests of switched-off features are skipped otherwise. */
export const prepared: boolean = process.env[environment.prepared] === "1";

/** Whether tests may start servers of their own. */
export const canLaunch: boolean = process.env[environment.launch] === "1";

/** Of a server of several processes, the one that is judged: they deal session ids out in turn, 64 of them at most. */
const judgedProcess = process.env[environment.process];

/**
 * Opens a session, or takes one up. A new one begins in the process that is judged: what one process was told, another
 * may show a moment later, and takes up sessions that have seen it no sooner.
 */
async function openSession(fields: ConnectFields = {}): Promise<WireSession> {
  if (judgedProcess === undefined) return await WireSession.open(target, fields);
  return await until("a session", async () => {
    const session = await WireSession.open(target, fields).catch(() => undefined);
    const isTakenUp = (fields.sessionId ?? 0n) !== 0n;
    if (session === undefined || isTakenUp || session.id % 64n === BigInt(judgedProcess)) return session;
    await session.close();
    return undefined;
  });
}

/** Which server it is. */
export const flavor: Flavor = (process.env[environment.flavor] as Flavor | undefined) ?? await guessFlavor();

async function guessFlavor(): Promise<Flavor> {
  const version = (await fourLetterWord(target, "srvr")).split("\n")[0] ?? "";
  if (/zoon/i.test(version)) return "zoon";
  if (/version: 3\.8\./.test(version)) return "apache-3.8";
  if (/version: 3\.9\./.test(version)) return "apache-3.9.5";
  return "zoon";
}

/** One test's sessions and subtree. */
export class Scratch {
  #opened: WireSession[] = [];
  #connections: WireConnection[] = [];
  #tickets = new Map<bigint, ConnectFields>();

  constructor(
    /** An ordinary session with a 30 s timeout. */
    readonly c: WireSession,
    /** A persistent znode that is this test's own and empty at first. */
    readonly root: string,
  ) {
    this.#opened.push(c);
  }

  /** `at("a")` is root + "/a". */
  at(name: string): string {
    return `${this.root}/${name}`;
  }

  /** Another session. */
  async open(fields: ConnectFields = {}): Promise<WireSession> {
    return this.keep(await openSession(fields));
  }

  /** Another session, or the refusal of one. */
  async tryOpen(fields: ConnectFields = {}): Promise<WireSession> {
    return this.keep(await WireSession.tryOpen(target, fields));
  }

  /** A connection on which nothing was sent. */
  async connect(): Promise<WireConnection> {
    const connection = await WireConnection.open(target);
    this.#connections.push(connection);
    return connection;
  }

  /** Closes this session too when the test ends. */
  keep(session: WireSession): WireSession {
    this.#opened.push(session);
    return session;
  }

  /** Reads the answer to a connect request sent by hand; the session it opens is closed when the test ends. */
  async readAnswer(connection: WireConnection): Promise<ConnectAnswer> {
    const answer = readConnectAnswer(await connection.nextFrame());
    this.#tickets.set(answer.sessionId, { sessionId: answer.sessionId, password: answer.password });
    return answer;
  }

  /** The events of a session so far as texts, with the root cut off: `created /a`. */
  async events(session: WireSession = this.c): Promise<string[]> {
    return this.relative(await session.takeEvents());
  }

  /** Cuts the root off event texts. */
  relative(texts: string[]): string[] {
    return texts.map((text) =>
      text.endsWith(` ${this.root}`) ? text.replace(this.root, ".") : text.replace(this.root, "")
    );
  }

  /**
   * Closes every session, those included that only a reattach can reach, so that none expires in the midst of
   * a later test; then removes the subtree.
   */
  async dispose(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    for (const session of this.#opened) {
      if (session.connection.closeKind !== undefined) this.#tickets.set(session.id, session.ticket);
      else await session.close();
      if (session.isClosed) this.#tickets.delete(session.id);
    }
    for (const ticket of this.#tickets.values()) {
      const again = await WireSession.tryOpen(target, ticket);
      if (again.answer.timeoutMs > 0) await again.close();
    }
    const sweeper = await openSession();
    await sweeper.auth("digest", superCredentials);
    await deleteAll(sweeper, this.root);
    await sweeper.close();
  }
}

/** Removes a subtree as far as its ACLs let us. */
export async function deleteAll(session: WireSession, path: string): Promise<void> {
  const listed = await session.getChildren(path);
  if (listed.name === "OK") {
    for (const child of listed.body.children) await deleteAll(session, `${path}/${child}`);
  }
  await session.delete(path);
}

/** Reasons for which a test does not apply to some servers. */
export interface Conditions {
  /** By flavour: why this release answers differently. */
  except?: Partial<Record<Flavor, string>>;
  /** Needs the settings of {@linkcode suiteCfg}. */
  needsPrepared?: boolean;
  /** Counts what every process of the server does. */
  needsOneProcess?: boolean;
  /** Needs servers of its own. */
  needsLaunch?: boolean;
  /** Longest a wait inside may take, in ms; 60000 by default. */
  timeoutMs?: number;
}

let counter = 0;

/** Declares one conformance test. A skipped one says why in its title. */
export function conform(title: string, body: (t: Scratch) => Promise<void>, when: Conditions = {}): void {
  const reason = when.except?.[flavor] !== undefined
    ? `${flavor}: ${when.except[flavor]}`
    : when.needsPrepared === true && !prepared
    ? "the server was not started by the suite with its settings"
    : when.needsOneProcess === true && judgedProcess !== undefined
    ? "the server has several processes"
    : when.needsLaunch === true && !canLaunch
    ? "the suite cannot start servers of its own here"
    : undefined;
  if (reason !== undefined) {
    test.skip(`${title} [skipped, ${reason}]`, () => {});
    return;
  }
  test(title, async () => {
    const session = await openSession({ timeoutMs: 30_000 });
    const root = `/conform-${process.pid}-${++counter}-${session.id.toString(16)}`;
    const scratch = new Scratch(session, root);
    try {
      (await session.create(root)).body;
      await body(scratch);
    } finally {
      await scratch.dispose();
    }
  }, when.timeoutMs ?? 90_000);
}

/** The name of a reply's error: `expect(await name(c.create(path))).toBe("NODEEXISTS")`. */
export async function name(reply: Promise<Reply>): Promise<string> {
  return (await reply).name;
}

/** Error names of a multi's entries. */
export function names(entries: MultiEntry[]): string[] {
  return entries.map((entry) => errorName(entry.err));
}
