/** Asks servers by four-letter words, which Apache's and ours answer alike. */
import { connect } from "node:net";
import type { ServerAddress } from "../src/client/connection_string.ts";

/** What came of a question. */
export type WordAnswer =
  /** All that was sent until the server closed the connection; perhaps nothing. */
  | { readonly kind: "text"; readonly text: string }
  | {
    readonly kind: "problem";
    /** In a few words. */
    readonly problem: string;
    /** Nothing listens there, or there is no such host: waiting a little longer would not help. */
    readonly nobodyHome: boolean;
  };

/** More than any server has to say to a word, in bytes: what sends more is no ZooKeeper server. */
const answerBytesMax = 16 * 1024 * 1024;

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens there",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name service does not answer",
  ETIMEDOUT: "does not answer",
  EHOSTUNREACH: "no route to it",
  ENETUNREACH: "no route to it",
  ECONNRESET: "drops the connection",
};

/**
 * Sends a word over a connection of its own and collects the answer. Never rejects.
 *
 * @param timeoutMs For all of it, from the dial to the last byte.
 */
export function askWord(
  { host, port }: ServerAddress,
  word: string,
  timeoutMs: number,
): Promise<WordAnswer> {
  return new Promise((done) => {
    let connected = false;
    let bytes = 0;
    const chunks: Uint8Array[] = [];
    const socket = connect({ host, port });
    const settle = (answer: WordAnswer) => {
      clearTimeout(timer);
      socket.destroy();
      done(answer);
    };
    const fail = (problem: string, nobodyHome = false) => settle({ kind: "problem", problem, nobodyHome });
    const timer = setTimeout(
      () => fail(connected ? "takes connections but does not answer" : "does not answer"),
      timeoutMs,
    );
    socket.on("connect", () => {
      connected = true;
      socket.write(word);
    });
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > answerBytesMax) fail("sends without end; is it a ZooKeeper server's client port?");
      else chunks.push(chunk);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? "";
      fail(reasons[code] ?? error.message, code === "ECONNREFUSED" || code === "ENOTFOUND");
    });
    socket.on("close", () => settle({ kind: "text", text: Buffer.concat(chunks).toString("utf8") }));
  });
}
