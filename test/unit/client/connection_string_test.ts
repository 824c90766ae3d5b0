import { expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import {
  formatServer,
  parseConnectionString,
  shuffled,
  withChroot,
  withoutChroot,
} from "../../../src/client/connection_string.ts";
import { BadArgumentsError } from "../../../src/client/errors.ts";

test("a connection string names servers, with port 2181 where none is given, and a chroot", () => {
  expect(parseConnectionString("h1:2182, h2 ,[::1]:2183,[fe80::2]/app/one")).toEqual({
    servers: [
      { host: "h1", port: 2182 },
      { host: "h2", port: 2181 },
      { host: "::1", port: 2183 },
      { host: "fe80::2", port: 2181 },
    ],
    chroot: "/app/one",
  });
});

test("a lone slash is no chroot, and empty places between commas are passed over", () => {
  expect(parseConnectionString("h1,,h2,/")).toEqual({
    servers: [{ host: "h1", port: 2181 }, { host: "h2", port: 2181 }],
    chroot: "",
  });
});

test.each([
  ["", "names no server"],
  ["/app", "names no server"],
  ["h1:0", "not a port"],
  ["h1:65536", "not a port"],
  ["h1:x", "not a port"],
  ["h1:", "no port after the colon"],
  [":2181", "no host"],
  ["::1:2181", "[address]:port"],
  ["[::1", "closing bracket"],
  ["[::1]2181", "after the bracket"],
  ["h1/app/", "chroot is not a valid path"],
  ["h1//app", "chroot is not a valid path"],
])("the connection string %p is refused with the reason", (text, reason) => {
  expect(() => parseConnectionString(text)).toThrow(BadArgumentsError);
  expect(() => parseConnectionString(text)).toThrow(reason);
});

test("formatServer() puts brackets about IPv6 addresses only", () => {
  expect(formatServer({ host: "::1", port: 1 })).toBe("[::1]:1");
  expect(formatServer({ host: "h", port: 2 })).toBe("h:2");
});

test("a chroot is put before every path and taken off again", () => {
  for (const path of ["/", "/a", "/a/b"]) expect(withoutChroot("/app", withChroot("/app", path))).toBe(path);
  expect(withChroot("/app", "/")).toBe("/app");
  expect(withChroot("", "/a")).toBe("/a");
});

test("a path outside of the chroot stays as it is, also one that only begins like it", () => {
  expect(withoutChroot("/app", "/zookeeper/config")).toBe("/zookeeper/config");
  expect(withoutChroot("/app", "/apple")).toBe("/apple");
});

test("shuffled() keeps every item and differs from seed to seed", () => {
  const items = [1, 2, 3, 4, 5, 6, 7, 8];
  const one = shuffled(items, seededRandom(1));
  expect(one.toSorted()).toEqual(items);
  expect(one).toEqual(shuffled(items, seededRandom(1)));
  expect(one).not.toEqual(shuffled(items, seededRandom(2)));
});
