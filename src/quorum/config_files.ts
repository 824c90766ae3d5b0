/**
 * Names of the files beside zoo.cfg that keep a membership which can change. (QuorumPeer.makeDynamicConfigFilename,
 * QuorumPeerConfig.nextDynamicConfigFileSuffix, backupOldConfig)
 *
 * - `<zoo.cfg>.dynamic.<version>`: a committed membership without its version, which is the name's end, hexadecimal;
 *   the one that counts is named by `dynamicConfigFile` in zoo.cfg.
 * - `<zoo.cfg>.dynamic.next`: a proposed membership with its version, until it is committed.
 * - `<zoo.cfg>.bak`: zoo.cfg as it was while it still held the membership itself.
 */

/** @returns Where a committed membership of that version is kept. */
export function dynamicConfigPath(zooCfg: string, version: number): string {
  return `${zooCfg}.dynamic.${version.toString(16)}`;
}

/** @returns Where a proposed membership is kept. */
export function nextConfigPath(zooCfg: string): string {
  return `${zooCfg}.dynamic.next`;
}

/** @returns Where a zoo.cfg that holds the membership itself is kept before it is rewritten. */
export function backupConfigPath(zooCfg: string): string {
  return `${zooCfg}.bak`;
}

/** @returns The hexadecimal end of `zoo.cfg.dynamic.100000000`; 0 without one (QuorumPeerConfig.getVersionFromFilename). */
export function versionOfDynamicConfigPath(path: string): number {
  const end = path.slice(path.lastIndexOf(".") + 1);
  return /^[0-9a-fA-F]{1,13}$/.test(end) ? parseInt(end, 16) : 0;
}
