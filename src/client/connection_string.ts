import { type Random, randomBelow } from "../base/random.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { pathProblem } from "../protocol/path.ts";
import { BadArgumentsError } from "./errors.ts";

/** Where a server listens for clients. */
export interface ServerAddress {
  /** Name or numeric address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A connection string taken apart. */
export interface ConnectionTarget {
  readonly servers: ServerAddress[];
  /** "" for none, else a valid path. */
  readonly chroot: string;
}

const defaultPort = 2181;

/**
 * Reads `h1:2181,h2,[::1]:2183/chroot`: servers separated by commas, each with port 2181 unless it says
 * otherwise, and an optional path that stands before all paths.
 *
 * @throws {BadArgumentsError} Names what is wrong and where.
 * @see Fact: ConnectStringParser, NetUtils
 */
export function parseConnectionString(text: string): ConnectionTarget {
  const slash = text.indexOf("/");
  const list = slash === -1 ? text : text.slice(0, slash);
  const path = slash === -1 ? "/" : text.slice(slash);
  const problem = pathProblem(path);
  if (problem !== null) throw refuse(text, `the chroot is not a valid path: ${problem}`);
  const servers: ServerAddress[] = [];
  for (const part of list.split(",")) {
    const trimmed = part.trim();
    if (trimmed !== "") servers.push(parseServer(text, trimmed));
  }
  if (servers.length === 0) {
    throw refuse(text, "it names no server; expected host:port[,host:port…][/chroot]");
  }
  return { servers, chroot: path === "/" ? "" : path };
}

function parseServer(text: string, part: string): ServerAddress {
  let host = part;
  let port = "";
  if (part.startsWith("[")) {
    const end = part.indexOf("]");
    if (end === -1) throw refuse(text, `"${part}" lacks the closing bracket`);
    host = part.slice(1, end);
    const rest = part.slice(end + 1);
    if (rest !== "" && !rest.startsWith(":")) throw refuse(text, `"${part}" has something after the bracket`);
    port = rest.slice(1);
  } else {
    const colon = part.indexOf(":");
    if (colon !== part.lastIndexOf(":")) {
      throw refuse(text, `"${part}" is ambiguous; write an IPv6 address as [address]:port`);
    }
    if (colon !== -1) {
      host = part.slice(0, colon);
      port = part.slice(colon + 1);
      if (port === "") throw refuse(text, `"${part}" has no port after the colon`);
    }
  }
  if (host === "") throw refuse(text, `"${part}" has no host`);
  if (port === "") return { host, port: defaultPort };
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65535) throw refuse(text, `"${port}" is not a port from 1 to 65535`);
  return { host, port: number };
}

function refuse(text: string, reason: string): BadArgumentsError {
  return new BadArgumentsError(ErrorCode.badArguments, {
    op: "connect",
    path: null,
    reason: `cannot use the connection string ${JSON.stringify(text)}: ${reason}`,
  });
}

/** @returns `host:port`, with brackets about an IPv6 address. */
export function formatServer(server: ServerAddress): string {
  return server.host.includes(":") ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`;
}

/** @returns The same items in random order, so that many clients spread over the servers (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = items.slice();
  for (let last = result.length - 1; last > 0; last--) {
    const pick = randomBelow(random, last + 1);
    const item = result[last];
    result[last] = result[pick];
    result[pick] = item;
  }
  return result;
}

/** @returns The path on the server. */
export function withChroot(chroot: string, path: string): string {
  if (chroot === "") return path;
  return path === "/" ? chroot : chroot + path;
}

/** @returns The path as the client's user knows it; one outside of the chroot stays as it is (`/zookeeper/config`). */
export function withoutChroot(chroot: string, path: string): string {
  if (chroot === "" || !path.startsWith(chroot)) return path;
  if (path.length === chroot.length) return "/";
  return path.charCodeAt(chroot.length) === 0x2f ? path.slice(chroot.length) : path;
}
