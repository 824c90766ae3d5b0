import { zookeeperVersion, zoonVersion } from "../src/admin/version.ts";
import { buildCommit, buildDate } from "../src/io/process_info.ts";

/** What `zoon --version` prints. */
export function versionText(): string {
  const built = buildCommit === "" ? "from source" : `built from ${buildCommit} of ${buildDate}`;
  return `zoon ${zoonVersion} (speaks ZooKeeper ${zookeeperVersion}), ${built}`;
}
