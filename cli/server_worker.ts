import { Command } from "@commander-js/extra-typings";

/** `zoon server-worker`: a process that `zoon server --workers` starts; not for people. */
export function defineServerWorkerCommand() {
  return new Command("server-worker")
    .description("Run a further process of a server, told what to do on its input.")
    .action(async () => {
      const { runServerWorker } = await import("./_run_server_worker.ts");
      await runServerWorker();
    });
}
