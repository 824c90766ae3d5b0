/** kazoo drives the server: test/interop/python/kazoo_client.py says what it tries. */
import { join } from "node:path";
import { ensureKazoo, testsOfProgram } from "./client_programs.ts";

await testsOfProgram({
  command: ensureKazoo(),
  args: [join(import.meta.dir, "python", "kazoo_client.py")],
});
