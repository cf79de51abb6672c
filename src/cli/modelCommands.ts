import { Command } from "commander";
import { forkCommand, type ForkOptions } from "./commands/fork";
import { judgeCommand, type JudgeOptions } from "./commands/judge";
import { modelsCommand, type ModelsOptions } from "./commands/models";
import { rayCommand, type RayCommandOptions } from "./commands/ray";
import { providersCommand } from "./commands/providers";
import { scoreCommand, type ScoreOptions } from "./commands/score";
import { valueCommand, type ValueOptions } from "./commands/value";
import { notNegative, positive, wholeNumber } from "./numbers";
import type { AddCommand, Emit } from "./program";
import type { CommonOptions } from "./session";

/** Commands about models: scoring, what there is, continuing, values of states, judges. */
export function addModelCommands(add: AddCommand, emit: Emit): void {
  add(
    new Command("score")
      .description(
        "score trajectories with a reward, value or policy model; scores are kept and answer the next time",
      )
      .argument("<path>", "file or folder")
      .requiredOption(
        "--model <path>",
        "model folder (config.json, tokenizer.json, onnx/model.onnx) or .onnx file",
      )
      .option("--provider <name>", "auto, cuda, webgpu, dml, coreml or cpu", "auto")
      .option("--top-k <n>", "policies: so many likeliest alternatives per token", wholeNumber)
      .option("--hidden-layers <list>", "policies: hidden states after these layers, for example 0,6,-1")
      .option("--reference <model>", "policies: exact KL and log-probabilities of a second policy")
      .option("--backbone <model>", "policies: logits of a backbone added to this model's (UniR)")
      .option("--flow <model>", "policies: deviation of their hidden states under a flow network (RLFR)")
      .option("--flow-draws <n>", "draws of the flow network's noise (default 4)", wholeNumber)
      .option(
        "--belief <template>",
        "policies: log-probability of the ground truth before each step, for example 'answer {answer}'",
      )
      .option(
        "--questions <file>",
        "policies: JSON list of follow-ups (FLR) or two-token judgements (see docs/models.md)",
      )
      .option("--prefixes", "rewards: also of everything up to the end of each turn")
      .option("--per-token", "rewards: also at every token")
      .option("--long-text <policy>", "refuse (default), truncate-head or slide")
      .option("--id <id>", "only this trajectory")
      .option("--limit <n>", "trajectories at most", wholeNumber)
      .action(async (path: string, options: ScoreOptions) =>
        emit(await scoreCommand(path, options), options),
      ),
    { csv: true },
  );
  add(
    new Command("ray")
      .description(
        "score a whole path as a Ray Data job (needs a Python with ray[data] and onnxruntime); a stopped job goes on",
      )
      .argument("<path>", "file or folder")
      .requiredOption("--model <path>", "model folder or .onnx file, on storage that every worker sees")
      .requiredOption("--job <folder>", "folder for the job's input and results")
      .option("--python <program>", "interpreter", "python3")
      .option("--address <address>", "local (a cluster of its own), auto, or ray://host:port", "local")
      .option("--workers <n>", "actors, each with a model of its own", wholeNumber, 2)
      .option("--provider <name>", "auto, cpu or cuda", "auto")
      .option("--gpus-per-worker <n>", "GPUs that Ray reserves for an actor, also a fraction", positive)
      .option("--limit <n>", "trajectories at most", wholeNumber)
      .option("--prepare-only", "write the job and print the command that runs it")
      .option("--collect-only", "join the results that are there")
      .action(async (path: string, options: RayCommandOptions) =>
        emit(await rayCommand(path, options), options),
      ),
  );
  add(
    new Command("models")
      .description("list declared models and those in folders, what is wrong with them, and try them")
      .argument("[folder...]", "folders to look in")
      .option("--test", "load each and run it on a made-up input")
      .option("--provider <name>", "auto, cuda, webgpu, dml, coreml or cpu", "auto")
      .action(async (folders: string[], options: ModelsOptions) =>
        emit(await modelsCommand(folders, options), options),
      ),
    { csv: true },
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
        .option(
          "--bounds <preset>",
          "look-ahead: default, math or before-2026-01-23 (see docs/models.md)",
          "default",
        )
        .option("--branch-above <p>", "look-ahead: probability that a runner-up needs", positive)
        .option("--branch-gap <p>", "look-ahead: bound on the distance to the likeliest token", positive),
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
    { csv: true },
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
    { csv: true },
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
