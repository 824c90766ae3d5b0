import { showText } from "../shell/show.ts";
import { type Paint, plain } from "../_style.ts";
import type { LauncherEvent } from "./launcher_event.ts";
import { connectionString, sizeText } from "./layout.ts";
import { planTable, stateStyles } from "./node_table.ts";
import type { NodeView } from "./node_view.ts";

/** Lines for a person who sees an ensemble for the first time. */
export type Hints = (leader: number) => readonly string[];

/** How an event is written out. */
export interface EventTextOptions {
  readonly paint?: Paint;
  readonly width?: number;
  /** Wall time in ms. */
  readonly wallMs: number;
  /** What follows the ready line, once it is known who leads. */
  readonly hints: Hints;
}

/** An event for people, in whole lines. */
export function eventLines(event: LauncherEvent, options: EventTextOptions): string[] {
  const { paint = plain, wallMs, hints } = options;
  const time = paint("dim", timeText(wallMs));
  switch (event.event) {
    case "ensemble":
      return [
        ...planTable(event.layout, event.dataDir, options),
        "",
        `${sizeText(event.layout)}; clients connect to ${paint("bold", connectionString(event.layout))}`,
        "",
      ];
    case "node":
      return [`${time} ${nodeText(event.node, paint)}`];
    case "ready": {
      const { connectionString: hosts, leader, dataDir, startMs } = event;
      const ready = paint("green", "ready");
      return [`${ready} ${hosts} leader ${leader} data ${dataDir} in ${startMs} ms`, ...hints(leader)];
    }
    case "notice":
      return event.message.split("\n").map((line) => `${time} ${line}`);
    case "stopping":
      return [`${time} stopping all nodes: ${event.reason}`];
    case "stopped":
      return [`${time} all nodes are down`];
  }
}

function nodeText({ id, state, reason, zxid }: NodeView, paint: Paint): string {
  const name = `node ${id} ${paint(stateStyles[state], state)}`;
  if (state === "down") return reason === null ? name : `${name}: ${showText(reason)}`;
  const told = state === "leader" || state === "standalone" || state === "follower" || state === "observer";
  return told && zxid !== null ? `${name} at zxid ${zxid}` : name;
}

function timeText(wallMs: number): string {
  const time = new Date(wallMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
