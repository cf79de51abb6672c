import type { Format, FormatRecord, RecordContext } from "../../src/formats/format";
import type { TrajectorySummary } from "../../src/model/summary";
import type { Note, Trajectory } from "../../src/model/trajectory";
import { Failure } from "../../src/model/failure";
import type { RecordSource } from "../../src/store/containers/openedRecords";
import { openRecords } from "../../src/store/containers/recordSource";
import { probe } from "../../src/store/probe";
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
  /** The file by which a folder's trajectory is read, when this is another file of the folder. */
  readonly partOf?: string;
  /** What is damaged or missing of the file as a whole. */
  readonly notes: readonly Note[];
  /** Records that do not parse or do not fit, by row. */
  readonly problems: readonly { readonly row: number; readonly message: string; readonly error: unknown }[];
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
            ? `a ${found.container} file of no known format${found.damage === undefined ? "" : `, damaged: ${found.damage.message}`}`
            : found.kind === "archive"
              ? `a ${found.archive} archive of files`
              : found.kind === "part"
                ? `part of the folder's trajectory at ${basename(found.leader)}`
                : "not a data file",
      records: [],
      problems: [],
      notes: [],
      ...(found.kind === "part" ? { partOf: found.leader } : {}),
    };
  }
  const { format, stored, detection } = found;
  const records: ReadRecord[] = [];
  const problems: { row: number; message: string; error: unknown }[] = [];
  const take = (
    row: number,
    record: () => FormatRecord,
    { member: memberOf, companions, plainCompanions }: RecordSource,
  ): void => {
    try {
      const member = memberOf(row);
      const context = {
        path,
        relativePath: basename(path),
        row,
        ...(member === undefined ? {} : { member }),
        ...(companions === undefined ? {} : { companions }),
        ...(plainCompanions === undefined ? {} : { plainCompanions }),
      };
      const value = record();
      const read = { row, record: value, context, summaries: format.summarise(value, context) };
      use?.(read, format);
      records.push(read);
    } catch (error) {
      problems.push({ row, message: error instanceof Error ? error.message : String(error), error });
    }
  };
  const source = await openRecords(path, stored, format);
  try {
    for (let start = 0; start < source.count; start += source.batch) {
      const batch = await source.read(start, Math.min(source.count, start + source.batch));
      for (const [offset, record] of batch.entries())
        if (record !== undefined)
          take(
            start + offset,
            () => {
              if (record instanceof Failure) throw record;
              return record;
            },
            source,
          );
    }
    return { format, why: detection.reason, records, problems, notes: source.notes };
  } finally {
    source.close();
  }
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
