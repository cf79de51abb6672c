import { Command } from "commander";
import { addAnalysisCommands } from "./analysisCommands";
import { addDataCommands } from "./dataCommands";
import { addModelCommands } from "./modelCommands";
import type { CommonOptions, Output } from "./session";

/** Prints what a command gave. */
export type Emit = (output: Output, options: CommonOptions) => void;

/** Adds a command with the options that all have. @param kind whether it also gives rows for `--csv` */
export type AddCommand = (command: Command, kind?: { readonly csv?: boolean }) => Command;

/**
 * The command line.
 * @param emit prints what a command gave
 * @param print writes a line before the command has ended
 * @param version of the program
 */
export function buildProgram(emit: Emit, print: (line: string) => void, version: string): Command {
  const program = new Command("trajectory-lens")
    .description(
      "Read, recompute, score and question RL trajectories. Reads files where they are and writes nothing beside them.",
    )
    .version(version, "-V, --version", "print the version")
    .addHelpText(
      "after",
      `
A PATH is a file or a folder; formats are recognised by content. Every command indexes PATH first (only what changed
since last time) and keeps the index in a cache folder of the user.
With --json a command prints one JSON document on standard output, with --csv rows under headings; progress and messages
go to standard error. In JSON a number that is not there is null or left out; NaN and infinities are the strings "NaN",
"Infinity" and "-Infinity". On a terminal tables are cut to its width (--wide: never). A failure prints {"error": {"code", "message", "hint"}} and exits 1.

Examples:
  $ trajectory-lens index runs/
  $ trajectory-lens query runs/ --sql "SELECT training_step, avg(reward) FROM trajectories GROUP BY 1 ORDER BY 1"
  $ trajectory-lens show runs/rollouts/40.jsonl --row 3
  $ trajectory-lens signals runs/ --signal grpo --preset verl --id ID --explain 0
  $ trajectory-lens score runs/ --model models/prm --json > scores.json
`,
    );

  const add: AddCommand = (command, { csv = false } = {}) => {
    command.option("--json", "print one JSON document on standard output");
    if (csv) command.option("--csv", "print CSV: rows under headings, numbers to the last digit");
    return program.addCommand(
      command
        .option("--wide", "do not cut tables to the width of the terminal")
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
  };

  addDataCommands(add, emit, print);
  addAnalysisCommands(add, emit);
  addModelCommands(add, emit);
  return program;
}
