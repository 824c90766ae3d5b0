import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { type Membership, membershipText, quorumOf, votersOf } from "../../../src/quorum/membership.ts";
import { MembershipTextError, parseMembershipText } from "../../../src/quorum/membership_text.ts";
import { randomMembership } from "./_memberships.ts";

/** @returns What the refusal says. */
function refusalOf(text: string): string {
  try {
    parseMembershipText(text);
  } catch (error) {
    if (error instanceof MembershipTextError) return error.message;
    throw error;
  }
  throw new Error("the text was taken");
}

/** Maps do not say in which order they compare; a voter without a weight line has one vote. */
function filledIn(membership: Membership): Membership {
  if (membership.groups === undefined) return membership;
  const ascending = (map: ReadonlyMap<number, number>) => new Map([...map].sort(([a], [b]) => a - b));
  return { ...membership, groups: ascending(membership.groups), weights: ascending(membership.weights) };
}

describe("parseMembershipText()", () => {
  test("reads what Apache sends, in whatever order", () => {
    const text = "server.2=127.0.0.1:2802:3802:participant;127.0.0.1:2182\n" +
      "server.1=127.0.0.1:2801:3801:observer\nversion=100000000";
    expect(parseMembershipText(text)).toEqual({
      servers: [
        {
          id: 1,
          addresses: [{ host: "127.0.0.1", quorumPort: 2801, electionPort: 3801 }],
          observer: true,
          client: undefined,
        },
        {
          id: 2,
          addresses: [{ host: "127.0.0.1", quorumPort: 2802, electionPort: 3802 }],
          observer: false,
          client: { host: "127.0.0.1", port: 2182 },
        },
      ],
      groups: undefined,
      weights: new Map(),
      version: 0x100000000,
    });
  });

  test("gives back what membershipText() was given", () => {
    const random = seededRandom(11);
    for (let round = 0; round < 300; round++) {
      const membership = randomMembership(random);
      expect(filledIn(parseMembershipText(membershipText(membership)))).toEqual(filledIn(membership));
    }
  });

  test("takes a text without a version for version 0, and any hexadecimal spelling of one", () => {
    expect(parseMembershipText("server.1=a:1:2").version).toBe(0);
    expect(parseMembershipText("server.1=a:1:2\nversion=001FFfffFFFFffff").version).toBe(0x1fffffffffffff);
  });

  for (
    const [text, complaint] of [
      ["", "no servers are listed"],
      ["version=5", "no servers are listed"],
      ["server.1=a:1:2:observer", "observers need participants"],
      ["server.1=a:1:2\nversion=xyz", "version=xyz must be a hexadecimal number, the zxid of the change"],
      ["server.1=a:1:2\nversion=", "version= must be a hexadecimal number, the zxid of the change"],
      ["server.1=a:1:2\nversion=-1", "version=-1 must be a hexadecimal number, the zxid of the change"],
      [
        "server.1=a:1:2\nversion=7fffffffffffffff",
        "version=7fffffffffffffff must be a hexadecimal number, the zxid of the change",
      ],
      ["server.x=a:1:2", "server.x=a:1:2 must be named server.N with N a whole number"],
      ["server.=a:1:2", "server.=a:1:2 must be named server.N with N a whole number"],
      ["server.-1=a:1:2", "server.-1=a:1:2 must be named server.N with N a whole number"],
      ["server.1=a:1:2\nserver.01=b:1:2", "server.01=b:1:2 describes server 1 a second time"],
      ["server.1=a:1:2\nclientPort=2181", "clientPort is not a key of a membership"],
      ["server.1=a:1:2\nweight.1=2", "server.1=a:1:2 must be in one of the groups, as there are groups"],
      ["server.1=a:1:2\ngroup.1=1:", null],
      ["server.1=a:1:2\ngroup=1", "group=1 must be named group.N with N a whole number"],
      ["server.1=a:1:2\ngroup.1=", "group.1= must be server ids between colons, such as 1:2:3"],
      [
        "server.1=a:1:2\ngroup.1=1\nweight.1=-1",
        "weight.1=-1 must be a whole number, the votes of the server",
      ],
      [
        "server.1=a:1:2\ngroup.1=1\nweight.1=0",
        "the servers that vote have no weight, so they make no quorum",
      ],
      [
        "server.1=a\\\\b:1:2",
        "server.1=a\\b:1:2 must have hosts without blanks, commas, brackets and backslashes",
      ],
      [
        "server.1=a]b:1:2",
        "server.1=a]b:1:2 must have hosts without blanks, commas, brackets and backslashes",
      ],
      ["server.1=a\\u0000:1:2", "server.1=a\u0000:1:2 must have hosts without blanks"],
      ["server.1=a\\ud800:1:2", "server.1=a\ud800:1:2 must have hosts without blanks"],
      ["server.1=\\u12", 'line 1: \\u must be followed by four hexadecimal digits, not "12"'],
    ] as const
  ) {
    const title = JSON.stringify(text);
    if (complaint === null) {
      test(`takes ${title}`, () => expect(parseMembershipText(text).servers).toHaveLength(1));
    } else test(`refuses ${title}`, () => expect(refusalOf(text)).toStartWith(complaint));
  }

  test("refuses nonsense with its own error and nothing else, and makes quorums of the rest", () => {
    const random = seededRandom(5);
    const spice = [
      "\n",
      "=",
      ":",
      ";",
      "|",
      ".",
      "\\",
      "[",
      "]",
      "0",
      "9",
      "version=",
      "group.1=",
      "weight.2=",
      "\u0000",
    ];
    let taken = 0;
    for (let round = 0; round < 3000; round++) {
      let text = membershipText(randomMembership(random));
      for (let edit = randomBelow(random, 4); edit > 0; edit--) {
        const at = randomBelow(random, text.length + 1);
        const end = at + randomBelow(random, 3);
        text = text.slice(0, at) + spice[randomBelow(random, spice.length)] + text.slice(end);
      }
      let membership: Membership;
      try {
        membership = parseMembershipText(text);
      } catch (error) {
        expect(error).toBeInstanceOf(MembershipTextError);
        continue;
      }
      taken++;
      const voters = votersOf(membership).map(({ id }) => id);
      expect(quorumOf(membership).voters).toEqual(voters);
      const canonical = membershipText(membership);
      expect(membershipText(parseMembershipText(canonical))).toBe(canonical);
    }
    expect(taken).toBeGreaterThan(500);
  });
});
