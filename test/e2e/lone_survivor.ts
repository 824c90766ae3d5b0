/** An ensemble with read-only mode, one of whose followers can be left without a quorum. */
import { until } from "../wire/until.ts";
import { TestEnsemble } from "./ensemble.ts";

/** See the head of this file. */
export class LoneSurvivor {
  private constructor(
    readonly ensemble: TestEnsemble,
    /** The one that goes on alone. */
    readonly id: number,
  ) {}

  /** Starts the ensemble and waits until all of it serves. */
  static async start(): Promise<LoneSurvivor> {
    const ensemble = await TestEnsemble.start({ cfg: { "readonlymode.enabled": "true" } });
    return new LoneSurvivor(ensemble, await ensemble.follower());
  }

  /** Kills the others and waits until the survivor serves readers. */
  async partition(): Promise<void> {
    await Promise.all(this.#others.map((id) => this.ensemble.cluster.kill(id)));
    await this.#until("ro");
  }

  /** Starts the others and waits until everybody serves everybody. */
  async heal(): Promise<void> {
    for (const id of this.#others) this.ensemble.cluster.start(id);
    await this.#until("rw");
    await this.ensemble.serving();
  }

  /** Ends all of it and removes its files. */
  close(): Promise<void> {
    return this.ensemble.close();
  }

  get #others(): number[] {
    return this.ensemble.cluster.ids.filter((id) => id !== this.id);
  }

  #until(isro: "ro" | "rw"): Promise<boolean> {
    return until(
      `isro to answer ${isro}`,
      async () => await this.ensemble.ask(this.id, "isro") === isro || undefined,
    );
  }
}
