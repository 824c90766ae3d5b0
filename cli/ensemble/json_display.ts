import { connectionString } from "./layout.ts";
import type { Display, LauncherEvent } from "./launcher_event.ts";

/** One JSON object per event and line. */
export class JsonDisplay implements Display {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  tell(event: LauncherEvent): void {
    this.#write(`${JSON.stringify({ time: new Date().toISOString(), ...fieldsOf(event) })}\n`);
  }

  show(): void {}
}

function fieldsOf(event: LauncherEvent): object {
  switch (event.event) {
    case "ensemble": {
      const { layout, dataDir } = event;
      const { nodes } = layout;
      return { event: event.event, connectionString: connectionString(layout), dataDir, nodes };
    }
    case "node": {
      const { id, state, reason, pid, zxid, client } = event.node;
      return { event: event.event, node: id, state, reason, pid, zxid, client };
    }
    default:
      return event;
  }
}
