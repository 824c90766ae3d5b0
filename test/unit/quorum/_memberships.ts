import { type Random, randomBelow } from "../../../src/base/random.ts";
import type { EnsembleServer, Membership } from "../../../src/quorum/membership.ts";
import { parseMembershipText } from "../../../src/quorum/membership_text.ts";

/** A membership of version 0 from lines such as `server.1=a:1:2`. */
export function membershipOf(...lines: string[]): Membership {
  return parseMembershipText(lines.join("\n"));
}

const hosts = [
  "zk1",
  "zk-2.example.org",
  "10.0.0.7",
  "::1",
  "fe80::2%eth0",
  "zoë.example",
  "動物園",
  "a_b",
  "X",
];

/** Any membership that a configuration can hold. */
export function randomMembership(random: Random): Membership {
  const pick = <T>(from: readonly T[]) => from[randomBelow(random, from.length)];
  const port = () => randomBelow(random, 65536);
  const ids = new Set<number>();
  const count = 1 + randomBelow(random, 7);
  while (ids.size < count) ids.add(randomBelow(random, 300));
  const servers = [...ids].sort((a, b) => a - b).map((id, index): EnsembleServer => {
    const addresses = [...new Set([pick(hosts), ...(randomBelow(random, 4) === 0 ? [pick(hosts)] : [])])]
      .sort()
      .map((host) => {
        const quorumPort = port();
        return { host, quorumPort, electionPort: (quorumPort + 1 + randomBelow(random, 9)) % 65536 };
      });
    const client = randomBelow(random, 2) === 0 ? undefined : { host: pick(hosts), port: port() };
    return { id, addresses, observer: index > 0 && randomBelow(random, 3) === 0, client };
  });
  const hierarchical = randomBelow(random, 2) === 0;
  const groups = new Map<number, number>();
  const weights = new Map<number, number>();
  if (hierarchical) {
    for (const { id, observer } of servers) {
      if (!observer || randomBelow(random, 2) === 0) groups.set(id, randomBelow(random, 4));
      weights.set(id, randomBelow(random, 4) + (id === servers[0].id ? 1 : 0));
    }
  }
  const version = randomBelow(random, 3) === 0
    ? 0
    : random.uint32() * 0x100000 + randomBelow(random, 0x100000);
  return { servers, groups: hierarchical ? groups : undefined, weights, version };
}
