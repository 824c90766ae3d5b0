import type { AdminActions, StatusView } from "./status_view.ts";
import { conf } from "./words/conf.ts";
import { cons } from "./words/cons.ts";
import { dump } from "./words/dump.ts";
import { mntr } from "./words/mntr.ts";
import { dirs, envi, hash, isro } from "./words/small.ts";
import { srvr, stat } from "./words/stat.ts";
import { wchc, wchp, wchs } from "./words/watches.ts";

/** The four-letter words, in alphabetical order (FourLetterCommands). */
export const fourLetterWords = [
  "conf",
  "cons",
  "crst",
  "dirs",
  "dump",
  "envi",
  "gtmk",
  "hash",
  "isro",
  "mntr",
  "ruok",
  "srst",
  "srvr",
  "stat",
  "stmk",
  "wchc",
  "wchp",
  "wchs",
] as const;

/** One of {@link fourLetterWords}. */
export type FourLetterWord = (typeof fourLetterWords)[number];

/** Bytes after `stmk` that belong to it. */
export const traceMaskBytes = 8;

const wordsByCode: ReadonlyMap<number, FourLetterWord> = new Map(
  fourLetterWords.map((word) => [codeOf(word), word]),
);

function codeOf(word: string): number {
  return (word.charCodeAt(0) << 24) | (word.charCodeAt(1) << 16) | (word.charCodeAt(2) << 8) |
    word.charCodeAt(3);
}

/**
 * Tells whether a connection opens with a four-letter word instead of a frame.
 *
 * @param firstFourBytes As a signed big-endian int32, where a frame would have its length. Every word reads as
 *   a length of more than 1.6 GB, so no frame that may be accepted is taken for one.
 */
export function fourLetterCommand(firstFourBytes: number): FourLetterWord | undefined {
  return firstFourBytes < shortestWordCode ? undefined : wordsByCode.get(firstFourBytes);
}

const shortestWordCode = codeOf("conf");

/** Which words are answered, and what they may change. One per server. */
export class FourLetterSettings {
  readonly enabled: ReadonlySet<string>;
  readonly actions: AdminActions;
  /** What `stmk` set and `gtmk` tells. Nothing is traced by it; 306 is Apache's first value (ZooTrace). */
  traceMask = 306n;

  constructor(enabled: ReadonlySet<string>, actions: AdminActions) {
    this.enabled = enabled;
    this.actions = actions;
  }
}

/**
 * Reads `4lw.commands.whitelist`.
 *
 * @param whitelist Words between commas, or `*` for all of them; undefined when not configured.
 * @param readOnlyMode Whether `readonlymode.enabled` is set: clients then ask `isro` to find a better server.
 * @returns The enabled words; `srvr` always is one (FourLetterCommands.isEnabled).
 */
export function enabledFourLetterWords(whitelist: string | undefined, readOnlyMode: boolean): Set<string> {
  const listed = (whitelist ?? "").split(",").map((word) => word.trim()).filter((word) => word !== "");
  const enabled = new Set<string>(listed.includes("*") ? fourLetterWords : listed);
  if (readOnlyMode) enabled.add("isro");
  enabled.add("srvr");
  return enabled;
}

/**
 * Answers a four-letter word; the connection is closed after it.
 *
 * @param extraBytes What followed the word in the same read; only `stmk` looks at it.
 * @returns The whole reply, ASCII but for paths.
 * @see Fact: NIOServerCnxn.checkFourLetterWord, CommandExecutor
 */
export function answerFourLetter(
  word: FourLetterWord,
  view: StatusView,
  settings: FourLetterSettings,
  extraBytes: Uint8Array = new Uint8Array(0),
): string {
  if (!settings.enabled.has(word)) return `${word} is not executed because it is not in the whitelist.\n`;
  if (!view.serving && !answersUnserved.has(word)) {
    const newline = word === "hash" ? "" : "\n";
    return `This ZooKeeper instance is not currently serving requests${newline}`;
  }
  switch (word) {
    case "conf":
      return conf(view);
    case "cons":
      return cons(view);
    case "crst":
      settings.actions.resetConnectionStats();
      return "Connection stats reset.\n";
    case "dirs":
      return dirs(view);
    case "dump":
      return dump(view);
    case "envi":
      return envi(view);
    case "gtmk":
      return String(settings.traceMask);
    case "hash":
      return hash(view);
    case "isro":
      return isro(view);
    case "mntr":
      return mntr(view);
    case "ruok":
      return "imok";
    case "srst":
      view.metrics.reset();
      return "Server stats reset.\n";
    case "srvr":
      return srvr(view);
    case "stat":
      return stat(view);
    case "stmk":
      return setTraceMask(settings, extraBytes);
    case "wchc":
      return wchc(view);
    case "wchp":
      return wchp(view);
    case "wchs":
      return wchs(view);
  }
}

const answersUnserved: ReadonlySet<FourLetterWord> = new Set(["ruok", "envi", "gtmk", "stmk", "isro"]);

/** A mask cut short is not answered: Apache fails to read it and closes. */
function setTraceMask(settings: FourLetterSettings, bytes: Uint8Array): string {
  if (bytes.length < traceMaskBytes) return "";
  settings.traceMask = new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0);
  return String(settings.traceMask);
}
