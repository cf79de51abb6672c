import type { Format, FormatRecord, RecordContext } from "../../src/formats/format";
import type { TrajectorySummary } from "../../src/model/summary";
import type { Trajectory } from "../../src/model/trajectory";
import { parseDocument, parseJson } from "../../src/formats/jsonText";
import { openHdf5 } from "../../src/store/hdf5";
import { parquetRowCount, parquetRows } from "../../src/store/parquet";
import { probe } from "../../src/store/probe";
import { parquetRun, parquetRuns } from "../../src/store/rowRuns";
import { arrayElements, isArrayText, textStart } from "../../src/store/textRecords";
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";

export interface ReadRecord {
  readonly row: number;
  readonly record: FormatRecord;
  readonly context: RecordContext;
  readonly summaries: readonly TrajectorySummary[];
}

export interface ReadResult {
  readonly format: Format | undefined;
  readonly why: string;
  readonly records: readonly ReadRecord[];
  /** Records that do not parse or do not fit, by row. */
  readonly problems: readonly { readonly row: number; readonly message: string }[];
}

/** Reads a whole file the way the store does, without an index: detection, then every record. */
export async function readFile(
  path: string,
  use?: (record: ReadRecord, format: Format) => void,
): Promise<ReadResult> {
  const found = await probe(path);
  if (found.kind !== "readable") {
    return {
      format: undefined,
      why:
        found.kind === "false-friend"
          ? found.note.message
          : found.kind === "unknown"
            ? `a ${found.container} file of no known format`
            : "not a data file",
      records: [],
      problems: [],
    };
  }
  const { format, head, detection } = found;
  const records: ReadRecord[] = [];
  const problems: { row: number; message: string }[] = [];
  const take = (row: number, record: () => FormatRecord, member?: string): void => {
    try {
      const context = {
        path,
        relativePath: basename(path),
        row,
        ...(member === undefined ? {} : { member }),
      };
      const value = record();
      const read = { row, record: value, context, summaries: format.summarise(value, context) };
      use?.(read, format);
      records.push(read);
    } catch (error) {
      problems.push({ row, message: error instanceof Error ? error.message : String(error) });
    }
  };
  if (head.container === "parquet" && format.episodeColumns !== undefined) {
    const runs = await parquetRuns(path, format.episodeColumns, statSync(path).mtimeMs);
    for (const [row, run] of runs.entries()) {
      const value = await parquetRun(path, run);
      take(row, () => ({ kind: "value", value }));
    }
  } else if (head.container === "parquet") {
    const rows = await parquetRows(path, 0, await parquetRowCount(path));
    for (const [row, value] of rows.entries()) take(row, () => ({ kind: "value", value }));
  } else if (head.container === "hdf5") {
    const file = await openHdf5(path);
    try {
      for (const [row, member] of (format.members?.(file.root) ?? []).entries()) {
        const group = file.root.group(member);
        if (group !== undefined) take(row, () => ({ kind: "hdf5", group }), member);
      }
    } finally {
      file.close();
    }
  } else {
    const bytes = readFileSync(path);
    const value = (text: string): FormatRecord => ({ kind: "value", value: parseJson(text) });
    if (head.container === "jsonl") {
      for (const [row, line] of bytes.toString("utf8", textStart(bytes)).split("\n").entries())
        if (line.trim() !== "") take(row, () => value(line));
    } else if (isArrayText(bytes) && format.wholeDocument !== true) {
      for (const [row, [start, end]] of arrayElements(bytes).elements.entries())
        take(row, () => value(bytes.toString("utf8", start, end)));
    } else
      take(0, () => ({
        kind: "value",
        value: parseDocument(bytes.toString("utf8", textStart(bytes))).value,
      }));
  }
  return { format, why: detection.reason, records, problems };
}

/** Reads every trajectory of a record in full, and checks that the summary told the truth about it. */
export function readParts({ record, context, summaries, row }: ReadRecord, format: Format): Trajectory[] {
  return summaries.map((summary) => {
    const trajectory = format.read(
      record,
      {
        id: `test:${row}:${summary.part}`,
        datasetId: "test",
        source: { path: context.path, row, part: summary.part },
      },
      context,
    );
    const checks: readonly (readonly [string, unknown, unknown])[] = [
      ["steps", trajectory.steps.length, summary.stepCount],
      ["reward", trajectory.outcome.reward, summary.reward],
      ["success", trajectory.outcome.success, summary.success],
      ["advantage", trajectory.advantage, summary.advantage],
      ["training step", trajectory.trainingStep, summary.trainingStep],
      [
        "tokens",
        trajectory.tokens === undefined ? summary.tokenCount : trajectory.tokens.count,
        summary.tokenCount,
      ],
      ["step indices", trajectory.steps.every((step, index) => step.index === index), true],
      [
        "parts",
        Object.keys(trajectory.outcome.components).sort().join(),
        Object.keys(summary.components).sort().join(),
      ],
    ];
    for (const [what, read, told] of checks)
      if (!Object.is(read, told))
        throw new Error(`${what}: read gives ${String(read)}, summarise ${String(told)}`);
    return trajectory;
  });
}
