import { isatty } from "node:tty";
import { styleText } from "node:util";

/** How a piece of text stands out. */
export type Style = "green" | "cyan" | "yellow" | "red" | "dim" | "bold";

/** Gives text a style, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Without any styles. */
export const plain: Paint = (_style, text) => text;

/** With the colours of terminals. */
export const colored: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** Whether stdout is a terminal that can place its cursor. */
export function isScreen(): boolean {
  return isatty(1) && process.env.TERM !== "dumb";
}

/** Colours where stdout is a terminal and NO_COLOR is not set. */
export function paintOf(screen: boolean): Paint {
  return screen && !process.env.NO_COLOR ? colored : plain;
}
