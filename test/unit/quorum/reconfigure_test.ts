import { describe, expect, test } from "bun:test";
import { type Membership, membershipText, withVersion } from "../../../src/quorum/membership.ts";
import {
  isRefusal,
  type ReconfigRefusal,
  type ReconfigRequest,
  type ReconfigState,
  reconfigure,
} from "../../../src/quorum/reconfigure.ts";
import { membershipOf } from "./_memberships.ts";

const three = membershipOf(
  "server.1=a:1:2;5",
  "server.2=b:1:2;5",
  "server.3=c:1:2:observer;5",
  "version=100000000",
);
const newVersion = 0x100000007;

/** A state in which everybody is in step and nothing is under way. */
function stateOf(change: Partial<ReconfigState> & { committed?: Membership } = {}): ReconfigState {
  const committed = change.committed ?? three;
  return {
    lastSeen: committed,
    standaloneEnabled: true,
    multiAddress: false,
    isSynced: () => true,
    ...change,
    committed,
  };
}

function ask(
  request: Partial<ReconfigRequest>,
  change?: Partial<ReconfigState>,
): Membership | ReconfigRefusal {
  const whole = { joining: null, leaving: null, newMembers: null, fromVersion: -1, ...request };
  return reconfigure(whole, stateOf(change), newVersion);
}

/** @returns The lines of the new membership. */
function linesAfter(request: Partial<ReconfigRequest>, change?: Partial<ReconfigState>): string[] {
  const result = ask(request, change);
  if (isRefusal(result)) throw new Error(result.reason);
  return membershipText(result).split("\n");
}

function refusalOf(request: Partial<ReconfigRequest>, change?: Partial<ReconfigState>): ReconfigRefusal {
  const result = ask(request, change);
  if (!isRefusal(result)) throw new Error("the request was granted");
  return result;
}

const one = "server.1=a:1:2:participant;0.0.0.0:5";
const two = "server.2=b:1:2:participant;0.0.0.0:5";
const observer = "server.3=c:1:2:observer;0.0.0.0:5";
const version = "version=100000007";

describe("an incremental change", () => {
  test("adds servers, and its zxid becomes the version", () => {
    expect(linesAfter({ joining: "server.4=d:1:2;5" })).toEqual([
      one,
      two,
      observer,
      "server.4=d:1:2:participant;0.0.0.0:5",
      version,
    ]);
    expect(linesAfter({ joining: "server.4=d:1:2:observer;h:5,server.5=[::7]:1:2;6" }).slice(3)).toEqual([
      "server.4=d:1:2:observer;h:5",
      "server.5=[::7]:1:2:participant;0.0.0.0:6",
      version,
    ]);
  });

  test("removes servers, also ones that are not there", () => {
    expect(linesAfter({ leaving: "3" })).toEqual([one, two, version]);
    expect(linesAfter({ leaving: " 3 ,, 9" })).toEqual([one, two, version]);
  });

  test("changes role and addresses of a server that is there", () => {
    expect(linesAfter({ joining: "server.3=c:1:2:participant;5" }).slice(2)).toEqual([
      "server.3=c:1:2:participant;0.0.0.0:5",
      version,
    ]);
    expect(linesAfter({ joining: "server.1=a:7:8;9" })[0]).toBe("server.1=a:7:8:participant;0.0.0.0:9");
  });

  test("removes before it adds, so a server may take over an address", () => {
    expect(linesAfter({ leaving: "3", joining: "server.4=c:1:2;5" }).slice(2)).toEqual([
      "server.4=c:1:2:participant;0.0.0.0:5",
      version,
    ]);
  });

  test("may change nothing but the version", () => {
    expect(linesAfter({})).toEqual([one, two, observer, version]);
  });

  test("takes keys as loosely as Apache", () => {
    for (const joining of ["server.4 = d:1:2;5", " 4=d:1:2;5 ", "x.y.4=d:1:2;5"]) {
      expect(linesAfter({ joining })[3]).toBe("server.4=d:1:2:participant;0.0.0.0:5");
    }
  });

  for (
    const [request, reason] of [
      [{ leaving: "x" }, '"x" is not the id of a server'],
      [{ leaving: "server.3" }, '"server.3" is not the id of a server'],
      [{ joining: "server.4" }, '"server.4" must look like server.N=host:port:port;clientPort'],
      [{ joining: "server.4=a=b" }, '"server.4=a=b" must look like server.N=host:port:port;clientPort'],
      [{ joining: "server.x=d:1:2;5" }, '"server.x=d:1:2;5" must be named server.N with N a whole number'],
      [{ joining: "server.4=d:1:2" }, '"server.4=d:1:2" must have a client port'],
      [{ joining: "server.4=d:1:1;5" }, '"server.4=d:1:1;5" must have different quorum and election ports'],
      [
        { joining: "server.4=d:1:2|e:1:2;5" },
        '"server.4=d:1:2|e:1:2;5" names several addresses, which needs multiAddress.enabled=true',
      ],
      [{ joining: "server.4=a:9:1;5" }, "server 4 would share a:1 with server 1"],
      [{ joining: "server.4=A:2:9;5" }, "server 4 would share a:2 with server 1"],
      [{ joining: "server.4=d:1:2;b:1" }, "server 4 would share b:1 with server 2"],
      [{ joining: "server.4=d:1:2;5,server.5=d:2:3;6" }, "server 5 would share d:2 with server 4"],
      [{ leaving: "2" }, "it would leave 1 voter, and 2 are needed"],
      [{ joining: "server.2=b:1:2:observer;5" }, "it would leave 1 voter, and 2 are needed"],
    ] as const
  ) {
    test(`is refused: ${JSON.stringify(request)}`, () => {
      expect(refusalOf(request)).toEqual({ refused: "bad arguments", reason });
    });
  }

  test("does not mind wildcard and loopback addresses, which every machine has", () => {
    for (const host of ["0.0.0.0", "127.0.0.1", "127.9.9.9", "localhost", "[::]", "[::1]"]) {
      const committed = membershipOf(`server.1=${host}:1:2;5`, `server.2=b:1:2;${host}:5`);
      expect(linesAfter({ joining: `server.4=${host}:1:2;5` }, { committed })).toHaveLength(4);
    }
  });

  test("may name several addresses where that is switched on", () => {
    const [, , , joined] = linesAfter({ joining: "server.4=e:1:2|d:1:2;5" }, { multiAddress: true });
    expect(joined).toBe("server.4=d:1:2|e:1:2:participant;0.0.0.0:5");
  });

  test("is not for servers in groups", () => {
    const committed = membershipOf("server.1=a:1:2", "server.2=b:1:2", "group.1=1", "group.2=2");
    expect(refusalOf({ leaving: "1" }, { committed })).toEqual({
      refused: "bad arguments",
      reason: "servers in groups are changed by naming the whole membership",
    });
  });
});

describe("a whole new membership", () => {
  test("is read from lines between newlines or commas, whatever version it claims", () => {
    const newMembers = "server.2=b:1:2;5,server.9=z:1:2:observer\nserver.8=y:1:2,version=5";
    expect(linesAfter({ newMembers, joining: "nonsense", leaving: "1" })).toEqual([
      two,
      "server.8=y:1:2:participant",
      "server.9=z:1:2:observer",
      version,
    ]);
  });

  test("may put servers into groups and take them out again", () => {
    const lines = ["server.1=a:1:2", "server.2=b:1:2", "group.1=1:2", "weight.1=2"];
    const grouped = linesAfter({ newMembers: lines.join(",") });
    expect(grouped.slice(2)).toEqual(["group.1=1:2", "weight.1=2", "weight.2=1", version]);
    const committed = membershipOf(...lines);
    expect(linesAfter({ newMembers: "server.1=a:1:2,server.2=b:1:2" }, { committed })).toHaveLength(3);
  });

  for (
    const [newMembers, reason] of [
      ["", "no servers are listed"],
      ["server.1=a:1:2:observer", "observers need participants"],
      ["server.1=a:1:2,tickTime=5", "tickTime is not a key of a membership"],
      ["server.1=a:1:2", "it would leave 1 voter, and 2 are needed"],
      [
        "server.1=a:1:2|b:1:2,server.2=c:1:2",
        "server 1 has several addresses, which needs multiAddress.enabled=true",
      ],
    ] as const
  ) {
    test(`is refused: ${JSON.stringify(newMembers)}`, () => {
      expect(refusalOf({ newMembers })).toEqual({ refused: "bad arguments", reason });
    });
  }
});

describe("the state decides", () => {
  test("one change at a time", () => {
    const lastSeen = withVersion(three, 0x100000003);
    expect(refusalOf({ leaving: "3" }, { lastSeen })).toEqual({
      refused: "in progress",
      reason: "the change to version 0x100000003 is not committed",
    });
  });

  test("a change from another version is refused, and from this one or any is not", () => {
    expect(refusalOf({ leaving: "3", fromVersion: 0x99 })).toEqual({
      refused: "other version",
      reason: "asked for from version 0x99, at version 0x100000000",
    });
    expect(linesAfter({ leaving: "3", fromVersion: 0x100000000 })).toHaveLength(3);
  });

  test("without standalone servers one voter may be left, but not none", () => {
    expect(linesAfter({ leaving: "2" }, { standaloneEnabled: false })).toHaveLength(3);
    expect(refusalOf({ leaving: "1,2" }, { standaloneEnabled: false }).reason).toBe(
      "it would leave 0 voters, and 1 is needed",
    );
  });

  test("a quorum of the new voters must be in step", () => {
    const joining = "server.4=d:1:2;5,server.5=e:1:2;5";
    const isSynced = (synced: number[]) => ({ isSynced: (id: number) => synced.includes(id) });
    expect(refusalOf({ joining }, isSynced([1, 2, 3]))).toEqual({
      refused: "no quorum",
      reason: "of its voters only 1, 2 are connected and in step",
    });
    expect(linesAfter({ joining }, isSynced([1, 4, 5]))).toHaveLength(6);
    expect(refusalOf({ joining }, isSynced([])).reason).toBe(
      "of its voters only none are connected and in step",
    );
    const newMembers = "server.1=a:1:2,server.2=b:1:2,group.1=1,group.2=2,weight.2=0";
    expect(linesAfter({ newMembers }, isSynced([1]))).toHaveLength(7);
    expect(refusalOf({ newMembers }, isSynced([2])).refused).toBe("no quorum");
  });

  test("checks come in Apache's order", () => {
    const lastSeen = withVersion(three, 0x100000003);
    const nobody = { isSynced: () => false };
    expect(refusalOf({ leaving: "x", fromVersion: 9 }, { lastSeen, ...nobody }).refused).toBe("in progress");
    expect(refusalOf({ leaving: "x", fromVersion: 9 }, nobody).refused).toBe("other version");
    expect(refusalOf({ leaving: "x" }, nobody).refused).toBe("bad arguments");
    expect(refusalOf({ leaving: "2" }, nobody).refused).toBe("bad arguments");
    expect(refusalOf({ leaving: "3" }, nobody).refused).toBe("no quorum");
  });
});
