import { Command } from "commander";
import { checkCommand, type CheckOptions } from "./commands/check";
import { compareCommand, type CompareOptions } from "./commands/compare";
import { diagnoseCommand, type DiagnoseOptions } from "./commands/diagnose";
import { recomputeCommand, type RecomputeOptions } from "./commands/recompute";
import { signalsCommand, type SignalsOptions } from "./commands/signals";
import { positive, wholeNumber } from "./numbers";
import type { AddCommand, Emit } from "./program";

/** Commands that compute something from what the files hold. */
export function addAnalysisCommands(add: AddCommand, emit: Emit): void {
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
    { csv: true },
  );
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
    { csv: true },
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
    { csv: true },
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
    { csv: true },
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
    { csv: true },
  );
}
