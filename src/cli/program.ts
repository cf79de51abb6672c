import { Command } from "commander";
import { checkCommand, type CheckOptions } from "./commands/check";
import { compareCommand, type CompareOptions } from "./commands/compare";
import { diagnoseCommand, type DiagnoseOptions } from "./commands/diagnose";
import { exportCommand, type ExportOptions } from "./commands/exportParquet";
import { formatsCommand } from "./commands/formats";
import { indexCommand, type IndexOptions } from "./commands/indexPaths";
import { queryCommand, type QueryOptions } from "./commands/query";
import { rayCommand, type RayCommandOptions } from "./commands/ray";
import { recomputeCommand, type RecomputeOptions } from "./commands/recompute";
import { scoreCommand, type ScoreOptions } from "./commands/score";
import { searchCommand, type SearchOptions } from "./commands/search";
import { showCommand, type ShowOptions } from "./commands/show";
import { signalsCommand, type SignalsOptions } from "./commands/signals";
import { addModelCommands } from "./modelCommands";
import { positive, wholeNumber } from "./numbers";
import type { CommonOptions, Output } from "./session";

type Emit = (output: Output, options: CommonOptions) => void;

/** The command line. @param emit prints what a command gave */
export function buildProgram(emit: Emit): Command {
  const program = new Command("trajectory-lens")
    .description(
      "Read, recompute, score and question RL trajectories. Reads files where they are and writes nothing beside them.",
    )
    .addHelpText(
      "after",
      `
A PATH is a file or a folder; formats are recognised by content. Every command indexes PATH first (only what changed
since last time) and keeps the index in a cache folder of the user.
With --json a command prints one JSON document on standard output; messages go to standard error. NaN and infinities
are the strings "NaN", "Infinity" and "-Infinity". A failure prints {"error": {"code", "message", "hint"}} and exits 1.

Examples:
  $ trajectory-lens index runs/
  $ trajectory-lens query runs/ --sql "SELECT training_step, avg(reward) FROM trajectories GROUP BY 1 ORDER BY 1"
  $ trajectory-lens show runs/rollouts/40.jsonl --row 3
  $ trajectory-lens signals runs/ --signal grpo --preset verl --id ID --explain 0
  $ trajectory-lens score runs/ --model models/prm --json > scores.json
`,
    );

  const add = (command: Command): Command =>
    program.addCommand(
      command
        .option("--json", "print one JSON document on standard output")
        .option(
          "--storage <folder>",
          "folder for indexes and caches (default: TRAJECTORY_LENS_STORAGE, or ~/.cache/trajectory-lens)",
        )
        .option(
          "--models-file <file>",
          "JSON file with trajectoryLens.models and trajectoryLens.judge.templates, as in VS Code's settings",
        )
        .option("--verbose", "log what the child processes do on standard error"),
    );

  add(
    new Command("formats")
      .description("list the formats that can be read")
      .action((options: CommonOptions) => emit(formatsCommand(), options)),
  );
  add(
    new Command("index")
      .description("index files and folders, and say what was found in them")
      .argument("<path...>", "files or folders")
      .option(
        "--mapping <file>",
        "JSON file that says which column is what, for files of no known format (docs/formats.md)",
      )
      .action(async (paths: string[], options: IndexOptions) =>
        emit(await indexCommand(paths, options), options),
      ),
  );
  add(
    new Command("show")
      .description(
        "print one trajectory in full; with --json in the canonical form, every token array included",
      )
      .argument("<path>", "file or folder")
      .option("--id <id>", "id of the trajectory, as `query` and `index` give it")
      .option("--row <n>", "record of the file, from 0", wholeNumber)
      .option("--part <n>", "trajectory inside the record, from 0", wholeNumber)
      .action(async (path: string, options: ShowOptions) => emit(await showCommand(path, options), options)),
  );
  add(
    new Command("query")
      .description(
        "read-only SQL over the views trajectories, steps, scores, groups and components (see docs/sql.md)",
      )
      .argument("<path>", "file or folder")
      .requiredOption("--sql <statement>", "one SELECT, WITH, DESCRIBE, SUMMARIZE or EXPLAIN statement")
      .option("--limit <rows>", "rows printed at most", wholeNumber)
      .option("--timeout <seconds>", "seconds after which the statement is stopped (default 30)", positive)
      .action(async (path: string, options: QueryOptions) =>
        emit(await queryCommand(path, options), options),
      ),
  );
  add(
    new Command("search")
      .description("look for a text or a regular expression in the steps of all trajectories")
      .argument("<path>", "file or folder")
      .argument("<pattern>", "text, or with --regex a regular expression of RE2")
      .option("--regex", "take the pattern as a regular expression; its time is linear in the text")
      .option("--match-case", "tell capital letters from small ones")
      .option("--word", "whole words only")
      .option("--training-step <n>", "only trajectories of this training step", wholeNumber)
      .option("--limit <n>", "hits at most (default 1000)", wholeNumber)
      .action(async (path: string, pattern: string, options: SearchOptions) =>
        emit(await searchCommand(path, pattern, options), options),
      ),
  );
  add(
    new Command("signals")
      .description("list the signals; or compute one on the trajectories of PATH")
      .argument("[path]", "file or folder")
      .option("--signal <id>", "which signal, for example grpo, rloo, gae")
      .option(
        "--signal-file <file>",
        "JavaScript or TypeScript file that defines signals (as user-ID); repeatable; this runs your code",
        (value: string, before: string[]) => [...before, value],
        [] as string[],
      )
      .option("--preset <id>", "named convention of a library, for example verl")
      .option(
        "--param <name=value>",
        "set one parameter; repeatable",
        (value: string, before: string[]) => [...before, value],
        [] as string[],
      )
      .option("--id <id>", "only this trajectory")
      .option(
        "--explain <index>",
        "add the formula with the numbers of this step or token (0 for a whole trajectory)",
        wholeNumber,
      )
      .option("--limit <n>", "trajectories at most", wholeNumber)
      .action(async (path: string | undefined, options: SignalsOptions) =>
        emit(await signalsCommand(path, options), options),
      ),
  );
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
  addModelCommands(add, emit);
  add(
    new Command("recompute")
      .description(
        "run your own Python reward function over the trajectories, and compare with the recorded rewards",
      )
      .argument("<path>", "file or folder")
      .requiredOption("--function <file:name>", "for example rewards.py:compute_score; this runs your code")
      .option(
        "--python <program>",
        "interpreter (default: the active environment, a .venv near the code, python3)",
      )
      .option("--id <id>", "only this trajectory")
      .option("--limit <n>", "trajectories at most", wholeNumber)
      .action(async (path: string, options: RecomputeOptions) =>
        emit(await recomputeCommand(path, options), options),
      ),
  );
  add(
    new Command("diagnose")
      .description(
        "look for what goes wrong in runs: dead groups, loops, truncation, drift, reward hacking, masks",
      )
      .argument("<path>", "file or folder")
      .option(
        "--only <id>",
        "only this diagnostic; repeatable",
        (value: string, before: string[]) => [...before, value],
        [] as string[],
      )
      .option(
        "--param <id.name=value>",
        "set a parameter of a diagnostic, for example length-bloat.ratio=2; repeatable",
        (value: string, before: string[]) => [...before, value],
        [] as string[],
      )
      .action(async (path: string, options: DiagnoseOptions) =>
        emit(await diagnoseCommand(path, options), options),
      ),
  );
  add(
    new Command("compare")
      .description(
        "say which library's convention made the advantages that a dataset records, and which rows do not fit",
      )
      .argument("<path>", "file or folder")
      .option("--tolerance <number>", "largest difference that is still the same (default 1e-5)", positive)
      .option("--misfits <n>", "rows listed that do not fit (default 20)", wholeNumber)
      .action(async (path: string, options: CompareOptions) =>
        emit(await compareCommand(path, options), options),
      ),
  );
  add(
    new Command("check")
      .description("check trajectories against a .ltlf (temporal logic) or .rm (reward machine) file")
      .argument("<spec>", "specification file")
      .argument("<path>", "file or folder")
      .option(
        "--settings <file>",
        "settings with trajectoryLens.propositions (default: the nearest .vscode/settings.json)",
      )
      .option(
        "--proposition <name=expression>",
        'define a proposition, for example "solved=reward > 0"; repeatable',
        (value: string, before: string[]) => [...before, value],
        [] as string[],
      )
      .option("--as-coded", "semantics of the authors' code instead of the corrected ones")
      .option("--id <id>", "only this trajectory")
      .option("--limit <n>", "trajectories at most", wholeNumber)
      .action(async (spec: string, path: string, options: CheckOptions) =>
        emit(await checkCommand(spec, path, options), options),
      ),
  );
  add(
    new Command("export")
      .description("write the rows of PATH, with the scores made so far, to one Parquet file")
      .argument("<path>", "file or folder")
      .requiredOption("--to <file>", "Parquet file to write")
      .action(async (path: string, options: ExportOptions) =>
        emit(await exportCommand(path, options), options),
      ),
  );
  return program;
}
