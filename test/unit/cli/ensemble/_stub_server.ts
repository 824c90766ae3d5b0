/**
 * Stands in for `zoon server CFG --exit-with-parent`: listens for clients where its zoo.cfg says and answers `srvr`
 * with what the file `mode` beside that says, anew for each question. A file `fail` there has it end at once, and one
 * `slow` keeps it from stopping while it is there.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createServer } from "node:net";

const config = process.argv[3];
const home = dirname(config);
const id = readFileSync(join(home, "data", "myid"), "utf8").trim();
const port = new RegExp(`^server\\.${id}=.*:([0-9]+)$`, "m").exec(readFileSync(config, "utf8"))?.[1];

if (existsSync(join(home, "fail"))) {
  console.error(
    "2026-01-01T00:00:00.000Z ERROR The disk is on fire\n2026-01-01T00:00:00.000Z INFO  Stopping",
  );
  process.exit(3);
}
process.on("SIGTERM", async () => {
  while (existsSync(join(home, "slow"))) await Bun.sleep(5);
  process.exit(0);
});
createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", () => {
    const mode = readFileSync(join(home, "mode"), "utf8");
    socket.end(
      mode === "looking"
        ? "This ZooKeeper instance is not currently serving requests\n"
        : `Zookeeper version: 3.9.5-stub\nZxid: 0x1\nConnections: 1\nMode: ${mode}\n`,
    );
  });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
