/**
 * Invents the run of one seed: windows of requests which hit, miss and break things in about equal measure.
 * Nothing here looks at an answer, so both servers get the same bytes, and a seed can be replayed.
 */
import { createFlags, opcode, opcodeName } from "../wire/codes.ts";
import { type Acl, bodies, type Data, openAcl, type SubOp, subOps, type WatchLists } from "../wire/frames.ts";
import { Random } from "./random.ts";
import { type Profile, quotaRoot, requestsIn, slotCount, slotRoot, type Step, type Window } from "./steps.ts";

/** Where a request may reach. */
interface Scope {
  slot: number;
  /** `own` keeps to the slot's subtree, `any` roams, `quota` stays below the quota. */
  reach: "own" | "any" | "quota";
}

/** base64(SHA-1("u:p")). */
const digestUP = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";
const names = ["a", "b", "c", "a0000000000", "a0000000001", "q0000000002"];
const badNames = [
  "",
  ".",
  "..",
  "a//b",
  "a/",
  "/",
  "\u0000",
  "x\u0001",
  "\ud7ff",
  "\ue000",
  "a\u0000",
  "é日",
  " ",
];

/** Requests between two audits. */
const requestsPerAudit = 2_000;

/** Generates windows for ever. */
export class Generator {
  #random: Random;
  #profile: Profile;
  #sinceAudit = 0;
  #audits = 0;

  constructor(seed: number, profile: Profile) {
    this.#random = new Random(seed);
    this.#profile = profile;
  }

  /** The next window of the run. */
  next(): Window {
    const window = this.#next();
    this.#sinceAudit += requestsIn(window);
    return window;
  }

  #next(): Window {
    const random = this.#random;
    if (this.#sinceAudit >= requestsPerAudit) {
      this.#sinceAudit = 0;
      return { kind: "audit", sweep: ++this.#audits % 2 === 0 };
    }
    const slot = random.below(slotCount);
    return random.weighted<() => Window>([
      [60, () => this.#serial(slot)],
      [22, () => this.#concurrent()],
      [8, () => ({ kind: "serial", steps: [this.#step({ slot, reach: "quota" })] })],
      [3, () => ({ kind: "serial", steps: [this.#auth(slot)] })],
      [2, () => ({ kind: "killer", steps: [this.#killer(slot)] })],
      [2, () => ({ kind: "close", slot })],
      [2, () => ({ kind: "reattach", slot, drop: random.chance(50) })],
      [1, () => ({ kind: "intrude", slot })],
    ])();
  }

  #serial(slot: number): Window {
    const random = this.#random;
    const length = random.weighted([[3, 1], [3, random.between(2, 10)], [4, random.between(10, 60)]]);
    const steps: Step[] = [];
    while (steps.length < length) {
      const step = this.#step({ slot, reach: "any" });
      steps.push(random.chance(4) ? this.#mutated(step) : step);
      // Apache judges what is pipelined behind a setACL by the old ACL until the new one is applied.
      if (step.type === opcode.setACL) break;
    }
    return { kind: "serial", steps };
  }

  #concurrent(): Window {
    const random = this.#random;
    const steps: Step[] = [];
    for (let slot = 0; slot < slotCount; slot++) {
      if (random.chance(30)) continue;
      const length = random.between(1, 25);
      for (let i = 0; i < length; i++) steps.push(this.#step({ slot, reach: "own" }));
    }
    return steps.length > 0 ? { kind: "concurrent", steps } : this.#serial(0);
  }

  /** A request with its body cut, or with some bytes changed. */
  #mutated(step: Step): Step {
    const random = this.#random;
    if (step.type === opcode.multi && !this.#profile.multiCreate2) return step;
    if (typeof step.body === "function" || step.body.length < 4) return step;
    let body = step.body.slice();
    if (random.chance(50)) body = body.slice(0, random.below(body.length));
    else for (let i = random.between(1, 3); i > 0; i--) body[random.below(body.length)] = random.below(256);
    return {
      ...step,
      body,
      text: `${opcodeName(step.type)} mutated from ${step.text}: ${Buffer.from(body).toString("hex")}`,
    };
  }

  #step(scope: Scope): Step {
    const random = this.#random;
    const path = () => this.#path(scope);
    const kinds: [number, () => Omit<Step, "slot">][] = [
      [18, () => this.#create(path(), scope)],
      [10, () => this.#simple("delete", opcode.delete, path(), this.#version(), bodies.delete)],
      [10, () => this.#setData(path())],
      [7, () => this.#read("getData", opcode.getData, path())],
      [7, () => this.#read("exists", opcode.exists, path())],
      [5, () => this.#read("getChildren", opcode.getChildren, path())],
      [5, () => this.#read("getChildren2", opcode.getChildren2, path())],
      [2, () => this.#pathOnly("getACL", opcode.getACL, path())],
      [scope.reach === "own" ? 0 : 3, () => this.#setAcl(path())],
      [7, () => this.#multi(scope)],
      [3, () => this.#multiRead(scope)],
      [2, () => this.#pathOnly("getAllChildrenNumber", opcode.getAllChildrenNumber, path())],
      [2, () => this.#pathOnly("sync", opcode.sync, path())],
      [2, () => ({ type: opcode.whoAmI, body: new Uint8Array(0), text: "whoAmI" })],
      [2, () => ({ type: opcode.ping, body: new Uint8Array(0), text: "ping" })],
      [
        3,
        () =>
          this.#simple("checkWatches", opcode.checkWatches, path(), this.#watcherType(), bodies.checkWatches),
      ],
      [
        3,
        () =>
          this.#simple(
            "removeWatches",
            opcode.removeWatches,
            path(),
            this.#watcherType(),
            bodies.removeWatches,
          ),
      ],
      [2, () => this.#setWatches(scope)],
    ];
    if (this.#profile.persistentWatches) {
      const mode = random.weighted([[5, 0], [5, 1], [1, random.between(-1, 3)]]);
      kinds.push([3, () => this.#simple("addWatch", opcode.addWatch, path(), mode, bodies.addWatch)]);
    }
    // Ephemerals of a session lie in other subtrees too, so only alone is their list a fixed one.
    if (scope.reach === "any") {
      kinds.push([
        2,
        () => this.#pathOnly("getEphemerals", opcode.getEphemerals, random.pick(["/", "", path()])),
      ]);
    }
    if (scope.reach === "quota") kinds.push([20, () => this.#quota()]);
    return { slot: scope.slot, ...random.weighted(kinds)() };
  }

  /** A path, mostly of a znode that may be there. */
  #path(scope: Scope): string {
    const random = this.#random;
    const base = scope.reach === "quota"
      ? quotaRoot
      : scope.reach === "own" || random.chance(60)
      ? slotRoot(scope.slot)
      : slotRoot(random.below(slotCount));
    if (scope.reach === "any" && random.chance(2)) {
      return random.pick(["/", "", "/d", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]);
    }
    // The roots themselves are children of a znode that all share, so concurrent windows stay below them.
    let path = base;
    for (
      let depth = random.weighted([[scope.reach === "own" ? 0 : 1, 0], [6, 1], [4, 2], [2, 3]]);
      depth > 0;
      depth--
    ) {
      path += `/${random.pick(names)}`;
    }
    return random.chance(3) ? `${path}/${random.pick(badNames)}` : path;
  }

  #version(): number {
    const random = this.#random;
    return random.weighted([[7, -1], [4, random.below(4)], [
      1,
      random.pick([-2, 100, 0x7fffffff, -0x80000000]),
    ]]);
  }

  #watcherType(): number {
    const random = this.#random;
    const most = this.#profile.persistentWatches ? 5 : 3;
    return random.chance(5) ? random.pick([0, -1, 6, 99]) : random.between(1, most);
  }

  #data(): Data {
    const random = this.#random;
    return random.weighted<Data>([
      [2, null],
      [2, ""],
      [10, `v${random.below(1000)}`],
      [1, random.bytes(random.between(1, 300))],
    ]);
  }

  #acl(): readonly Acl[] | null {
    const random = this.#random;
    const world = (perms: number): Acl => ({ perms, scheme: "world", id: "anyone" });
    const readable = this.#profile.unreadableNodes ? 0 : 1;
    return random.weighted<readonly Acl[] | null>([
      [60, openAcl],
      [4, [world(random.below(32) | readable)]],
      [2, [world(random.below(32) | readable), { perms: 31, scheme: "digest", id: digestUP }]],
      [2, [{ perms: 31, scheme: "auth", id: random.pick(["", null, "x"]) }, world(readable)]],
      [1, [{
        perms: 31,
        scheme: "ip",
        id: random.pick(["127.0.0.1", "10.0.0.0/8", "127.0.0.0/8", "300.1.1.1", "x"]),
      }, world(1)]],
      [1, [world(31), world(31), world(1)]],
      [1, [{ perms: 31, scheme: random.pick(["nobody", "", "super", null]), id: "x" }]],
      [1, random.pick([[], null])],
    ]);
  }

  #create(path: string, scope: Scope): Omit<Step, "slot"> {
    const random = this.#random;
    const data = this.#data();
    const acl = this.#acl();
    const type = random.weighted([[8, opcode.create], [4, opcode.create2], [1, opcode.createContainer], [
      1,
      opcode.createTTL,
    ]]);
    const sequential = random.chance(15);
    if (type === opcode.createTTL) {
      const flags = random.weighted([[8, sequential ? createFlags.ttlSequential : createFlags.ttl], [
        1,
        random.below(8),
      ]]);
      const drawn = random.weighted<bigint>([[8, BigInt(random.between(100_000, 1_000_000))], [
        1,
        random.pick([0n, -1n, 1n << 40n, (1n << 40n) - 1n]),
      ]]);
      // A negative ttl with flags that mean none brings an Apache server down.
      const ttl = flags < createFlags.ttl && drawn < 0n ? 0n : drawn;
      return {
        type,
        body: bodies.createTTL(path, data, acl, flags, ttl),
        text: `createTTL ${show(path)} ${show(data)} acl ${show(acl)} flags ${flags} ttl ${ttl}`,
      };
    }
    // In a quota's subtree an ephemeral would outlast its window through the session's end: allowed, one at a time.
    const ephemeral = random.chance(scope.reach === "quota" ? 10 : 20);
    const usual = type === opcode.createContainer
      ? createFlags.container
      : (sequential ? 2 : 0) + (ephemeral ? 1 : 0);
    const drawn = random.weighted([[20, usual], [1, random.between(-1, 9)]]);
    // A container made with an ephemeral's flags is an ephemeral to Apache while it is pending, then a container.
    const flags = type === opcode.createContainer && (drawn === 1 || drawn === 3) ? 0 : drawn;
    const text = `${opcodeName(type)} ${show(path)} ${show(data)} acl ${show(acl)} flags ${flags}`;
    return { type, body: bodies.create(path, data, acl, flags), text };
  }

  #setData(path: string): Omit<Step, "slot"> {
    const data = this.#data();
    const version = this.#version();
    return {
      type: opcode.setData,
      body: bodies.setData(path, data, version),
      text: `setData ${show(path)} ${show(data)} version ${version}`,
    };
  }

  #setAcl(path: string): Omit<Step, "slot"> {
    const acl = this.#acl();
    const version = this.#version();
    return {
      type: opcode.setACL,
      body: bodies.setACL(path, acl, version),
      text: `setACL ${show(path)} ${show(acl)} version ${version}`,
    };
  }

  #read(word: string, type: number, path: string): Omit<Step, "slot"> {
    const watch = this.#random.chance(35);
    return { type, body: bodies.getData(path, watch), text: `${word} ${show(path)}${watch ? " watch" : ""}` };
  }

  #pathOnly(word: string, type: number, path: string): Omit<Step, "slot"> {
    const used = this.#random.chance(2) ? null : path;
    // A null prefix of getEphemerals means all of them; other reads cannot decode a null path.
    return { type, body: bodies.sync(used), text: `${word} ${show(used)}` };
  }

  #simple(
    word: string,
    type: number,
    path: string,
    value: number,
    encode: (path: string, value: number) => Uint8Array,
  ): Omit<Step, "slot"> {
    return { type, body: encode(path, value), text: `${word} ${show(path)} ${value}` };
  }

  #multi(scope: Scope): Omit<Step, "slot"> {
    const random = this.#random;
    const texts: string[] = [];
    const ops: SubOp[] = [];
    // One request of the quota's subtree sees the usage that all before it left, so it may hold one change only.
    const length = scope.reach === "quota"
      ? random.below(2)
      : random.weighted([[1, 0], [6, random.between(1, 3)], [3, random.between(3, 8)]]);
    for (let i = 0; i < length; i++) {
      const path = this.#path(scope);
      const data = this.#data();
      const version = this.#version();
      const flags = random.weighted([[16, 0], [2, 1], [3, 2], [1, 3]]);
      const kinds: [number, () => [string, SubOp]][] = [
        [5, () => [`create ${show(path)} flags ${flags}`, subOps.create(path, data, openAcl, flags)]],
        [3, () => [`delete ${show(path)} version ${version}`, subOps.delete(path, version)]],
        [4, () => [`setData ${show(path)} version ${version}`, subOps.setData(path, data, version)]],
        [3, () => [`check ${show(path)} version ${version}`, subOps.check(path, version)]],
      ];
      if (this.#profile.multiCreate2) {
        kinds.push([
          2,
          () => [`create2 ${show(path)} flags ${flags}`, subOps.create2(path, data, openAcl, flags)],
        ]);
        kinds.push([1, () => [`createContainer ${show(path)}`, subOps.createContainer(path)]]);
        kinds.push([1, () => [`createTTL ${show(path)}`, subOps.createTTL(path, 500_000n)]]);
        if (scope.reach === "any" && random.chance(2)) {
          kinds.push([9, () => [`create ${show(path)} flags 9`, subOps.create(path, data, openAcl, 9)]]);
        }
        if (scope.reach === "any" && random.chance(2)) {
          kinds.push([9, () => [`getData ${show(path)}`, subOps.getData(path)]]);
        }
      }
      const [text, op] = random.weighted(kinds)();
      texts.push(text);
      ops.push(op);
    }
    return { type: opcode.multi, body: bodies.multi(ops), text: `multi [${texts.join("; ")}]` };
  }

  #multiRead(scope: Scope): Omit<Step, "slot"> {
    const random = this.#random;
    const texts: string[] = [];
    const ops: SubOp[] = [];
    for (let i = random.below(5); i > 0; i--) {
      const path = this.#path(scope);
      const watch = random.chance(20);
      const data = random.chance(60);
      texts.push(`${data ? "getData" : "getChildren"} ${show(path)}`);
      ops.push(data ? subOps.getData(path, watch) : subOps.getChildren(path, watch));
    }
    return { type: opcode.multiRead, body: bodies.multi(ops), text: `multiRead [${texts.join("; ")}]` };
  }

  #setWatches(scope: Scope): Omit<Step, "slot"> {
    const random = this.#random;
    const list = () => Array.from({ length: random.below(4) }, () => this.#path(scope));
    const ago = random.weighted([[3, 0], [4, random.between(1, 10)], [3, random.between(10, 100)]]);
    const lists = { data: list(), exist: list(), child: list() };
    const second = random.chance(50);
    const extra = this.#profile.persistentWatches ? { persistent: list(), recursive: list() } : {};
    const type = second ? opcode.setWatches2 : opcode.setWatches;
    return {
      type,
      body: (zxidAt) => {
        const all: WatchLists = { relativeZxid: zxidAt(ago), ...lists, ...extra };
        return second ? bodies.setWatches2(all) : bodies.setWatches(all);
      },
      text: `${opcodeName(type)} of ${ago} windows ago ${
        JSON.stringify(second ? { ...lists, ...extra } : lists)
      }`,
    };
  }

  /** A change to the limits or statistics of the quota. */
  #quota(): Omit<Step, "slot"> {
    const random = this.#random;
    const base = `/zookeeper/quota${quotaRoot}`;
    const limits = random.pick([
      "count=10,bytes=100",
      "count=5,bytes=-1",
      "count=-1,bytes=-1=;byteHardLimit=60;countHardLimit=8",
      "count=3,bytes=20=;byteHardLimit=40;countHardLimit=-1",
      "count=-1,bytes=-1=;countHardLimit=12",
    ]);
    const path = `${base}/${random.pick(["zookeeper_limits", "zookeeper_stats"])}`;
    const data = path.endsWith("limits") ? limits : "count=0,bytes=0";
    return random.weighted<() => Omit<Step, "slot">>([
      [
        5,
        () => ({
          type: opcode.create,
          body: bodies.create(path, data, openAcl, 0),
          text: `create ${path} ${data}`,
        }),
      ],
      [
        4,
        () => ({
          type: opcode.setData,
          body: bodies.setData(`${base}/zookeeper_limits`, limits, -1),
          text: `setData ${base}/zookeeper_limits ${limits}`,
        }),
      ],
      [1, () => ({ type: opcode.delete, body: bodies.delete(path, -1), text: `delete ${path}` })],
      [
        6,
        () => ({
          type: opcode.getData,
          body: bodies.getData(`${base}/zookeeper_stats`, false),
          text: `getData ${base}/zookeeper_stats`,
        }),
      ],
    ])();
  }

  #auth(slot: number): Step {
    const credentials = this.#random.pick(["u:p", "u:p", "v:p", "u:wrong", "nocolon", "super:test"]);
    return {
      slot,
      type: opcode.auth,
      body: bodies.auth("digest", credentials),
      text: `auth digest ${credentials}`,
    };
  }

  /** A request whose answer is the end of its connection. */
  #killer(slot: number): Step {
    const random = this.#random;
    const scheme = random.pick(["nobody", "world", "", "sasl"]);
    const unknown = random.pick([0, 10, 23, 99, 108, -2, 0x7fffffff]);
    return random.chance(50)
      ? { slot, type: opcode.auth, body: bodies.auth(scheme, "x"), text: `auth ${show(scheme)}` }
      : { slot, type: unknown, body: random.bytes(random.below(20)), text: `op ${unknown}` };
  }
}

/** A value in words, short. */
export function show(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value === openAcl) return "open";
  return JSON.stringify(value);
}
