import { expect, test } from "bun:test";
import manifest from "../../../package.json";
import { fullVersion, zookeeperVersion, zoonVersion } from "../../../src/admin/version.ts";

test("the version is that of package.json", () => {
  expect(zoonVersion).toBe(manifest.version);
});

test("the full version has the shape that clients take apart", () => {
  const text = fullVersion("2026-11-21 01:17 UTC");
  expect(text).toBe(`3.9.5-zoon-${zoonVersion}, built on 2026-11-21 01:17 UTC`);
  // kazoo's ENVI_VERSION, and the shape of Version.getFullVersion.
  expect(/^([\d.]*).*/.exec(text)?.[1]).toBe(zookeeperVersion);
  expect(text).toMatch(/^\d+\.\d+\.\d+-[^,]+, built on \S+/);
});
