import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import { versionText } from "../_version.ts";

/** Where the generator runs. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Name, release and architecture. */
  readonly system: string;
  /** Of the last minute, when the run began. */
  readonly load: number;
  readonly runtime: string;
  readonly generator: string;
}

/** This machine as it is now. */
export function thisMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${arch()}`,
    load: Number(loadavg()[0].toFixed(2)),
    runtime: `Bun ${Bun.version}`,
    generator: versionText(),
  };
}
