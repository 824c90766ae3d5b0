import { nearest } from "./nearest.ts";

/** How the shell was started. */
export interface ShellOptions {
  /** Connection string. */
  readonly server: string;
  /** Session timeout to ask for, in ms. */
  readonly timeoutMs: number;
  readonly readOnly: boolean;
  /** Waits for a server as long as the session timeout, where it would give up sooner. */
  readonly waitForConnection: boolean;
  readonly json: boolean;
  /** A script goes on after a failure. */
  readonly keepGoing: boolean;
}

/** Apache's flags of one dash and many letters, which would be read as a row of single letters. */
const apacheFlags: Readonly<Record<string, { readonly ours: string; readonly value: boolean }>> = {
  "-server": { ours: "--server", value: true },
  "-timeout": { ours: "--timeout", value: true },
  "-client-configuration": { ours: "--client-configuration", value: true },
  "-waitforconnection": { ours: "--wait-for-connection", value: false },
};

/** Our flags that are followed by a value. */
const valueFlags: ReadonlySet<string> = new Set([
  "-s",
  "--server",
  "--timeout",
  "--client-configuration",
]);

/**
 * Turns the flags of zkCli into ours, up to the first word of the command; the rest stays as it is.
 *
 * @param onUnknown Told of a word that resembles one of zkCli's flags: commander would take `-serve x` for
 *   `-s erve`.
 * @see Fact: ZooKeeperMain.MyCommandOptions.parseOptions
 */
export function fromApacheFlags(
  args: readonly string[],
  onUnknown: (flag: string, near: string) => void = () => {},
): string[] {
  const out: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (!arg.startsWith("-") || arg === "--") return [...out, ...args.slice(at)];
    const apache = apacheFlags[arg];
    if (apache === undefined && /^-[a-z]{3,}$/.test(arg)) {
      const near = nearest(arg, Object.keys(apacheFlags));
      if (near !== null) onUnknown(arg, near);
    }
    out.push(apache?.ours ?? arg);
    if ((apache?.value === true || valueFlags.has(arg)) && at + 1 < args.length) out.push(args[++at]);
  }
  return out;
}

/**
 * What a client configuration file of Apache's asks for that this shell cannot do.
 *
 * @param text A properties file, as `-client-configuration` names it.
 * @returns A sentence, or null when all can be done or concerns only Apache's own client.
 */
export function clientConfigurationProblem(text: string): string | null {
  for (const line of text.split(/\r?\n/)) {
    const [key, value] = line.split("=").map((part) => part.trim());
    if (key === "zookeeper.client.secure" && value?.toLowerCase() === "true") {
      return `${key}=${value}: this shell does not speak TLS yet`;
    }
  }
  return null;
}
