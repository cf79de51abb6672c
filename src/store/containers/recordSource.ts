import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Container, Format } from "../../formats/format";
import { parseDocument, parseJson } from "../../formats/jsonText";
import { Failure } from "../../model/failure";
import type { JsonValue } from "../../model/json";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { openHdf5 } from "../hdf5";
import { parquetRowCount, parquetRows } from "../parquet";
import { parquetRuns } from "../rowRuns";
import { arrowRows } from "./arrowFile";
import { FileBytes } from "./byteSource";
import { companionsOf, companionsWithTables } from "./companions";
import { compressionOf } from "./compressed";
import { csvTable } from "./csvFile";
import { folderMembers } from "./folder";
import { textRecords } from "./jsonRecords";
import { each, LARGEST_DOCUMENT, oneRecord, type Opened, type RecordSource } from "./openedRecords";
import "./packedTexts";
import { plainContent } from "./plainContent";
import { unpackedTable } from "./tableCells";
import { MOST_WHOLE_ROWS, rowRecords, runRecords, tableRecords } from "./tableRecords";
import { tfRecords, type TfRecords } from "./tfRecordFile";
import { SqliteFile } from "./sqliteFile";
import { unwrappedRecords } from "./unwrapped";
import { readYaml } from "./yamlFile";
import { ZipArchive } from "./zipArchive";

/** Containers as the store keeps them: what a format sees may be compressed, or a folder. */
export type StoredContainer =
  | Container
  | "compressed-json"
  | "compressed-jsonl"
  | "yaml"
  | "folder"
  /** One document to formats, whose rows lie somewhere in it. */
  | "rows-in-json"
  | "rows-in-pickle"
  /** A table whose cells hold lists and objects as text. */
  | "rows-in-table";

const LARGEST_TEXT = 64 * 2 ** 20;

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
    case "sqlite":
      return databaseRecords(path, format);
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
    case "yaml": {
      const { value, notes } = readYaml(path);
      const records = Array.isArray(value) && format.wholeDocument !== true ? value : [value];
      return {
        count: records.length,
        batch: 100,
        notes,
        read: async (start, end) =>
          records.slice(start, end).map((one) => ({ kind: "value", value: one }) as const),
      };
    }
    case "tar":
      throw new Failure("tar", `${path} is an archive of files.`, "They are read one by one.");
    case "rows-in-table":
      return unpackedTable(path);
    case "rows-in-json":
    case "rows-in-pickle":
      return unwrappedRecords(path, container === "rows-in-json" ? "json" : "pickle", format);
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

/** The records of a database, as the format's queries give them. */
async function databaseRecords(path: string, format: Format): Promise<Opened> {
  const file = await SqliteFile.open(path);
  try {
    const { records = "", lists = {} } = format.databaseRecords?.(file.tables) ?? {};
    const rows = records === "" ? [] : file.rows(records);
    return {
      count: rows.length,
      batch: 64,
      notes: file.notes,
      close: () => file.close(),
      read: async (start, end) =>
        each(start, Math.min(end, rows.length), (row) => {
          const own = rows[row] ?? {};
          const { key } = own;
          const parameters = typeof key === "string" || typeof key === "number" ? [key] : [];
          const parts = Object.entries(lists).map(
            ([name, sql]) => [name, file.rows(sql, parameters)] as const,
          );
          return { kind: "value", value: { ...own, ...Object.fromEntries(parts) } };
        }),
    };
  } catch (error) {
    file.close();
    throw error;
  }
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
