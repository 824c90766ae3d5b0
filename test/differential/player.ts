/**
 * Plays windows against one server and writes down what came back, with everything that may rightly differ
 * between two servers replaced by what it stands for:
 *
 * - zxids: in headers by their distance from the window's start, in Stats and events by the request whose
 *   write they name (`#17.3` is request 3 of window 17);
 * - session ids by the count of sessions opened (`S4`), times by whether mtime is still ctime;
 * - child lists, lists of ephemerals, ACLs and identities sorted, for Apache keeps them in hash order.
 */
import { opcode, opcodeName } from "../wire/codes.ts";
import { type CloseKind, type Target, WireConnection } from "../wire/connection.ts";
import { connectFrame, openAcl } from "../wire/frames.ts";
import { type Bodies, type MultiEntry, readConnectAnswer, type Stat } from "../wire/reader.ts";
import { type Reply, type WireEvent, WireSession } from "../wire/session.ts";
import { quotaRoot, runRoot, slotCount, slotRoot, type Step, type Window } from "./steps.ts";

/** One line of a transcript: where it belongs, and what was seen there. */
export interface Seen {
  /** `slot 2`, or `slot 2 hears s1` for events from a subtree that another session worked in. */
  lane: string;
  /** Index of the request it answers, -1 for events. */
  step: number;
  text: string;
}

/** How long a connection that must end may take, in ms. */
const endPatienceMs = 5_000;

/** One server's side of a run. */
export class Player {
  #target: Target;
  #slots: WireSession[] = [];
  #sessionNames = new Map<bigint, string>();
  #zxidNames = new Map<bigint, string>();
  /** zxid at the start of each window so far. */
  #marks: bigint[] = [];
  /** zxids of this window that an undecodable request consumed. */
  #slips: bigint[] = [];
  #window = 0;
  #eventZxids: boolean;

  private constructor(target: Target, eventZxids: boolean) {
    this.#target = target;
    this.#eventZxids = eventZxids;
  }

  /**
   * Opens the sessions and makes the subtrees of a run on a server that holds none of them yet.
   *
   * @param eventZxids Whether to compare the zxid in notifications, which servers before 3.9 leave at -1.
   */
  static async start(target: Target, eventZxids: boolean): Promise<Player> {
    const player = new Player(target, eventZxids);
    for (let slot = 0; slot < slotCount; slot++) await player.#open(slot);
    const paths = [runRoot, quotaRoot, ...Array.from({ length: slotCount }, (_, slot) => slotRoot(slot))];
    paths.push("/zookeeper/quota/d", `/zookeeper/quota${quotaRoot}`);
    for (const path of paths) {
      const reply = await player.#slots[0].create(path);
      if (reply.name !== "OK") {
        throw new Error(`A run needs an empty server: create ${path} answered ${reply.name}`);
      }
      player.#zxidNames.set(reply.zxid, `#start ${path}`);
    }
    return player;
  }

  /** Closes every session. */
  async stop(): Promise<void> {
    for (const session of this.#slots) await session.close();
  }

  /** Does what a window says and returns all that was seen, in a fixed order. */
  async play(window: Window): Promise<Seen[]> {
    this.#window++;
    const start = await this.#barrier();
    this.#marks.push(start);
    this.#slips = [];
    for (const session of this.#slots) session.history.length = 0;
    const seen: Seen[] = [];
    switch (window.kind) {
      case "serial":
      case "concurrent":
        await this.#requests(window.steps, window.kind === "serial", start, seen);
        break;
      case "killer":
        await this.#killer(window.steps[0], start, seen);
        break;
      case "close":
        await this.#close(window.slot, start, seen);
        break;
      case "reattach":
        await this.#reattach(window.slot, window.drop, seen);
        break;
      case "intrude":
        await this.#intrude(window.slot, seen);
        break;
      case "audit":
        await this.#audit(window.sweep, seen);
    }
    const end = await this.#barrier();
    seen.push({ lane: "all", step: -1, text: `zxid +${this.#distance(end, start)}` });
    return seen;
  }

  /** Waits until every session has got all it was sent so far, and returns the server's zxid. */
  async #barrier(): Promise<bigint> {
    const pings = await Promise.all(this.#slots.map((session) => session.ping()));
    return pings.reduce((most, ping) => ping.zxid > most ? ping.zxid : most, 0n);
  }

  async #requests(steps: readonly Step[], serial: boolean, start: bigint, seen: Seen[]): Promise<void> {
    const replies = await Promise.all(steps.map((step) => this.#send(step)));
    for (const [i, reply] of replies.entries()) this.#learn(reply, `#${this.#window}.${i}`);
    await this.#barrier();
    const indexOf = new Map<unknown, number>(replies.map((reply, i) => [reply, i]));
    if (serial) this.#markSlips(replies, start);
    for (const [slot, session] of this.#slots.entries()) {
      const lanes = new Map<string, Seen[]>();
      const put = (lane: string, step: number, text: string) => {
        if (!lanes.has(lane)) lanes.set(lane, []);
        lanes.get(lane)!.push({ lane, step, text });
      };
      const own = `slot ${slot}`;
      for (const item of session.history) {
        if (item.kind === "event") {
          // Of what others do at the same time only the order within their subtree is fixed.
          const where = subtreeOf(item.path);
          put(serial || where === `s${slot}` ? own : `${own} hears ${where}`, -1, this.#event(item));
        } else {
          const step = indexOf.get(item);
          if (step !== undefined) put(own, step, this.#reply(item, serial ? start : undefined));
        }
      }
      for (const lane of [...lanes.keys()].sort()) seen.push(...lanes.get(lane)!);
    }
    for (const [i, reply] of replies.entries()) {
      if (reply.lost) {
        seen.push({ lane: `slot ${steps[i].slot}`, step: i, text: "no answer, the connection ended" });
      }
    }
    for (const [slot, session] of this.#slots.entries()) {
      if (session.connection.closeKind !== undefined) await this.#reopen(slot);
    }
  }

  #send(step: Step): Promise<Reply> {
    const body = typeof step.body === "function"
      ? step.body((ago) => this.#marks[Math.max(0, this.#marks.length - 1 - ago)])
      : step.body;
    const xid = step.type === opcode.ping ? -2 : undefined;
    return this.#slots[step.slot].raw(step.type, body, xid);
  }

  async #killer(step: Step, start: bigint, seen: Seen[]): Promise<void> {
    const lane = `slot ${step.slot}`;
    const session = this.#slots[step.slot];
    const reply = await this.#send(step);
    seen.push({ lane, step: 0, text: reply.lost ? "no answer" : this.#reply(reply, start) });
    seen.push({ lane, step: 0, text: await endOf(session.connection.closed) });
    await this.#resume(step.slot, session, seen);
  }

  async #close(slot: number, start: bigint, seen: Seen[]): Promise<void> {
    const session = this.#slots[slot];
    const reply = await session.closeSession();
    this.#zxidNames.set(reply.zxid, `#${this.#window}.close`);
    seen.push({ lane: `slot ${slot}`, step: 0, text: this.#reply(reply, start) });
    seen.push({ lane: `slot ${slot}`, step: 0, text: await endOf(session.connection.closed) });
    const others = this.#slots.filter((other) => other !== session);
    await Promise.all(others.map((other) => other.ping()));
    for (const [other, listener] of this.#slots.entries()) {
      // Ephemerals go in hash order.
      const events = listener.history.filter((item) => item.kind === "event").map((event) =>
        this.#event(event)
      ).sort();
      for (const text of events) seen.push({ lane: `slot ${other}`, step: -1, text });
    }
    await this.#open(slot);
  }

  async #reattach(slot: number, drop: boolean, seen: Seen[]): Promise<void> {
    const old = this.#slots[slot];
    if (drop) await old.vanish();
    await this.#resume(slot, old, seen);
    if (!drop) {
      seen.push({
        lane: `slot ${slot}`,
        step: 0,
        text: `the older connection: ${await endOf(old.connection.closed)}`,
      });
    }
  }

  async #intrude(slot: number, seen: Seen[]): Promise<void> {
    const old = this.#slots[slot];
    const connection = await WireConnection.open(this.#target);
    connection.send(connectFrame({ sessionId: old.id, password: new Uint8Array(16).fill(1) }));
    const answer = readConnectAnswer(await connection.nextFrame());
    seen.push({
      lane: `slot ${slot}`,
      step: 0,
      text: `a stranger is answered ${
        JSON.stringify({ ...answer, password: "", sessionId: String(answer.sessionId) })
      }`,
    });
    seen.push({ lane: `slot ${slot}`, step: 0, text: `the stranger: ${await endOf(connection.closed)}` });
    await this.#resume(slot, old, seen);
  }

  /** Takes a slot's session over to a new connection. */
  async #resume(slot: number, old: WireSession, seen: Seen[]): Promise<void> {
    const again = await WireSession.tryOpen(this.#target, { ...old.ticket, timeoutMs: 40_000 });
    this.#slots[slot] = again;
    const name = this.#sessionNames.get(again.id) ?? `unknown ${again.id}`;
    seen.push({ lane: `slot ${slot}`, step: 0, text: `reattached ${name} for ${again.answer.timeoutMs} ms` });
    if (again.answer.timeoutMs <= 0) await this.#open(slot);
  }

  async #reopen(slot: number): Promise<void> {
    await this.#resume(slot, this.#slots[slot], []);
  }

  async #open(slot: number): Promise<void> {
    const session = await WireSession.open(this.#target, { timeoutMs: 40_000 });
    this.#slots[slot] = session;
    this.#sessionNames.set(session.id, `S${this.#sessionNames.size}`);
    this.#zxidNames.set((await session.ping()).zxid, `#${this.#window}.open`);
  }

  /** Reads every znode of the run as super, deletes those below the subtrees if asked to. */
  async #audit(sweep: boolean, seen: Seen[]): Promise<void> {
    const session = await WireSession.open(this.#target);
    await session.auth("digest", "super:test");
    for (const path of ["/", "/zookeeper", "/zookeeper/quota"]) await this.#auditOne(session, path, seen);
    await this.#auditTree(session, runRoot, sweep, seen);
    await this.#auditTree(session, "/zookeeper/quota/d", false, seen);
    if (sweep) {
      for (let slot = 0; slot < slotCount; slot++) await session.setACL(slotRoot(slot), openAcl);
      for (const path of [runRoot, quotaRoot]) await session.setACL(path, openAcl);
    }
    await session.close();
  }

  async #auditTree(session: WireSession, path: string, sweep: boolean, seen: Seen[]): Promise<void> {
    const children = await this.#auditOne(session, path, seen);
    for (const child of children) await this.#auditTree(session, `${path}/${child}`, sweep, seen);
    if (sweep && !isFixed(path)) {
      const reply = await session.delete(path);
      this.#learn(reply, `#${this.#window} sweep of ${path}`);
      seen.push({ lane: path, step: -1, text: `delete ${reply.name}` });
    }
  }

  /** Returns the sorted children. */
  async #auditOne(session: WireSession, path: string, seen: Seen[]): Promise<string[]> {
    const [data, acl, children] = await Promise.all([
      session.getData(path),
      session.getACL(path),
      session.getChildren2(path),
    ]);
    for (const reply of [data, acl, children]) {
      seen.push({ lane: path, step: -1, text: this.#reply(reply, undefined) });
    }
    return children.name === "OK" ? children.body.children.sort() : [];
  }

  /**
   * Finds the zxids that went to requests nobody could decode. Which of those are given one differs from
   * release to release, so they are left out of the distances.
   */
  #markSlips(replies: readonly Reply[], start: bigint): void {
    let last = start;
    for (const reply of replies) {
      if (reply.name === "MARSHALLINGERROR" && reply.zxid > last) this.#slips.push(reply.zxid);
      if (!reply.lost && reply.zxid > last) last = reply.zxid;
    }
  }

  /** How far a zxid is from the window's start. */
  #distance(zxid: bigint, start: bigint): bigint {
    return zxid - start - BigInt(this.#slips.filter((slip) => slip <= zxid).length);
  }

  /** Remembers which request a zxid belongs to. */
  #learn(reply: Reply, name: string): void {
    // What cannot be decoded becomes no transaction: such an answer carries the zxid of somebody else's write.
    if (!writes.has(reply.type) || reply.lost || reply.zxid <= 0n || reply.name === "MARSHALLINGERROR") {
      return;
    }
    this.#zxidNames.set(reply.zxid, name);
  }

  #zxid(zxid: bigint): string {
    return zxid <= 0n ? String(zxid) : this.#zxidNames.get(zxid) ?? `unknown ${zxid - this.#marks[0]}`;
  }

  #event(event: WireEvent): string {
    const zxid = this.#eventZxids ? ` zxid ${this.#zxid(event.zxid)}` : "";
    return `event ${event.text} state ${event.state} err ${event.err}${zxid}`;
  }

  /** @param start zxid at the window's start, or undefined where the header's zxid depends on others' timing. */
  #reply(reply: Reply, start: bigint | undefined): string {
    const zxid = start === undefined
      ? ""
      : reply.zxid <= 0n
      ? ` zxid ${reply.zxid}`
      : ` zxid +${this.#distance(reply.zxid, start)}`;
    const head = `${opcodeName(reply.type)} ${reply.name}${zxid}`;
    const rest = Buffer.from(reply.rest).toString("hex");
    if (reply.err !== 0) return rest === "" ? head : `${head} followed by ${rest}`;
    try {
      return `${head} ${this.#body(reply.body)}`.trimEnd();
    } catch (error) {
      // sync echoes also a null path, which no reader of strings takes.
      return `${head} body ${rest} (${(error as Error).message})`;
    }
  }

  #body(body: Bodies[keyof Bodies]): string {
    const parts: string[] = [];
    for (const [key, value] of Object.entries(body)) {
      if (key === "text") continue;
      parts.push(
        key === "entries"
          ? `[${(value as MultiEntry[]).map((entry) => this.#fields(entry)).join("; ")}]`
          : `${key} ${this.#value(key, value)}`,
      );
    }
    return parts.join(" ");
  }

  #fields(entry: MultiEntry): string {
    return Object.entries(entry).map(([key, value]) => `${key} ${this.#value(key, value)}`).join(" ");
  }

  #value(key: string, value: unknown): string {
    if (key === "stat") return this.#stat(value as Stat);
    if (value instanceof Uint8Array) return `x${Buffer.from(value).toString("hex")}`;
    if (Array.isArray(value)) {
      return JSON.stringify(
        value.map((item) => typeof item === "string" ? item : JSON.stringify(item)).sort(),
      );
    }
    return JSON.stringify(value);
  }

  #stat(stat: Stat): string {
    const times = stat.mzxid === stat.czxid
      ? (stat.mtime === stat.ctime ? "unchanged" : `mtime moved by ${stat.mtime - stat.ctime}`)
      : "changed";
    const owner = stat.ephemeralOwner === 0n
      ? "0"
      : this.#sessionNames.get(stat.ephemeralOwner) ?? `unknown ${stat.ephemeralOwner}`;
    return `{c ${this.#zxid(stat.czxid)} m ${this.#zxid(stat.mzxid)} p ${this.#zxid(stat.pzxid)} ${times}${
      stat.ctime === 0n ? " at 0" : ""
    }` +
      ` v ${stat.version} cv ${stat.cversion} av ${stat.aversion} owner ${owner} bytes ${stat.dataLength} children ${stat.numChildren}}`;
  }
}

/** Requests that are transactions. */
const writes = new Set<number>([
  opcode.create,
  opcode.create2,
  opcode.createContainer,
  opcode.createTTL,
  opcode.delete,
  opcode.setData,
  opcode.setACL,
  opcode.multi,
]);

/** `s1` for all in slot 1's subtree. */
function subtreeOf(path: string): string {
  return path.split("/")[2] ?? "";
}

/** Whether a znode belongs to the run's frame, which a sweep leaves alone. */
function isFixed(path: string): boolean {
  return path === runRoot || path === quotaRoot ||
    Array.from({ length: slotCount }, (_, slot) => slotRoot(slot)).includes(path);
}

async function endOf(closed: Promise<CloseKind>): Promise<string> {
  const stays = Bun.sleep(endPatienceMs).then(() => "stays open");
  return await Promise.race([closed.then(() => "ends"), stays]);
}
