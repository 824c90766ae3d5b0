import { describe, expect, test } from "bun:test";
import {
  CreateFlag,
  isEphemeralFlag,
  isSequentialFlag,
  isTtlFlag,
  ownerKind,
  ttlMsMax,
  ttlMsOf,
  ttlOwner,
} from "../../../src/protocol/create_mode.ts";
import { containerOwner } from "../../../src/protocol/session_id.ts";

const off = { extendedTypes: false, emulate353Ttl: false };
const on = { extendedTypes: true, emulate353Ttl: false };
const emulating = { extendedTypes: true, emulate353Ttl: true };

describe("flags", () => {
  test("say what CreateMode says", () => {
    const kinds = Object.entries(CreateFlag).map(([name, flag]) =>
      `${name}${isEphemeralFlag(flag) ? " ephemeral" : ""}${isSequentialFlag(flag) ? " sequential" : ""}${
        isTtlFlag(flag) ? " ttl" : ""
      }`
    );
    expect(kinds).toEqual([
      "persistent",
      "ephemeral ephemeral",
      "persistentSequential sequential",
      "ephemeralSequential ephemeral sequential",
      "container",
      "persistentWithTtl ttl",
      "persistentSequentialWithTtl sequential ttl",
    ]);
  });
});

describe("stored owners", () => {
  test("0 is a persistent znode, the smallest int64 a container, the rest sessions", () => {
    for (const rules of [off, on]) {
      expect(ownerKind(0n, rules)).toBe("persistent");
      expect(ownerKind(containerOwner, rules)).toBe("container");
      expect(ownerKind(0x0100001335490000n, rules)).toBe("ephemeral");
      expect(ownerKind(-0x200000000000000n, rules)).toBe("ephemeral");
    }
  });

  test("a top byte of 0xff means a TTL only where extended types are on", () => {
    for (const ttlMs of [1, 1000, 0xffffffff, ttlMsMax]) {
      const owner = ttlOwner(ttlMs);
      expect(BigInt.asUintN(64, owner)).toBe((0xffn << 56n) | BigInt(ttlMs));
      expect(ownerKind(owner, on)).toBe("ttl");
      expect(ttlMsOf(owner, on)).toBe(ttlMs);
      expect(ownerKind(owner, off)).toBe("ephemeral");
    }
  });

  test("the form of 3.5.3 has the top bit and milliseconds, and is read on request", () => {
    const owner = containerOwner | 60_000n;
    expect(ownerKind(owner, emulating)).toBe("ttl");
    expect(ttlMsOf(owner, emulating)).toBe(60_000);
    expect(ownerKind(owner, on)).toBe("ephemeral");
    expect(ownerKind(containerOwner, emulating)).toBe("container");
  });
});
