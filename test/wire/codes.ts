/**
 * Numbers of the ZooKeeper client protocol, written down once more and not imported from src/, so that a wrong
 * number there cannot agree with itself here.
 *
 * @see Fact: apache/zookeeper ZooDefs.java (OpCode, Perms), KeeperException.java (Code), Watcher.java (EventType)
 */

/** Request types. */
export const opcode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  createSession: -10,
  closeSession: -11,
  error: -1,
} as const;

/** Error codes by the name that tests and reports use. */
export const errorCode = {
  OK: 0,
  RUNTIMEINCONSISTENCY: -2,
  MARSHALLINGERROR: -5,
  UNIMPLEMENTED: -6,
  BADARGUMENTS: -8,
  NONODE: -101,
  NOAUTH: -102,
  BADVERSION: -103,
  NOCHILDRENFOREPHEMERALS: -108,
  NODEEXISTS: -110,
  NOTEMPTY: -111,
  SESSIONEXPIRED: -112,
  INVALIDACL: -114,
  AUTHFAILED: -115,
  SESSIONMOVED: -118,
  NOTREADONLY: -119,
  EPHEMERALONLOCALSESSION: -120,
  NOWATCHER: -121,
  RECONFIGDISABLED: -123,
  QUOTAEXCEEDED: -125,
  THROTTLEDOP: -127,
} as const;

/** Name of an error code; the number itself for one that no server sends. */
export function errorName(code: number): string {
  for (const [name, value] of Object.entries(errorCode)) if (value === code) return name;
  return String(code);
}

/** Name of a request type. */
export function opcodeName(type: number): string {
  for (const [name, value] of Object.entries(opcode)) if (value === type) return name;
  return `op${type}`;
}

/** Create flags. */
export const createFlags = {
  persistent: 0,
  ephemeral: 1,
  sequential: 2,
  ephemeralSequential: 3,
  container: 4,
  ttl: 5,
  ttlSequential: 6,
} as const;

/** Permission bits of an ACL entry. */
export const perms = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Modes of addWatch. */
export const watchMode = { persistent: 0, recursive: 1 } as const;

/** Types of checkWatches and removeWatches. */
export const watcherType = { children: 1, data: 2, any: 3, persistent: 4, recursive: 5 } as const;

/** Event types on the wire, by the short words tests use. */
export const eventWord: Record<number, string> = {
  1: "created",
  2: "deleted",
  3: "data",
  4: "children",
};

/** Reserved xids. */
export const xids = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;
