/** Whether the long form of the suite runs, which `npm run test:interop -- --long` asks for. */

/** Environment variable that asks for it with "1". */
export const longVariable = "ZOON_INTEROP_LONG";

/** True in the long form. */
export const isLong: boolean = process.env[longVariable] === "1";
