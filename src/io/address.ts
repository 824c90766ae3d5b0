/**
 * Writes a numeric address as ZooKeeper shows clients' addresses (Java's InetAddress): IPv4 in dots, IPv6 as
 * eight hexadecimal groups without padding or `::`. IPv4 mapped into IPv6 becomes IPv4; a scope (`%eth0`)
 * stays. What is no address is returned as it is.
 */
export function normalAddress(address: string): string {
  if (!address.includes(":")) return address;
  const [bare, scope] = address.split("%", 2);
  const groups = ipv6Groups(bare);
  if (groups === null) return address;
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return `${groups[6] >> 8}.${groups[6] & 0xff}.${groups[7] >> 8}.${groups[7] & 0xff}`;
  }
  const text = groups.map((group) => group.toString(16)).join(":");
  return scope === undefined ? text : `${text}%${scope}`;
}

/** @returns The address and port as one word, an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function ipv6Groups(address: string): number[] | null {
  const halves = address.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = [groupsOf(halves[0]), groupsOf(halves[1] ?? "")];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function groupsOf(text: string): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  for (const word of text.split(":")) {
    const dotted = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(word);
    if (dotted !== null) {
      const [a, b, c, d] = dotted.slice(1).map(Number);
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(word)) groups.push(parseInt(word, 16));
    else return null;
  }
  return groups;
}
