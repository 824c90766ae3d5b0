/** Reads the text kept in /zookeeper/config. */

/**
 * The config's version and the clients' addresses of all members, as `config -c` prints them.
 *
 * @returns `<version> host:port,host:port`; a single blank on a standalone server.
 * @see Fact: ConfigUtils.getClientConfigStr; an address without a host means 0.0.0.0
 */
export function clientConfigText(config: string): string {
  let version = "";
  const addresses: string[] = [];
  for (const { key, value } of properties(config)) {
    if (key === "version") version = value;
    if (!key.startsWith("server.")) continue;
    const semicolon = value.indexOf(";");
    if (semicolon < 0) continue;
    const address = value.slice(semicolon + 1).trim();
    addresses.push(address.includes(":") ? address : `0.0.0.0:${address}`);
  }
  return `${version} ${addresses.join(",")}`;
}

/**
 * The members named in a config file, for a reconfiguration.
 *
 * @throws {Error} There are none.
 */
export function membersOf(text: string): string {
  const members = [...properties(text)].filter(({ key }) => /^(server|group|weight)\./.test(key));
  if (members.length === 0) throw new Error("no server.N lines");
  return members.map(({ key, value }) => `${key}=${value}`).join("\n");
}

function* properties(text: string): Generator<{ key: string; value: string }> {
  for (const line of text.split(/\r?\n/)) {
    const equals = line.indexOf("=");
    if (equals > 0 && !/^\s*[#!]/.test(line)) {
      yield { key: line.slice(0, equals).trim(), value: line.slice(equals + 1).trim() };
    }
  }
}
