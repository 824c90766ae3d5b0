import { eventLines, type Hints } from "./event_text.ts";
import type { Display, LauncherEvent } from "./launcher_event.ts";

/** Plain lines, one for each change: for pipes and files. */
export class PlainDisplay implements Display {
  readonly #write: (text: string) => void;
  readonly #hints: Hints;

  /** @param hints Lines that follow the ready line. */
  constructor(write: (text: string) => void, hints: Hints) {
    this.#write = write;
    this.#hints = hints;
  }

  tell(event: LauncherEvent): void {
    const lines = eventLines(event, { wallMs: Date.now(), hints: this.#hints });
    this.#write(lines.map((line) => `${line}\n`).join(""));
  }

  show(): void {}
}
