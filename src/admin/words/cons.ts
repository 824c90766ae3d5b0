import type { StatusView } from "../status_view.ts";
import { connectionText } from "./connection_text.ts";

/** @returns The reply to `cons`: each connection with its statistics, then an empty line (ConsCommand). */
export function cons(view: StatusView): string {
  const lines: string[] = [];
  for (const connection of view.connections()) lines.push(`${connectionText(connection, false)}\n`);
  return `${lines.join("")}\n`;
}
