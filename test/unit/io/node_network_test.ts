import type { Network } from "../../../src/base/network.ts";
import { BunNetwork } from "../../../src/io/bun_network.ts";
import { nodeDialer } from "../../../src/io/node_network.ts";
import { networkSuite } from "./network_suite.ts";

networkSuite("node:net dialling a BunNetwork", (): Network => {
  const server = new BunNetwork();
  return {
    listen: (host, port, accept) => server.listen(host, port, accept),
    dial: (host, port, timeoutMs, open) => nodeDialer.dial(host, port, timeoutMs, open),
  };
});
