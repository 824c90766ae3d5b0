import type { RootCommand } from "@bomb.sh/tab";
import { Argument, Command, type CommandUnknownOpts } from "@commander-js/extra-typings";

const shells = ["bash", "zsh", "fish", "powershell"] as const;

const example = `
Examples:
  $ source <(zoon completion bash)
  $ zoon completion fish > ~/.config/fish/completions/zoon.fish`;

/** `zoon completion SHELL`: the script that makes a shell complete commands and flags of zoon. */
export function defineCompletionCommand() {
  return new Command("completion")
    .description("Print a script that completes zoon's commands and flags in a shell.")
    .addArgument(new Argument("<shell>", "the shell to complete in").choices(shells))
    .addHelpText("after", example)
    .action(async (shell, _flags, command) => {
      const completion = await loadCompletion(command.parent!);
      completion.setup("zoon", "zoon", shell);
    });
}

/** `zoon complete -- WORDS…`: what those scripts call. */
export function defineCompleteCommand() {
  return new Command("complete")
    .argument("[words...]")
    .action(async (words, _flags, command) => {
      const completion = await loadCompletion(command.parent!);
      completion.parse(words);
    });
}

/** Tells the completion library of all commands. It is loaded here, since nothing else needs it. */
async function loadCompletion(program: CommandUnknownOpts) {
  const { default: completion } = await import("@bomb.sh/tab");
  for (const command of program.commands) {
    if (command.name() !== "complete") tell(completion, command, command.name());
  }
  return completion;
}

/** @param words The command's name, with those it is a part of before it. */
function tell(completion: RootCommand, command: CommandUnknownOpts, words: string): void {
  const completed = completion.command(words, command.description());
  for (const argument of command.registeredArguments) {
    completed.argument(argument.name(), offer(argument.argChoices), argument.variadic);
  }
  for (const option of command.createHelp().visibleOptions(command)) {
    if (option.long === undefined || option.long === null) continue;
    const takesValue = option.required || option.optional;
    const name = option.long.slice(2);
    if (takesValue) completed.option(name, option.description, offer(option.argChoices) ?? (() => {}));
    else completed.option(name, option.description);
  }
  for (const child of command.commands) tell(completion, child, `${words} ${child.name()}`);
}

function offer(choices: readonly string[] | undefined) {
  if (choices === undefined || choices.length === 0) return undefined;
  return (complete: (value: string, description: string) => void) => {
    for (const choice of choices) complete(choice, "");
  };
}
