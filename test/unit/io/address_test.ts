import { expect, test } from "bun:test";
import { hostAndPort, normalAddress } from "../../../src/io/address.ts";

test("addresses are shown as Java shows them", () => {
  const shown = {
    "10.1.2.3": "10.1.2.3",
    "::ffff:127.0.0.1": "127.0.0.1",
    "::ffff:7f00:1": "127.0.0.1",
    "0:0:0:0:0:ffff:c0a8:0102": "192.168.1.2",
    "::1": "0:0:0:0:0:0:0:1",
    "::": "0:0:0:0:0:0:0:0",
    "2001:db8::8:800:200c:417a": "2001:db8:0:0:8:800:200c:417a",
    "2001:0DB8::": "2001:db8:0:0:0:0:0:0",
    "1:2:3:4:5:6:7:8": "1:2:3:4:5:6:7:8",
    "fe80::1%eth0": "fe80:0:0:0:0:0:0:1%eth0",
    "::ffff:0:0:1": "0:0:0:0:ffff:0:0:1",
  };
  for (const [raw, expected] of Object.entries(shown)) expect(normalAddress(raw)).toBe(expected);
});

test("what is no address stays as it is", () => {
  for (const text of ["", "localhost", "a:b", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "1:2:3"]) {
    expect(normalAddress(text)).toBe(text);
  }
});

test("an IPv6 address goes into brackets before its port", () => {
  expect(hostAndPort("10.0.0.1", 2181)).toBe("10.0.0.1:2181");
  expect(hostAndPort("::1", 2181)).toBe("[::1]:2181");
});
