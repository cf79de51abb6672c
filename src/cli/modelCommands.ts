import { Command } from "commander";
import { forkCommand, type ForkOptions } from "./commands/fork";
import { judgeCommand, type JudgeOptions } from "./commands/judge";
import { modelsCommand, type ModelsOptions } from "./commands/models";
import { providersCommand } from "./commands/providers";
import { valueCommand, type ValueOptions } from "./commands/value";
import { notNegative, positive, wholeNumber } from "./numbers";
import type { CommonOptions, Output } from "./session";

/** Commands about models beside `score`: what there is, continuing, values of states, judges. */
export function addModelCommands(
  add: (command: Command) => Command,
  emit: (output: Output, options: CommonOptions) => void,
): void {
  add(
    new Command("models")
      .description("list declared models and those in folders, what is wrong with them, and try them")
      .argument("[folder...]", "folders to look in")
      .option("--test", "load each and run it on a made-up input")
      .option("--provider <name>", "auto, cuda, webgpu, dml, coreml or cpu", "auto")
      .action(async (folders: string[], options: ModelsOptions) =>
        emit(await modelsCommand(folders, options), options),
      ),
  );
  add(
    new Command("providers")
      .description("try the providers of this machine (GPU and CPU), and say what CUDA lacks")
      .action(async (options: CommonOptions) => emit(await providersCommand(options), options)),
  );
  add(
    sampling(
      new Command("fork")
        .description(
          "continue one trajectory from a step or token with a policy; branches get a file of their own",
        )
        .argument("<path>", "file or folder")
        .requiredOption("--id <id>", "trajectory to continue")
        .requiredOption("--model <model>", "policy: path or declared name")
        .option("--after-step <n>", "continue behind this step", wholeNumber)
        .option("--after-token <n>", "continue behind this token of the model", wholeNumber)
        .option("--to <folder>", "folder for the branches' file (default: the storage folder)")
        .option("--look-ahead", "grow a look-ahead tree (LATR) of at most --count branches")
        .option("--branch-above <p>", "look-ahead: probability that a runner-up needs", positive, 0.25)
        .option("--branch-gap <p>", "look-ahead: largest distance to the likeliest token", positive, 0.15),
      4,
      1,
    ).action(async (path: string, options: ForkOptions) => emit(await forkCommand(path, options), options)),
  );
  add(
    sampling(
      new Command("value")
        .description("Monte-Carlo value of the states along a trajectory, from graded continuations")
        .argument("<path>", "file or folder")
        .requiredOption("--id <id>", "trajectory")
        .requiredOption("--model <model>", "policy: path or declared name")
        .option(
          "--after-step <n>",
          "state behind this step; repeatable (default: behind the prompt and every step)",
          (text: string, before: number[]) => [...before, wholeNumber(text)],
          [] as number[],
        )
        .option("--exact <text>", "grader: the last line is this text")
        .option("--numeric <number>", "grader: the last number is this one")
        .option("--regex <pattern>", "grader: the text matches")
        .option("--function <file:name>", "grader: your own Python reward function; this runs your code")
        .option("--python <program>", "interpreter for --function"),
      16,
      1,
    ).action(async (path: string, options: ValueOptions) => emit(await valueCommand(path, options), options)),
  );
  add(
    new Command("judge")
      .description("grade trajectories with a language model on a declared server")
      .argument("<path>", "file or folder")
      .requiredOption("--model <name>", "declared judge (see --models-file)")
      .requiredOption("--prompt <id>", "prompt: step-quality, step-correct, outcome, or one of your own")
      .option("--id <id>", "only this trajectory")
      .option("--limit <n>", "trajectories at most", wholeNumber)
      .option("--yes", "send more than 20 requests without asking")
      .action(async (path: string, options: JudgeOptions) =>
        emit(await judgeCommand(path, options), options),
      ),
  );
}

/** Options of drawing tokens, the same for all commands that do. */
function sampling(command: Command, count: number, temperature: number): Command {
  return command
    .option("--provider <name>", "auto, cuda, webgpu, dml, coreml or cpu", "auto")
    .option("--count <n>", "continuations", wholeNumber, count)
    .option("--temperature <t>", "0 = always the likeliest token", notNegative, temperature)
    .option("--top-p <p>", "share of probability that tokens are drawn from", positive, 1)
    .option("--max-new-tokens <n>", "tokens of a continuation at most", wholeNumber, 256)
    .option("--seed <n>", "same seed, same continuations", wholeNumber, 0)
    .option(
      "--stop <text>",
      "text that ends a continuation (\\n = line feed); repeatable",
      (text: string, before: string[]) => [...before, text],
      [] as string[],
    );
}
