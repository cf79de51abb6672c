import { Command } from "commander";
import { exportCommand, type ExportOptions } from "./commands/exportParquet";
import { formatsCommand } from "./commands/formats";
import { indexCommand, type IndexOptions } from "./commands/indexPaths";
import { queryCommand, type QueryOptions } from "./commands/query";
import { searchCommand, type SearchOptions } from "./commands/search";
import { showCommand, type ShowOptions } from "./commands/show";
import { positive, wholeNumber } from "./numbers";
import type { AddCommand, Emit } from "./program";
import type { CommonOptions } from "./session";

/** Commands about what is in the files. @param print writes a line before the command has ended */
export function addDataCommands(add: AddCommand, emit: Emit, print: (line: string) => void): void {
  add(
    new Command("formats")
      .description("list the formats that can be read")
      .action((options: CommonOptions) => emit(formatsCommand(), options)),
    { csv: true },
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
    { csv: true },
  );
  add(
    new Command("show")
      .description(
        "print one trajectory in full; with --json in the canonical form, every token array included",
      )
      .argument("<path>", "file or folder")
      .option("--id <id>", "id of the trajectory, as `query` and `index` give it")
      .option(
        "--row <n>",
        "record of the file, from 0 (of a file in an archive: show runs.zip/step_1/0.jsonl)",
        wholeNumber,
      )
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
    { csv: true },
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
        emit(await searchCommand(path, pattern, options, print), options),
      ),
    { csv: true },
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
}
