import { ErrorCode, errorName, ZkError } from "../../mod.ts";
import type { Json } from "./command.ts";
import { CommandError, UsageError } from "./command_error.ts";

/** A failure in the three shapes it is shown in. */
export interface Failure {
  /** For stderr. */
  readonly message: string;
  /** 1 refused or failed, 2 typed wrongly. */
  readonly exitCode: 1 | 2;
  /** For `--json`. */
  readonly json: Json;
}

/** Apache's sentences for what a server refuses; all are followed by the path. */
const sentences = new Map<number, string>([
  [ErrorCode.noNode, "Node does not exist: "],
  [ErrorCode.noChildrenForEphemerals, "Ephemerals cannot have children: "],
  [ErrorCode.nodeExists, "Node already exists: "],
  [ErrorCode.notEmpty, "Node not empty: "],
  [ErrorCode.notReadOnly, "Not a read-only call: "],
  [ErrorCode.invalidACL, "Acl is not valid : "],
  [ErrorCode.noAuth, "Insufficient permission : "],
  [ErrorCode.badArguments, "Arguments are not valid : "],
  [ErrorCode.badVersion, "version No is not valid : "],
  [ErrorCode.quotaExceeded, "Quota has exceeded : "],
]);

const sentencesWithoutPath = new Map<number, string>([
  [
    ErrorCode.reconfigInProgress,
    "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
  ],
  [
    ErrorCode.newConfigNoQuorum,
    "No quorum of new config is connected and up-to-date with the leader of last committed config - " +
    "try invoking reconfiguration after new servers are connected and synced",
  ],
]);

/** Names of the other codes in `KeeperErrorCode = …` (KeeperException.getCodeMessage). */
const codeMessages = new Map<number, string>([
  [ErrorCode.systemError, "SystemError"],
  [ErrorCode.runtimeInconsistency, "RuntimeInconsistency"],
  [ErrorCode.dataInconsistency, "DataInconsistency"],
  [ErrorCode.connectionLoss, "ConnectionLoss"],
  [ErrorCode.marshallingError, "MarshallingError"],
  [ErrorCode.newConfigNoQuorum, "NewConfigNoQuorum"],
  [ErrorCode.reconfigInProgress, "ReconfigInProgress"],
  [ErrorCode.unimplemented, "Unimplemented"],
  [ErrorCode.operationTimeout, "OperationTimeout"],
  [ErrorCode.badArguments, "BadArguments"],
  [ErrorCode.apiError, "APIError"],
  [ErrorCode.noNode, "NoNode"],
  [ErrorCode.noAuth, "NoAuth"],
  [ErrorCode.badVersion, "BadVersion"],
  [ErrorCode.noChildrenForEphemerals, "NoChildrenForEphemerals"],
  [ErrorCode.nodeExists, "NodeExists"],
  [ErrorCode.invalidACL, "InvalidACL"],
  [ErrorCode.authFailed, "AuthFailed"],
  [ErrorCode.notEmpty, "Directory not empty"],
  [ErrorCode.sessionExpired, "Session expired"],
  [ErrorCode.sessionMoved, "Session moved"],
  [ErrorCode.notReadOnly, "Not a read-only call"],
  [ErrorCode.ephemeralOnLocalSession, "Ephemeral node on local session"],
  [ErrorCode.noWatcher, "No such watcher"],
  [ErrorCode.reconfigDisabled, "Reconfig is disabled"],
  [ErrorCode.sessionClosedRequireSaslAuth, "Session closed because client failed to authenticate"],
  [ErrorCode.quotaExceeded, "Quota has exceeded"],
  [ErrorCode.throttledOp, "Op throttled due to high load"],
]);

/** Codes whose Apache sentence says less than the client knows. */
const explained: ReadonlySet<number> = new Set([
  ErrorCode.connectionLoss,
  ErrorCode.authFailed,
  ErrorCode.sessionExpired,
  ErrorCode.unimplemented,
  ErrorCode.marshallingError,
]);

/** @returns `KeeperErrorCode = ConnectionLoss for /a`, Java's message of an error. */
export function keeperSentence(error: ZkError): string {
  const code = codeMessages.get(error.code) ?? `Unknown error ${error.code}`;
  return `KeeperErrorCode = ${code}${error.path === null || error.path === "" ? "" : ` for ${error.path}`}`;
}

/** @returns What Apache's shell prints for an error (CliWrapperException). */
export function zkErrorSentence(error: ZkError): string {
  const sentence = sentences.get(error.code);
  if (sentence !== undefined) return `${sentence}${error.path ?? ""}`;
  const known = sentencesWithoutPath.get(error.code) ?? keeperSentence(error);
  return explained.has(error.code) ? `${known}\n${error.message}` : known;
}

/** The error of a znode that is not there, for commands that learn it from an empty answer. */
export function noNode(path: string): CommandError {
  return new CommandError(`Node does not exist: ${path}`, { code: "NONODE", path });
}

/** Describes whatever a command threw. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) return describe(error.message, 2, error.code, null);
  if (error instanceof CommandError) return describe(error.message, 1, error.code, error.path);
  if (error instanceof ZkError) {
    return describe(zkErrorSentence(error), 1, errorName(error.code), error.path);
  }
  return describe(error instanceof Error ? error.message : String(error), 1, "FAILED", null);
}

function describe(message: string, exitCode: 1 | 2, code: string, path: string | null): Failure {
  return { message, exitCode, json: { error: { code, path, message } } };
}
