/**
 * What other terminals and the launcher say to each other over its socket: one line of JSON each way, then the
 * connection ends.
 */
import type { Socket } from "node:net";
import { z } from "zod";
import { nodeView } from "./node_view.ts";

/** What can be done to single nodes. */
export const nodeActions = ["kill", "stop", "start", "pause", "resume"] as const;

/** One of the things that can be done to a node. */
export type NodeAction = (typeof nodeActions)[number];

/** The shape of {@link ControlRequest}. */
export const controlRequest = z.discriminatedUnion("command", [
  z.object({ command: z.literal("status") }),
  /** Ids of nodes, or `leader`; as typed, so that one place judges them. */
  z.object({ command: z.enum(nodeActions), nodes: z.array(z.string()).min(1).max(1000) }),
  z.object({ command: z.literal("down") }),
]);

/** An order for the launcher. */
export type ControlRequest = z.infer<typeof controlRequest>;

/** What became of one node. */
const nodeResult = z.object({
  node: z.number(),
  /** Whether it was done. */
  done: z.boolean(),
  /** A sentence for its user. */
  message: z.string(),
});

/** What became of an order for one node. */
export type NodeResult = Readonly<z.infer<typeof nodeResult>>;

/** The shape of {@link ControlReply}. */
export const controlReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("status"),
    /** Process id of the launcher. */
    pid: z.number(),
    upMs: z.number(),
    nodes: z.array(nodeView),
  }),
  z.object({ kind: z.literal("results"), results: z.array(nodeResult) }),
  z.object({ kind: z.literal("down") }),
  /** The order makes no sense. */
  z.object({ kind: z.literal("refused"), message: z.string() }),
]);

/** The launcher's answer. */
export type ControlReply = Readonly<z.infer<typeof controlReply>>;

/** The longest line either side takes, in characters. */
const controlLineMax = 1024 * 1024;

/** The first line that comes; undefined when it is too long or never ends. */
export function readLine(socket: Socket): Promise<string | undefined> {
  return new Promise((done) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) done(text.slice(0, end));
      else if (text.length > controlLineMax) done(undefined);
    });
    socket.once("end", () => done(undefined));
  });
}
