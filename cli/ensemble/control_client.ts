import { connect } from "node:net";
import { CliError, ExitCode } from "../_errors.ts";
import { type ControlReply, controlReply, type ControlRequest, readLine } from "./control_protocol.ts";

/**
 * Gives the launcher at a socket an order and waits for its answer, however long that takes.
 *
 * @returns undefined when no launcher listens there.
 * @throws {CliError} When the launcher ends before it answers, or answers with nonsense.
 */
export async function askLauncher(path: string, request: ControlRequest): Promise<ControlReply | undefined> {
  const socket = connect(path);
  const connected = await new Promise<boolean>((done) => {
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
  if (!connected) return undefined;
  const closed = new Promise<undefined>((done) => socket.once("close", () => done(undefined)));
  socket.on("error", () => socket.destroy());
  socket.write(`${JSON.stringify(request)}\n`);
  const line = await Promise.race([readLine(socket), closed]);
  socket.destroy();
  if (line === undefined) throw new CliError(ExitCode.failed, "the launcher ended before it answered");
  try {
    return controlReply.parse(JSON.parse(line));
  } catch {
    throw new CliError(ExitCode.failed, "the launcher gave an answer of another version of zoon");
  }
}
