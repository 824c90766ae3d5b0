import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { Hierarchical } from "../../../src/quorum/hierarchical.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import {
  comparableHost,
  membershipText,
  observersOf,
  quorumOf,
  sameMembership,
  sameQuorumAddresses,
  serverOf,
  votersOf,
  weightOf,
  withVersion,
} from "../../../src/quorum/membership.ts";
import { membershipOf, randomMembership } from "./_memberships.ts";

const plain = membershipOf("server.3=c:1:2:observer", "server.2=b:1:2", "server.1=a:1:2;2181", "version=1a");
const grouped = membershipOf(
  "server.1=a:1:2",
  "server.2=b:1:2",
  "server.3=c:1:2",
  "server.4=d:1:2:observer",
  "group.1=1:2",
  "group.2=3:4",
  "weight.2=0",
  "weight.4=5",
);

describe("a membership", () => {
  test("has voters and observers by id", () => {
    expect(votersOf(plain).map(({ id }) => id)).toEqual([1, 2]);
    expect(observersOf(plain).map(({ id }) => id)).toEqual([3]);
    expect(serverOf(plain, 2)?.addresses[0].host).toBe("b");
    expect(serverOf(plain, 7)).toBeUndefined();
  });

  test("weighs voters alone: one each without groups, by their lines with groups", () => {
    expect([1, 2, 3, 4].map((id) => weightOf(plain, id))).toEqual([1, 1, 0, 0]);
    expect([1, 2, 3, 4, 5].map((id) => weightOf(grouped, id))).toEqual([1, 0, 1, 0, 0]);
  });

  test("needs a majority, or a majority of its groups", () => {
    expect(quorumOf(plain)).toBeInstanceOf(Majority);
    expect(quorumOf(plain).voters).toEqual([1, 2]);
    const quorum = quorumOf(grouped);
    expect(quorum).toBeInstanceOf(Hierarchical);
    expect(quorum.voters).toEqual([1, 2, 3]);
    expect(quorum.contains(new Set([1]))).toBe(false);
    expect(quorum.contains(new Set([1, 2]))).toBe(false);
    expect(quorum.contains(new Set([1, 3, 4]))).toBe(false);
    expect(quorumOf({ ...grouped, weights: new Map([[2, 0]]) }).contains(new Set([1, 3]))).toBe(true);
  });

  test("keeps its members under another version", () => {
    const later = withVersion(plain, 0x200000001);
    expect(later.version).toBe(0x200000001);
    expect(sameMembership(plain, later)).toBe(true);
    expect(plain.version).toBe(0x1a);
  });
});

describe("membershipText()", () => {
  test("lists servers by id, always with a role, and the version last without a newline", () => {
    expect(membershipText(plain)).toBe(
      "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:participant\nserver.3=c:1:2:observer\nversion=1a",
    );
  });

  test("lists groups, and the weight of every voter and of whom else has a line", () => {
    expect(membershipText(grouped).split("\n").slice(4)).toEqual([
      "group.1=1:2",
      "group.2=3:4",
      "weight.1=1",
      "weight.2=0",
      "weight.3=1",
      "weight.4=5",
      "version=0",
    ]);
  });

  test("puts IPv6 addresses in brackets, and several addresses in the order of their hosts", () => {
    const several = membershipOf("server.1=zk:1:2|[fe80::2]:3:4|alpha:5:6:observer;[::]:7", "server.2=b:1:2");
    expect(membershipText(several).split("\n")[0]).toBe(
      "server.1=alpha:5:6|[fe80::2]:3:4|zk:1:2:observer;[::]:7",
    );
  });
});

describe("sameMembership()", () => {
  test("looks at servers, addresses, roles, clients, groups and weights", () => {
    const lines = ["server.1=a:1:2;h:5", "server.2=b:1:2", "group.1=1", "group.2=2", "weight.2=2"];
    const membership = membershipOf(...lines);
    const changes: [number, string][] = [
      [0, "server.1=a:1:3;h:5"],
      [0, "server.1=a:3:2;h:5"],
      [0, "server.1=c:1:2;h:5"],
      [0, "server.1=a:1:2"],
      [0, "server.1=a:1:2;h:6"],
      [0, "server.1=a:1:2|c:1:2;h:5"],
      [1, "server.2=b:1:2:observer"],
      [3, "group.3=2"],
      [4, "weight.2=3"],
    ];
    for (const [index, line] of changes) {
      expect(sameMembership(membership, membershipOf(...lines.with(index, line)))).toBe(false);
    }
    expect(sameMembership(membership, membershipOf(...lines, "server.3=c:1:2:observer"))).toBe(false);
    expect(sameMembership(membership, membershipOf(...lines))).toBe(true);
    expect(sameMembership(membership, membershipOf(...lines, "weight.1=1"))).toBe(true);
  });

  test("does not mind how a host is spelled, nor the version or order of lines", () => {
    const short = membershipOf("server.1=[::1]:1:2;[FE80::]:9", "server.2=Zk2.Example:1:2", "version=5");
    const long = membershipOf(
      "server.2=zk2.example:1:2:participant",
      "server.1=[0:0:0:0:0:0:0:1]:1:2;[fe80:0:0:0:0:0:0:0]:9",
    );
    expect(sameMembership(short, long)).toBe(true);
  });
});

test("an IPv6 address has one spelling to compare", () => {
  for (
    const [host, spelling] of [
      ["::", "0:0:0:0:0:0:0:0"],
      ["::1", "0:0:0:0:0:0:0:1"],
      ["2001:0DB8::00ff:1", "2001:db8:0:0:0:0:ff:1"],
      ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
      ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0"],
      // No addresses, and so left as they are.
      ["1:2:3", "1:2:3"],
      ["1::2::3", "1::2::3"],
      ["1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:8::"],
      ["::12345", "::12345"],
      ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
      ["Name", "name"],
    ]
  ) {
    expect(comparableHost(host)).toBe(spelling);
  }
});

test("a membership is the same as itself and differs from any other", () => {
  const random = seededRandom(3);
  for (let round = 0; round < 200; round++) {
    const membership = randomMembership(random);
    expect(sameMembership(membership, structuredClone(membership))).toBe(true);
    expect(sameMembership(membership, randomMembership(random))).toBe(false);
  }
});

test("quorum addresses are the same whatever their order and the other ports", () => {
  const [before] = membershipOf("server.1=a:1:2|[::1]:3:4;5").servers;
  const isSame = (line: string) => sameQuorumAddresses(before, membershipOf(`server.1=${line}`).servers[0]);
  expect(isSame("[0:0:0:0:0:0:0:1]:3:9|A:1:8;7")).toBe(true);
  for (const other of ["a:1:2", "a:3:4|[::1]:1:2", "b:1:2|[::1]:3:4"]) expect(isSame(other)).toBe(false);
});
