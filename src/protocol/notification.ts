/**
 * What servers send each other on the election port: one handshake per connection, then notifications.
 *
 * Notification, big-endian, behind an int32 length that `FrameSplitter` takes off:
 *
 *     0  int32  state          0 LOOKING, 1 FOLLOWING, 2 LEADING, 3 OBSERVING
 *     4  int64  leader         the proposed server
 *    12  int64  zxid           its newest zxid
 *    20  int64  electionEpoch  the sender's round
 *    28  int64  peerEpoch      the proposed server's epoch
 *    36  int32  version        2 at present
 *    40  int32  configLength   only when version > 1
 *    44  ...    config         UTF-8 text of the sender's committed configuration
 *
 * 28 bytes are a notification that ends at peerEpoch, which is then the epoch of the zxid; in one of 40 bytes
 * the version is not read. Both are version 0. (FastLeaderElection.Messenger)
 *
 * Handshake, from the side that dialled, never answered:
 *
 *     0  int64  protocol       -65536: one address; -65535: several, joined by "|"; >= 0: the sid, and no more
 *     8  int64  sid            2^63 - 1 is an observer that does not give its own
 *    16  int32  addressLength  1 to 2048
 *    20  ...    address        "host:port" of the dialling side's election port
 *
 * (QuorumCnxManager.InitialMessage)
 */
import { JuteReader } from "../jute/reader.ts";
import { JuteWriter } from "../jute/writer.ts";
import { epochOf } from "./zxid.ts";

/** What a server is doing, as elections name it; in the order of their numbers on the wire. (ServerState) */
export type PeerState = "LOOKING" | "FOLLOWING" | "LEADING" | "OBSERVING";

const statesByNumber: readonly PeerState[] = ["LOOKING", "FOLLOWING", "LEADING", "OBSERVING"];

/** Version of the notifications sent: they carry a configuration. */
export const notificationVersion = 2;

/** Java's Long.MIN_VALUE: stands in votes for what a server without a vote does not have. Exact as a number. */
export const longMin = -0x8000000000000000;

/**
 * Rounds are counted below this, and then from the beginning again: one word in a member's name could else bring an
 * ensemble to the last number there is. Far from the edge it is Apache's order, and no ensemble gets near it by itself.
 */
export const roundLimit = 2 ** 52;

/** A server's vote and state, as told to another. All numbers are int64, exact up to 2^53. */
export interface Notification {
  readonly state: PeerState;
  /** The server voted for, or followed. */
  readonly leader: number;
  /** Newest zxid of that server when it was proposed; -1 of a database that cannot be trusted. */
  readonly zxid: number;
  /** The round this vote belongs to (the logical clock). */
  readonly electionEpoch: number;
  /** Epoch of the proposed server; once a leader is established, its epoch. */
  readonly peerEpoch: number;
  /** 0 of senders older than 3.4.6; a configuration comes with 2 and above. */
  readonly version: number;
  /** Text of the sender's committed configuration, not checked in any way; null when it sent none. */
  readonly configText: string | null;
}

const writer = new JuteWriter(512);
const reader = new JuteReader();
const utf8 = new TextEncoder();
const utf8Text = new TextDecoder("utf-8", { ignoreBOM: true });

/** @returns The body of a notification, without its length, in memory of its own. */
export function encodeNotification(notification: Notification): Uint8Array {
  writer.reset(4096);
  writer.int(statesByNumber.indexOf(notification.state));
  writeLong(notification.leader);
  writeLong(notification.zxid);
  writeLong(notification.electionEpoch);
  writeLong(notification.peerEpoch);
  writer.int(notification.version);
  if (notification.version > 1) writer.string(notification.configText ?? "");
  return writer.view().slice();
}

/**
 * Reads the body of a notification.
 *
 * @returns Null for what is to be passed over: too short, cut off, with an unknown state, with a configuration
 *   length that cannot be, or with a round that is none. -1 is that of a leader which a reconfiguration designated.
 */
export function decodeNotification(bytes: Uint8Array, start = 0, end = bytes.length): Notification | null {
  const length = end - start;
  // Between the old forms and the present one there is no whole message (ZOOKEEPER-3769).
  if (length !== 28 && length < 40) return null;
  reader.reset(bytes, start, end);
  const state = statesByNumber[reader.int()] as PeerState | undefined;
  const leader = reader.longNumber();
  const zxid = reader.longNumber();
  const electionEpoch = reader.longNumber();
  if (state === undefined || electionEpoch < -1 || electionEpoch >= roundLimit) return null;
  const old = { state, leader, zxid, electionEpoch, version: 0, configText: null };
  if (length === 28) return { ...old, peerEpoch: epochOf(zxid) };
  const peerEpoch = reader.longNumber();
  if (length === 40) return { ...old, peerEpoch };
  const version = reader.int();
  if (version <= 1) return { ...old, peerEpoch, version };
  if (reader.remaining < 4) return null;
  const configLength = reader.int();
  if (configLength < 0 || configLength > reader.remaining) return null;
  const configText = utf8Text.decode(bytes.subarray(reader.position, reader.position + configLength));
  return { ...old, peerEpoch, version, configText };
}

/** A number that came from an int64 may have been rounded up to 2^63, which is none. */
function writeLong(value: number): void {
  if (value >= 0x8000000000000000) writer.long(0x7fffffffffffffffn);
  else writer.longNumber(value);
}

/** Where a server takes election connections. */
export interface ElectionAddress {
  /** Name or address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What the dialling side says of itself. */
export interface Handshake {
  /** Undefined of an observer that does not give its number. */
  readonly sid: number | undefined;
  /** Where it can be dialled; wildcard addresses are left out, and it may be empty. */
  readonly addresses: readonly ElectionAddress[];
}

/** How far the bytes of a handshake have come. */
export type HandshakeResult =
  | { readonly kind: "more" }
  /** What follows on this connection cannot be understood. */
  | { readonly kind: "bad"; readonly reason: string }
  /** The handshake took the first `size` bytes. */
  | { readonly kind: "done"; readonly handshake: Handshake; readonly size: number };

const oneAddress = -65536n;
const severalAddresses = -65535n;
const anonymousSid = 0x7fffffffffffffffn;
const addressBytesMax = 2048;

/** Bytes of the longest handshake. */
export const handshakeBytesMax = 20 + addressBytesMax;

/**
 * The whole handshake; to be sent in one write, since Java's side reads the address with a single read.
 *
 * @param addresses Our own election addresses, at least one. Several are told only in a form that servers
 *   before 3.6 do not know, so give more than one only where that was configured (ZOOKEEPER-3720).
 */
export function encodeHandshake(sid: number, addresses: readonly ElectionAddress[]): Uint8Array {
  const text = utf8.encode(addresses.map(addressText).join("|"));
  writer.reset(4096);
  writer.long(addresses.length > 1 ? severalAddresses : oneAddress);
  writer.longNumber(sid);
  writer.buffer(text);
  return writer.view().slice();
}

/** Reads a handshake from the bytes that a connection has brought so far; asked again when there are more. */
export function decodeHandshake(bytes: Uint8Array): HandshakeResult {
  if (bytes.length < 8) return { kind: "more" };
  reader.reset(bytes);
  const protocol = reader.long();
  // Servers before 3.5 send their sid and nothing else.
  if (protocol >= 0n) return doneWith(protocol, [], 8);
  if (protocol !== oneAddress && protocol !== severalAddresses) {
    return { kind: "bad", reason: `unknown protocol version ${protocol}` };
  }
  if (bytes.length < 20) return { kind: "more" };
  const sid = reader.long();
  const length = reader.int();
  if (length <= 0 || length > addressBytesMax) {
    return { kind: "bad", reason: `an address of ${length} bytes` };
  }
  if (reader.remaining < length) return { kind: "more" };
  const text = utf8Text.decode(bytes.subarray(20, 20 + length));
  const addresses: ElectionAddress[] = [];
  for (const word of text.split("|")) {
    const address = parseAddress(word);
    if (address === undefined) return { kind: "bad", reason: `the address ${JSON.stringify(word)}` };
    if (!isWildcard(address.host)) addresses.push(address);
  }
  return doneWith(sid, addresses, 20 + length);
}

function doneWith(sid: bigint, addresses: readonly ElectionAddress[], size: number): HandshakeResult {
  if (sid === anonymousSid) return { kind: "done", handshake: { sid: undefined, addresses }, size };
  const number = Number(sid);
  if (!Number.isSafeInteger(number) || number < 0) return { kind: "bad", reason: `the server id ${sid}` };
  return { kind: "done", handshake: { sid: number, addresses }, size };
}

function addressText({ host, port }: ElectionAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseAddress(text: string): ElectionAddress | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text);
  if (parts === null) return undefined;
  const port = Number(parts[3]);
  return port > 65535 ? undefined : { host: parts[1] ?? parts[2], port };
}

/** An address that says "all of mine", which nobody else can dial. */
function isWildcard(host: string): boolean {
  return /^0+(\.0+){0,3}$/.test(host) || /^[0:]+$/.test(host);
}
