import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPortOwner } from "../../../cli/_port_owner.ts";

const header =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const row = (local: string, state: string, inode: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000 100 0\n`;

/** A /proc in which process 77 listens on 2181 over IPv4 and on 2182 over IPv6. */
function fakeProc(): string {
  const proc = mkdtempSync(join(tmpdir(), "zoon-proc-"));
  mkdirSync(join(proc, "net"));
  writeFileSync(
    join(proc, "net", "tcp"),
    header + row("0100007F:0885", "01", 11) + row("0100007F:0885", "0A", 12),
  );
  writeFileSync(join(proc, "net", "tcp6"), header + row(`${"0".repeat(32)}:0886`, "0A", 13));
  for (const [pid, inode] of [[76, 11], [77, 12], [77, 13]]) {
    mkdirSync(join(proc, String(pid), "fd"), { recursive: true });
    symlinkSync(`socket:[${inode}]`, join(proc, String(pid), "fd", String(inode)));
    writeFileSync(join(proc, String(pid), "comm"), "java\n");
  }
  mkdirSync(join(proc, "sys"));
  return proc;
}

describe("findPortOwner()", () => {
  test("finds who listens over IPv4 or IPv6, and not who is merely connected", () => {
    const proc = fakeProc();
    expect(findPortOwner(2181, proc)).toEqual({ pid: 77, name: "java" });
    expect(findPortOwner(2182, proc)).toEqual({ pid: 77, name: "java" });
    rmSync(proc, { recursive: true });
  });

  test("knows nobody on a free port, nor where there is no /proc", () => {
    const proc = fakeProc();
    expect(findPortOwner(2183, proc)).toBeUndefined();
    expect(findPortOwner(2181, join(proc, "none"))).toBeUndefined();
    rmSync(proc, { recursive: true });
  });

  test.if(process.platform === "linux")("finds this very process", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    expect(findPortOwner(port)?.pid).toBe(process.pid);
    server.close();
  });
});
