import { existsSync } from "node:fs";
import { defaultDataDir } from "./ensemble.ts";

/**
 * What clients connect to of the ensemble that `zoon ensemble` runs in a directory, the usual one unless told.
 *
 * @returns `host:port,host:port…`; undefined when none runs there.
 */
export async function hostsOfEnsemble(dataDir: string = defaultDataDir): Promise<string | undefined> {
  if (!existsSync(dataDir)) return undefined;
  const [{ askLauncher }, { controlPath }] = await Promise.all([
    import("./ensemble/control_client.ts"),
    import("./ensemble/ensemble_directory.ts"),
  ]);
  const reply = await askLauncher(controlPath(dataDir), { command: "status" }).catch(() => undefined);
  return reply?.kind === "status" ? reply.nodes.map(({ client }) => client).join(",") : undefined;
}
