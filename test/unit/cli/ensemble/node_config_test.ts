import { describe, expect, test } from "bun:test";
import { planLayout } from "../../../../cli/ensemble/layout.ts";
import { isOwnKey, newNodeConfig, withPorts, withSettings } from "../../../../cli/ensemble/node_config.ts";
import { parseProperties } from "../../../../src/quorum/properties.ts";
import { loadServerConfig } from "../../../../src/config/zoo_cfg.ts";

const three = planLayout({ voters: 3, observers: 0, basePort: 2181 });

/** What a server makes of the text. */
function load(text: string, serverId = 1) {
  const readFile = (path: string) => path === "zoo.cfg" ? Buffer.from(text, "latin1") : undefined;
  return loadServerConfig({ file: "zoo.cfg", overrides: [], serverId, readFile }).config;
}

const valueOf = (text: string, key: string) => parseProperties(text).get(key)?.value;

describe("newNodeConfig()", () => {
  test("is a zoo.cfg that a server of an ensemble runs with, on this machine alone", () => {
    const config = load(newNodeConfig(three, three.nodes[1], "/data/2", []), 2);
    expect(config.client).toEqual({ host: "127.0.0.1", port: 2182 });
    expect(config.storage.dataDir).toBe("/data/2");
    expect(config.ensemble?.membership.servers.map(({ addresses }) => addresses[0])).toEqual([
      { host: "127.0.0.1", quorumPort: 2281, electionPort: 2381 },
      { host: "127.0.0.1", quorumPort: 2282, electionPort: 2382 },
      { host: "127.0.0.1", quorumPort: 2283, electionPort: 2383 },
    ]);
  });

  test("lets clients have the session timeouts that real ensembles give them", () => {
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = load(newNodeConfig(three, three.nodes[0], "/d", []));
    expect([minSessionTimeoutMs, maxSessionTimeoutMs]).toEqual([1_000, 60_000]);
  });

  test("of one voter is standalone, but not when observers are to follow it", () => {
    const one = planLayout({ voters: 1, observers: 0, basePort: 2181 });
    expect(load(newNodeConfig(one, one.nodes[0], "/d", [])).ensemble).toBeUndefined();
    const observed = planLayout({ voters: 1, observers: 1, basePort: 2181 });
    const config = load(newNodeConfig(observed, observed.nodes[1], "/d", []), 2);
    expect(config.ensemble?.membership.servers.map(({ observer }) => observer)).toEqual([false, true]);
  });

  test("takes settings over its own defaults, each key once", () => {
    const text = newNodeConfig(three, three.nodes[0], "/d", [["tickTime", "2000"], ["snapCount", "10"]]);
    expect(valueOf(text, "tickTime")).toBe("2000");
    expect(valueOf(text, "snapCount")).toBe("10");
    expect(text.match(/^tickTime=/gm)).toHaveLength(1);
  });

  test("keeps paths whole that a properties file would read otherwise", () => {
    for (const path of [" /leading blank", "C:\\zoon\\new", "/größe/漢字", "/a=b:c#d!"]) {
      expect(valueOf(newNodeConfig(three, three.nodes[0], path, []), "dataDir")).toBe(path.trim());
    }
  });
});

describe("withSettings()", () => {
  test("gives a key another value, however it is written, and adds one that is missing", () => {
    const text = "# tickTime=1\ntickTime = 2\nx=1\n  tickTime:3\\\n  4\ny=2";
    expect(withSettings(text, [["tickTime", "9"], ["z", "3"]])).toBe(
      "# tickTime=1\nx=1\ny=2\ntickTime=9\nz=3\n",
    );
  });

  test("leaves a text alone that says so already", () => {
    const text = "tickTime : 9\n# the end";
    expect(withSettings(text, [["tickTime", "9"]])).toBe(text);
  });
});

describe("withPorts()", () => {
  test("moves the ports of server lines, also where old and new ones overlap, and no others", () => {
    const to = planLayout({ voters: 3, observers: 0, basePort: 2182 });
    const text = "clientPort=2181\nserver.1=127.0.0.1:2281:2381:participant;127.0.0.1:2181\n" +
      "server.3=127.0.0.1:2283:2383;2183\nserver.9=10.0.0.9:2888:3888;2181\n";
    expect(withPorts(text, three, to)).toBe(
      "clientPort=2181\nserver.1=127.0.0.1:2282:2382:participant;127.0.0.1:2182\n" +
        "server.3=127.0.0.1:2284:2384;2184\nserver.9=10.0.0.9:2888:3888;2182\n",
    );
  });
});

test("isOwnKey() knows what the launcher decides on", () => {
  expect(["dataDir", "clientPort", "server.1", "group.1", "weight.2"].every(isOwnKey)).toBe(true);
  expect(["dataLogDir", "snapCount", "serverCnxnFactory"].some(isOwnKey)).toBe(false);
});
