import { ErrorCode, errorName } from "../protocol/error_code.ts";

/** Code of {@linkcode ClientClosedError}, local to the client as in the C library (ZCLOSING). */
export const clientClosedCode = -116;

/** Code of {@linkcode WatchOverflowError}, local to this client. */
export const watchOverflowCode = -10_001;

/** What an error is about. */
export interface ZkErrorDetails {
  /** Name of the method that failed, such as `setData`; null when none did. */
  readonly op: string | null;
  /** Path as the caller gave it, without the chroot; null for operations without one. */
  readonly path: string | null;
  /** What was meant to happen and why it did not; by default the meaning of the code. */
  readonly reason?: string;
  /** The error beneath. */
  readonly cause?: unknown;
}

/**
 * Something the ensemble refused, or that could not be asked. Branch on the class or on `code`, never on the
 * message.
 */
export class ZkError extends Error {
  override name = "ZkError";
  /** The code on the wire (`ErrorCode`), or a local one. */
  readonly code: number;
  /** Name of the method that failed; null when none did. */
  readonly op: string | null;
  /** Path as the caller gave it; null for operations without one. */
  readonly path: string | null;

  constructor(code: number, details: ZkErrorDetails) {
    super(sentence(code, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.op = details.op;
    this.path = details.path;
  }
}

/** The znode, or the parent of the one to create or delete, does not exist (-101). */
export class NoNodeError extends ZkError {
  override name = "NoNodeError";
}

/** The znode to create is there already (-110). */
export class NodeExistsError extends ZkError {
  override name = "NodeExistsError";
}

/** The version asked for is not the current one: somebody else changed the znode (-103). */
export class BadVersionError extends ZkError {
  override name = "BadVersionError";
}

/** The znode's ACL, or its parent's, does not allow this to any id of the session (-102). */
export class NoAuthError extends ZkError {
  override name = "NoAuthError";
}

/** The znode to delete has children (-111). */
export class NotEmptyError extends ZkError {
  override name = "NotEmptyError";
}

/** The parent is ephemeral, and those have no children (-108). */
export class NoChildrenForEphemeralsError extends ZkError {
  override name = "NoChildrenForEphemeralsError";
}

/** An ACL entry names an unknown scheme or an id its scheme does not accept, or the list is empty (-114). */
export class InvalidAclError extends ZkError {
  override name = "InvalidAclError";
}

/** A quota above the znode would be exceeded (-125). */
export class QuotaExceededError extends ZkError {
  override name = "QuotaExceededError";
}

/** The credentials were refused; the client is dead (-115). */
export class AuthFailedError extends ZkError {
  override name = "AuthFailedError";
}

/** An argument breaks a rule: a path, a mode, a time to live, a size (-8). */
export class BadArgumentsError extends ZkError {
  override name = "BadArgumentsError";
}

/** The request could not be encoded or the server could not decode it (-5). */
export class MarshallingError extends ZkError {
  override name = "MarshallingError";
}

/** The server does not know the operation, or has it switched off (-6). */
export class UnimplementedError extends ZkError {
  override name = "UnimplementedError";
}

/** Writes are not possible on a read-only server (-119). */
export class NotReadOnlyError extends ZkError {
  override name = "NotReadOnlyError";
}

/** A local session cannot own an ephemeral znode (-120). */
export class EphemeralOnLocalSessionError extends ZkError {
  override name = "EphemeralOnLocalSessionError";
}

/** There is no such watch (-121). */
export class NoWatcherError extends ZkError {
  override name = "NoWatcherError";
}

/** Reconfiguration is switched off on the ensemble (-123). */
export class ReconfigDisabledError extends ZkError {
  override name = "ReconfigDisabledError";
}

/** Another reconfiguration is under way (-14). */
export class ReconfigInProgressError extends ZkError {
  override name = "ReconfigInProgressError";
}

/** The new members have no quorum that is up to date (-13). */
export class NewConfigNoQuorumError extends ZkError {
  override name = "NewConfigNoQuorumError";
}

/** The ensemble wants SASL authentication first (-124). */
export class SaslRequiredError extends ZkError {
  override name = "SaslRequiredError";
}

/** The session is now served over another connection (-118). */
export class SessionMovedError extends ZkError {
  override name = "SessionMovedError";
}

/** Too many requests wait, here or on the server; this one was not executed (-127). */
export class ThrottledOpError extends ZkError {
  override name = "ThrottledOpError";
}

/** Another operation of the same multi failed, so this one was not done (-2). */
export class RuntimeInconsistencyError extends ZkError {
  override name = "RuntimeInconsistencyError";
}

/** The session is over; its ephemeral znodes and watches are gone and the client is dead (-112). */
export class SessionExpiredError extends ZkError {
  override name = "SessionExpiredError";
}

/** The client was closed by its owner (local code -116). */
export class ClientClosedError extends ZkError {
  override name = "ClientClosedError";
}

/** Nobody took the events of a watch stream for too long; it ended (local code -10001). */
export class WatchOverflowError extends ZkError {
  override name = "WatchOverflowError";
}

/** The connection broke before an answer came, or none was made in time (-4). The session may live on. */
export class ConnectionLossError extends ZkError {
  override name = "ConnectionLossError";
  /**
   * Whether a write may have been done all the same. False when the request never left, or only reads: then it
   * may be repeated without a second thought.
   */
  readonly mayHaveHappened: boolean;

  constructor(mayHaveHappened: boolean, details: ZkErrorDetails) {
    super(ErrorCode.connectionLoss, details);
    this.mayHaveHappened = mayHaveHappened;
  }
}

/** One operation of a multi failed, so none was done. `code` and `path` are those of the operation at fault. */
export class MultiError extends ZkError {
  override name = "MultiError";
  /** Place of the operation at fault, from 0. */
  readonly index: number;
  /** Per operation: 0 before the one at fault, its code, -2 (RUNTIMEINCONSISTENCY) after it. */
  readonly codes: readonly number[];
  /** The error of the operation at fault, such as a {@linkcode BadVersionError}. */
  declare readonly cause: ZkError;

  constructor(
    index: number,
    codes: readonly number[],
    failed: { readonly op: string; readonly path: string },
  ) {
    const code = codes[index];
    const place = `operation ${index + 1} of ${codes.length} (${failed.op})`;
    const reason = `nothing was done, as ${place} failed: ${meaningOf(code, failed.op)}`;
    super(code, { op: "multi", path: failed.path, reason, cause: errorOf(code, failed) });
    this.index = index;
    this.codes = codes;
  }
}

type ErrorClass = new (code: number, details: ZkErrorDetails) => ZkError;

const classes = new Map<number, ErrorClass>([
  [ErrorCode.noNode, NoNodeError],
  [ErrorCode.nodeExists, NodeExistsError],
  [ErrorCode.badVersion, BadVersionError],
  [ErrorCode.noAuth, NoAuthError],
  [ErrorCode.notEmpty, NotEmptyError],
  [ErrorCode.noChildrenForEphemerals, NoChildrenForEphemeralsError],
  [ErrorCode.invalidACL, InvalidAclError],
  [ErrorCode.quotaExceeded, QuotaExceededError],
  [ErrorCode.authFailed, AuthFailedError],
  [ErrorCode.badArguments, BadArgumentsError],
  [ErrorCode.marshallingError, MarshallingError],
  [ErrorCode.unimplemented, UnimplementedError],
  [ErrorCode.notReadOnly, NotReadOnlyError],
  [ErrorCode.ephemeralOnLocalSession, EphemeralOnLocalSessionError],
  [ErrorCode.noWatcher, NoWatcherError],
  [ErrorCode.reconfigDisabled, ReconfigDisabledError],
  [ErrorCode.reconfigInProgress, ReconfigInProgressError],
  [ErrorCode.newConfigNoQuorum, NewConfigNoQuorumError],
  [ErrorCode.sessionClosedRequireSaslAuth, SaslRequiredError],
  [ErrorCode.sessionMoved, SessionMovedError],
  [ErrorCode.throttledOp, ThrottledOpError],
  [ErrorCode.runtimeInconsistency, RuntimeInconsistencyError],
  [ErrorCode.sessionExpired, SessionExpiredError],
  [clientClosedCode, ClientClosedError],
  [watchOverflowCode, WatchOverflowError],
]);

/** @returns The error of the class that belongs to `code`; a plain {@linkcode ZkError} for unknown ones. */
export function errorOf(code: number, details: ZkErrorDetails): ZkError {
  if (code === ErrorCode.connectionLoss) return new ConnectionLossError(true, details);
  return new (classes.get(code) ?? ZkError)(code, details);
}

const meanings = new Map<number, string>([
  [ErrorCode.noNode, "there is no such znode"],
  [ErrorCode.nodeExists, "the znode exists already"],
  [ErrorCode.badVersion, "the version is not the current one, the znode was changed in between"],
  [ErrorCode.noAuth, "the ACL does not allow it to any id of this session"],
  [ErrorCode.notEmpty, "the znode has children"],
  [ErrorCode.noChildrenForEphemerals, "its parent is ephemeral, and ephemeral znodes have no children"],
  [ErrorCode.invalidACL, "an ACL entry is not valid: unknown scheme, or an id the scheme does not accept"],
  [ErrorCode.quotaExceeded, "a quota would be exceeded"],
  [ErrorCode.authFailed, "the credentials were refused"],
  [ErrorCode.badArguments, "the server does not accept the arguments"],
  [ErrorCode.marshallingError, "the server could not decode the request"],
  [ErrorCode.unimplemented, "the server does not know this operation or has it switched off"],
  [ErrorCode.notReadOnly, "the server is read-only at the moment"],
  [ErrorCode.ephemeralOnLocalSession, "a local session cannot own ephemeral znodes"],
  [ErrorCode.noWatcher, "there is no such watch"],
  [ErrorCode.reconfigDisabled, "reconfiguration is switched off (reconfigEnabled)"],
  [ErrorCode.reconfigInProgress, "another reconfiguration is under way"],
  [ErrorCode.newConfigNoQuorum, "the new members have no quorum that is up to date"],
  [ErrorCode.sessionClosedRequireSaslAuth, "the ensemble wants SASL authentication"],
  [ErrorCode.sessionMoved, "the session moved to another server"],
  [ErrorCode.throttledOp, "too many requests are waiting, it was not executed"],
  [ErrorCode.runtimeInconsistency, "another operation of the same multi failed"],
  [ErrorCode.sessionExpired, "the session has expired"],
  [ErrorCode.connectionLoss, "the connection was lost"],
  [clientClosedCode, "the client is closed"],
]);

function meaningOf(code: number, op: string | null): string {
  if (code === ErrorCode.noNode && op === "create") return "its parent does not exist";
  return meanings.get(code) ?? "the server refused";
}

function sentence(code: number, { op, path, reason }: ZkErrorDetails): string {
  const what = op === null ? "ZooKeeper" : path === null ? op : `${op} ${JSON.stringify(path)}`;
  return `${what}: ${reason ?? meaningOf(code, op)} (${nameOf(code)})`;
}

function nameOf(code: number): string {
  if (code === clientClosedCode) return "CLOSING";
  if (code === watchOverflowCode) return "WATCHOVERFLOW";
  return errorName(code);
}
