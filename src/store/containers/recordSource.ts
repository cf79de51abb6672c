import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Companions, Container, Format, FormatRecord } from "../../formats/format";
import { parseDocument, parseJson } from "../../formats/jsonText";
import { Failure } from "../../model/failure";
import type { JsonObject, JsonValue } from "../../model/json";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { openHdf5 } from "../hdf5";
import { parquetRowCount, parquetRows } from "../parquet";
import { parquetRuns, type RowRun } from "../rowRuns";
import { arrayElements, isArrayText, textStart } from "../textRecords";
import { arrowRows } from "./arrowFile";
import { FileBytes } from "./byteSource";
import { companionsOf, companionsWithTables } from "./companions";
import { compressionOf, expandedCopy } from "./compressed";
import { csvTable, type TableRows } from "./csvFile";
import { folderMembers } from "./folder";
import { plainContent } from "./plainContent";
import { tfRecords, type TfRecords } from "./tfRecordFile";
import { ZipArchive } from "./zipArchive";

/** Containers as the store keeps them: what a format sees may be compressed, or a folder. */
export type StoredContainer = Container | "compressed-json" | "compressed-jsonl" | "folder";

/** Records of one file, read by their row. */
export interface RecordSource {
  readonly count: number;
  /** How many records are read at once while a file is indexed. */
  readonly batch: number;
  /** What is damaged or missing of the file as a whole. */
  readonly notes: readonly Note[];
  readonly companions: Companions | undefined;
  readonly plainCompanions?: ReadonlyMap<string, PlainValue>;
  /** Records [start, end): a Failure for one that cannot be read, undefined for a blank line. */
  read(start: number, end: number): Promise<readonly (FormatRecord | Failure | undefined)[]>;
  /** Name of the HDF5 group or of the archive's member of a row. */
  member(row: number): string | undefined;
  close(): void;
}

const TABLE_ROWS = 2048;
const LARGEST_DOCUMENT = 400 * 2 ** 20;
const LARGEST_TEXT = 64 * 2 ** 20;
/** Rows of a table that a format takes as one record. */
const MOST_WHOLE_ROWS = 1_000_000;

/**
 * Opens the records of a file for a format. JSON and JSON lines that are not compressed are read elsewhere, in parallel.
 * @throws Failure when the file cannot be read
 */
export async function openRecords(
  path: string,
  container: StoredContainer,
  format: Format,
): Promise<RecordSource> {
  const opened = await open(path, container, format);
  return {
    companions: await companionsWithTables(format, path),
    member: () => undefined,
    close: () => undefined,
    notes: [],
    ...opened,
  };
}

type Opened = Pick<RecordSource, "count" | "batch" | "read"> &
  Partial<Pick<RecordSource, "notes" | "companions" | "plainCompanions" | "member" | "close">>;

async function open(path: string, container: StoredContainer, format: Format): Promise<Opened> {
  switch (container) {
    case "parquet": {
      if (format.episodeColumns === undefined)
        return rowRecords(await parquetRowCount(path), (start, end) => parquetRows(path, start, end));
      const runs = await parquetRuns(path, format.episodeColumns, statSync(path).mtimeMs);
      return runRecords(runs, (start, end) => parquetRows(path, start, end));
    }
    case "csv": {
      const rows = await csvTable(path);
      return { ...(await tableRecords(format, path, rows)), notes: rows.notes };
    }
    case "arrow": {
      const rows = await arrowRows(path);
      return { ...(await tableRecords(format, path, rows)), notes: rows.notes };
    }
    case "tfrecord": {
      const records = tfRecords(path);
      if (format.wholeDocument === true)
        return { ...wholeRecords(path, records, format), notes: records.notes };
      return {
        count: records.count,
        batch: 64,
        notes: records.notes,
        read: async (start, end) => each(start, end, (row) => ({ kind: "plain", value: records.read(row) })),
      };
    }
    case "hdf5":
      return hdf5Records(path, format);
    case "pickle":
    case "arrays": {
      const { value, notes } = await plainContent(path);
      const records = recordsOf(format, value);
      const companions = await plainCompanionsOf(format, path);
      return {
        ...(companions === undefined ? {} : { plainCompanions: companions }),
        count: records.length,
        batch: 100,
        notes,
        read: async (start, end) =>
          records.slice(start, end).map((record) => ({ kind: "plain", value: record }) as const),
      };
    }
    case "zip":
      return archiveRecords(path, format);
    case "text":
      return {
        ...oneRecord(async () => ({ kind: "value", value: wholeText(path) })),
        notes: endsInLine(path)
          ? [
              {
                code: "open-text",
                message: `${path} ends in the middle of a line: its writer may still be at work, or it is cut off.`,
                where: path,
              },
            ]
          : [],
      };
    case "folder":
      return folderRecord(path, format);
    case "compressed-json":
    case "compressed-jsonl":
    case "json":
    case "jsonl":
      return textRecords(path, container, format);
  }
}

/** Companions that are pickles, as far as they can be read. */
async function plainCompanionsOf(
  format: Format,
  path: string,
): Promise<ReadonlyMap<string, PlainValue> | undefined> {
  const names = format.plainCompanions?.(path) ?? [];
  if (names.length === 0) return undefined;
  const found = new Map<string, PlainValue>();
  for (const name of names) {
    const companion = join(dirname(path), name);
    try {
      if (statSync(companion, { throwIfNoEntry: false })?.isFile() === true)
        found.set(name, (await plainContent(companion)).value);
    } catch {
      // A companion that cannot be read is as good as none: the format says what is missing.
    }
  }
  return found;
}

/** All records of a TFRecord file as one, where an episode spans several; those that are damaged are left out. */
function wholeRecords(path: string, { count, read }: TfRecords, format: Format): Opened {
  if (count > MOST_WHOLE_ROWS)
    throw new Failure(
      "large-table",
      `${path} has ${count.toLocaleString("en")} records, which ${format.title} takes together.`,
      `Up to ${MOST_WHOLE_ROWS.toLocaleString("en")} records are read so.`,
    );
  return oneRecord(async () => ({
    kind: "plain",
    value: Array.from({ length: count }, (_, row) => {
      try {
        return read(row);
      } catch {
        return null;
      }
    }),
  }));
}

/** The records of a plain value, as the format cuts it. */
export function recordsOf(format: Format, value: PlainValue): readonly PlainValue[] {
  if (format.plainRecords !== undefined) return format.plainRecords(value);
  return Array.isArray(value) ? (value as readonly PlainValue[]) : [value];
}

function each(
  start: number,
  end: number,
  read: (row: number) => FormatRecord | undefined,
): (FormatRecord | Failure | undefined)[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, offset) => {
    try {
      return read(start + offset);
    } catch (error) {
      return error instanceof Failure ? error : unreadable(error);
    }
  });
}

function unreadable(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return new Failure("unreadable-record", message.split("\n", 1)[0]?.slice(0, 200) ?? "", "It is left out.");
}

function oneRecord(read: () => Promise<FormatRecord>): Opened {
  return {
    count: 1,
    batch: 1,
    async read(start, end) {
      if (start > 0 || end < 1) return [];
      try {
        return [await read()];
      } catch (error) {
        return [error instanceof Failure ? error : unreadable(error)];
      }
    },
  };
}

type ReadRows = (start: number, end: number) => Promise<readonly JsonObject[]>;

function rowRecords(count: number, rows: ReadRows): Opened {
  return {
    count,
    batch: TABLE_ROWS,
    read: async (start, end) =>
      (await rows(start, Math.min(end, count))).map((value) => ({ kind: "value", value }) as const),
  };
}

/** Records of several rows each. */
function runRecords(runs: readonly RowRun[], rows: ReadRows): Opened {
  return {
    count: runs.length,
    batch: 16,
    async read(start, end) {
      const records: FormatRecord[] = [];
      for (const run of runs.slice(start, end))
        records.push({ kind: "value", value: await rows(run.start, run.end) });
      return records;
    },
  };
}

/** Rows of a table, or runs of them where its format says that they belong together. */
async function tableRecords(
  format: Format,
  path: string,
  { count, read, columns }: TableRows,
): Promise<Opened> {
  const { episodeColumns } = format;
  if (episodeColumns === undefined) return rowRecords(count, read);
  const names = episodeColumns.filter((name) => columns.some((column) => column.name === name));
  const starts: number[] = [];
  let before: string | undefined;
  for (let start = 0; start < count; start += TABLE_ROWS)
    for (const [offset, row] of (await read(start, Math.min(count, start + TABLE_ROWS))).entries()) {
      const own = JSON.stringify(names.map((name) => row[name] ?? null));
      if (own !== before) starts.push(start + offset);
      before = own;
    }
  const runs = starts.map((start, index) => ({ start, end: starts[index + 1] ?? count }));
  const long = runs.find((run) => run.end - run.start > MOST_WHOLE_ROWS);
  if (long !== undefined)
    throw new Failure(
      "large-table",
      `${path} has ${(long.end - long.start).toLocaleString("en")} rows that ${format.title} takes together.`,
      `Up to ${MOST_WHOLE_ROWS.toLocaleString("en")} rows are read so.`,
    );
  return runRecords(runs, read);
}

async function hdf5Records(path: string, format: Format): Promise<Opened> {
  const { root, close } = await openHdf5(path);
  const members = format.members?.(root) ?? [];
  return {
    count: members.length,
    batch: 100,
    member: (row) => members[row],
    close,
    read: async (start, end) =>
      each(start, Math.min(end, members.length), (row) => {
        const group = root.group(members[row] ?? "");
        if (group === undefined)
          throw new Failure(
            "missing-group",
            `group ${members[row] ?? ""} is not there`,
            "The file may be cut off.",
          );
        return { kind: "hdf5", group };
      }),
  };
}

async function archiveRecords(path: string, format: Format): Promise<Opened> {
  const archive = await ZipArchive.open(path);
  const names = format.archiveMembers?.(archive.names) ?? [];
  return {
    count: names.length,
    batch: 20,
    notes: archive.notes,
    companions: companionsOf(format, path, undefined, archive),
    member: (row) => names[row],
    read: async (start, end) =>
      each(start, Math.min(end, names.length), (row) => {
        const text = archive.read(names[row] ?? "", LARGEST_DOCUMENT).toString("utf8");
        return {
          kind: "value",
          value: /\.jsonl$/i.test(names[row] ?? "") ? parseDocument(text).value : parseJson(text),
        };
      }),
  };
}

function endsInLine(path: string): boolean {
  const source = FileBytes.of(path);
  return source.size > 0 && source.read(source.size - 1, 1)[0] !== 0x0a;
}

function wholeText(path: string): string {
  const source = FileBytes.of(path);
  if (source.size > LARGEST_TEXT)
    throw new Failure(
      "long-text",
      `${path} is a text of ${Math.round(source.size / 2 ** 20)} MB.`,
      `Texts of up to ${LARGEST_TEXT / 2 ** 20} MB are read.`,
    );
  return source
    .read(0, source.size)
    .toString("utf8")
    .replace(/^\ufeff/, "");
}

/** A folder that holds one trajectory: the list of its files' contents. */
async function folderRecord(path: string, format: Format): Promise<Opened> {
  const members = folderMembers(path, format);
  const notes: Note[] = [];
  const values: JsonValue[] = [];
  const plain: PlainValue[] = [];
  let held = 0;
  for (const file of members) {
    try {
      const source = FileBytes.of(file);
      held += source.size;
      if (held > LARGEST_DOCUMENT)
        throw new Failure("large-folder", "the folder holds more than 400 MB", "The rest is left out.");
      const head = source.read(0, 4);
      if (compressionOf(head) !== undefined || head[0] === 0x80) plain.push((await plainContent(file)).value);
      else
        values.push(
          parseDocument(
            source
              .read(0, source.size)
              .toString("utf8")
              .replace(/^\ufeff/, ""),
          ).value,
        );
    } catch (error) {
      notes.push({
        code: "unreadable-part",
        message: `${file} cannot be read (${error instanceof Error ? error.message : String(error)}): it is left out of its folder's trajectory.`,
        where: file,
      });
    }
  }
  return {
    ...oneRecord(async () =>
      plain.length > 0 ? { kind: "plain", value: plain } : { kind: "value", value: values },
    ),
    notes,
  };
}

/** Text records of a compressed file (or of a plain one, for readers without an index). */
async function textRecords(path: string, container: StoredContainer, format: Format): Promise<Opened> {
  const compression = compressionOf(FileBytes.of(path).read(0, 4));
  const copy = compression === undefined ? { path, notes: [] } : await expandedCopy(path, compression);
  const source = FileBytes.of(copy.path);
  const parse = (start: number, end: number): FormatRecord | undefined => {
    if (end - start > LARGEST_DOCUMENT)
      throw new Failure("long-line", "is longer than 400 MB", "It is left out.");
    const text = source
      .read(start, end - start)
      .toString("utf8")
      .replace(/^\ufeff/, "");
    return text.trim() === "" ? undefined : { kind: "value", value: parseJson(text) };
  };
  if (container.endsWith("jsonl") && format.wholeDocument !== true) {
    const starts = lineStarts(source);
    const count = starts.length - 1;
    return {
      count,
      batch: TABLE_ROWS,
      notes: copy.notes,
      read: async (start, end) =>
        each(start, Math.min(end, count), (row) => parse(starts[row] as number, starts[row + 1] as number)),
    };
  }
  if (source.size > LARGEST_DOCUMENT)
    throw new Failure(
      "long-document",
      `${path} is one JSON document of ${Math.round(source.size / 2 ** 20)} MB.`,
      "Documents of up to 400 MB can be read; convert it to JSON lines.",
    );
  const bytes = source.read(0, source.size);
  if (isArrayText(bytes) && format.wholeDocument !== true) {
    const { elements, end } = arrayElements(bytes);
    return {
      count: elements.length,
      batch: TABLE_ROWS,
      notes: end < 0 ? [...copy.notes, tornDocument(path)] : copy.notes,
      read: async (start, stop) =>
        each(start, Math.min(stop, elements.length), (row) => parse(...(elements[row] as [number, number]))),
    };
  }
  let parsed: { readonly value: JsonValue; readonly broken: readonly number[] };
  try {
    parsed = parseDocument(bytes.toString("utf8", textStart(bytes)));
  } catch (error) {
    const failure = unreadable(error);
    return oneRecord(async () => {
      throw failure;
    });
  }
  const { value, broken } = parsed;
  return {
    ...oneRecord(async () => ({ kind: "value", value })),
    notes: [
      ...copy.notes,
      ...broken.slice(0, 100).map((line) => ({
        code: "broken-line",
        message: `Line ${line} of ${path} is not JSON; it is left out.`,
        where: `${path}:${line}`,
      })),
    ],
  };
}

function tornDocument(path: string): Note {
  return {
    code: "torn-document",
    message: `${path} ends in the middle of its JSON: what is whole is shown.`,
    where: path,
  };
}

/** First bytes of all lines, and the end of the last one. */
function lineStarts(source: FileBytes): readonly number[] {
  const starts: number[] = [0];
  for (let at = 0; at < source.size; at += 4 * 2 ** 20) {
    const piece = source.read(at, 4 * 2 ** 20);
    for (let found = piece.indexOf(0x0a); found >= 0; found = piece.indexOf(0x0a, found + 1))
      starts.push(at + found + 1);
  }
  if (starts.at(-1) !== source.size) starts.push(source.size);
  return starts;
}
