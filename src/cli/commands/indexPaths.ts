import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ColumnMapping } from "../../model/columnMapping";
import { Failure } from "../../model/failure";
import type { Note } from "../../model/trajectory";
import { parseColumnMappings } from "../../services/columnMappings";
import { wordsOfCommandLine } from "../hints";
import { placeOf } from "../place";
import { withIndex, type CommonOptions, type Output } from "../session";
import { terminalText } from "../text";
import { table } from "../table";

export interface IndexOptions extends CommonOptions {
  /** JSON file with mappings of columns. */
  readonly mapping?: string;
}

/** @throws Failure `unreadable-mapping` or `bad-mapping` */
async function mappingsOf(path: string, data: readonly string[]): Promise<readonly ColumnMapping[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new Failure(
      "unreadable-mapping",
      `The mapping file ${path} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
      'Write one mapping or a list of them into it, such as {"columns": {"prompt": "question", "response": "answer"}}.',
    );
  }
  return parseColumnMappings(value, path, await Promise.all(data.map(globOf)));
}

/** The glob of a file, or of everything in a folder; letters that mean something in globs stand for themselves. */
async function globOf(path: string): Promise<string> {
  const absolute = resolve(path);
  const folder = await stat(absolute).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const literal = absolute.replace(/[*?[{(]/gu, "[$&]");
  return folder ? `${literal}/**` : literal;
}

/** Indexes paths and says what was found. */
export async function indexCommand(paths: readonly string[], options: IndexOptions): Promise<Output> {
  const mappings = options.mapping === undefined ? undefined : await mappingsOf(options.mapping, paths);
  return withIndex(
    paths,
    { ...options, ...(mappings === undefined ? {} : { mappings }) },
    ({ datasets, warnings }) =>
      Promise.resolve({
        document: { datasets, warnings },
        text: (width) => {
          const rows = datasets.map((dataset) => [
            dataset.format,
            dataset.trajectories,
            dataset.steps,
            dataset.groups,
            dataset.trainingSteps,
            dataset.rewardMean,
            placeOf(dataset.path, ...paths),
          ]);
          // A file's warning stands with its dataset and in the list of this run; it is told once.
          const told = [...datasets.flatMap((dataset) => dataset.warnings), ...warnings];
          const notes = [
            ...new Map(
              told.map((note) => [`${note.code} ${note.message} ${note.where ?? ""}`, note]),
            ).values(),
          ];
          return [
            table(
              ["format", "trajectories", "steps", "groups", "training steps", "mean reward", "path"],
              rows,
              width,
            ),
            ...(notes.length === 0 ? [] : ["", "Warnings"]),
            ...noteLines(notes),
          ].join("\n");
        },
        sheet: () => ({
          headings: [
            "id",
            "name",
            "format",
            "trajectories",
            "steps",
            "groups",
            "training_steps",
            "reward_mean",
            "path",
          ],
          rows: datasets.map((dataset) => [
            dataset.id,
            dataset.name,
            dataset.format,
            dataset.trajectories,
            dataset.steps,
            dataset.groups,
            dataset.trainingSteps,
            dataset.rewardMean,
            dataset.path,
          ]),
        }),
      }),
  );
}

/** Notes of one kind that are listed; `--json` has all of them. */
const LISTED = 3;

/** Notes by kind, each with its place. */
function noteLines(notes: readonly Note[]): string[] {
  const kinds = new Map<string, Note[]>();
  for (const note of notes) kinds.set(note.code, [...(kinds.get(note.code) ?? []), note]);
  return [...kinds].flatMap(([code, own]) => [
    ...own.slice(0, LISTED).map(({ message, where }) => {
      const place = where === undefined || message.includes(where) ? "" : ` (${where})`;
      return terminalText(`  ${code}: ${wordsOfCommandLine(message)}${place}`);
    }),
    ...(own.length > LISTED
      ? [`  ${code}: ${own.length - LISTED} more of this kind; --json lists all of them`]
      : []),
  ]);
}
