import { Failure } from "../model/failure";
import { mappingFormatId, mappingOfFormatId, type ColumnMapping } from "../model/columnMapping";
import type { JsonObject } from "../model/json";
import { draftedFormat } from "./draft";
import type { Container, DatabaseRecords, FileHead, Format, FormatRecord, Tables } from "./format";
import { isList, isObject } from "./jsonFields";
import { mappedEpisodes, mappedGroups } from "./mappedArrays";
import { episodesOfRows, rowDraft } from "./mappedRows";
import { fieldAt } from "./mappedSteps";
import { episodeFormat } from "./numericEpisode";
import { fieldsOf, isPlainList } from "./plainFields";
import { unpacked } from "./spanMessages";
import { writeAheadLog } from "./writeAheadLog";

/** Containers whose fields have names that can be mapped. */
export const mappableContainers: readonly Container[] = [
  "jsonl",
  "json",
  "parquet",
  "csv",
  "arrow",
  "hdf5",
  "arrays",
  "pickle",
  "sqlite",
];

/** The table of a database that has the most of some columns; undefined when none has any. */
function tableWith(tables: Tables, wanted: readonly string[]): string | undefined {
  let best: { readonly table: string; readonly count: number } | undefined;
  for (const [table, columns] of tables) {
    const names = new Set(columns.map(({ name }) => name));
    const count = wanted.filter((name) => names.has(name.split(".")[0] ?? "")).length;
    if (count > (best?.count ?? 0)) best = { table, count };
  }
  return best?.table;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Rows of the table that a mapping fits, one by one or by episode. */
function databaseRows(tables: Tables, mapping: Mapped): DatabaseRecords | undefined {
  const { columns } = mapping;
  const found = tableWith(tables, Object.values(columns));
  if (found === undefined) return undefined;
  const table = quoted(found);
  if (!stepRows(mapping))
    return {
      records: `SELECT rowid AS key FROM ${table} ORDER BY rowid`,
      lists: { rows: `SELECT * FROM ${table} WHERE rowid = ?1` },
    };
  if (columns.episode === undefined)
    return { records: "SELECT 1 AS key", lists: { rows: `SELECT * FROM ${table} ORDER BY rowid` } };
  const episode = quoted(columns.episode);
  return {
    records: `SELECT ${episode} AS key FROM ${table} WHERE ${episode} IS NOT NULL GROUP BY 1 ORDER BY min(rowid)`,
    lists: { rows: `SELECT * FROM ${table} WHERE ${episode} = ?1 ORDER BY rowid` },
  };
}

/** Texts of a database that are lists or objects are what they say. */
const unpackedRow = (row: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, unpacked(value)]));

type Mapped = Pick<ColumnMapping, "columns" | "rows">;

const stepRows = ({ columns, rows }: Mapped): boolean =>
  (rows ?? (columns.episode === undefined ? "trajectory" : "step")) === "step";

/** How many of the mapped columns a file has, as far as its head tells. */
function presentColumns(head: FileHead, columns: ColumnMapping["columns"]): readonly string[] {
  const wanted = Object.values(columns);
  if (head.columns !== undefined) {
    const names = new Set(head.columns.map(({ name }) => name));
    // A path goes on inside a structure.
    return wanted.filter((name) => names.has(name) || names.has(name.split(".")[0] ?? ""));
  }
  if (head.tables !== undefined) {
    const names = (head.tables.get(tableWith(head.tables, wanted) ?? "") ?? []).map(({ name }) => name);
    return wanted.filter((name) => names.includes(name.split(".")[0] ?? ""));
  }
  if (head.hdf5 !== undefined) return mappedGroups(head.hdf5, columns).length > 0 ? wanted : [];
  if (head.plain !== undefined) {
    const first = isPlainList(head.plain) ? head.plain[0] : head.plain;
    const fields = fieldsOf(first);
    return wanted.filter((name) => fields?.has(name) === true);
  }
  const record = isList(head.firstRecord) ? head.firstRecord[0] : head.firstRecord;
  return isObject(record) ? wanted.filter((name) => fieldAt(record, name) !== undefined) : [];
}

/**
 * The format that a user's mapping makes: it claims no file by itself, and is asked only for files that the mapping names.
 * Rows that are steps are joined to episodes; otherwise each row is a trajectory.
 */
export function mappedFormat(mapping: Mapped): Format {
  const { columns } = mapping;
  const steps = stepRows(mapping);
  const about = {
    id: mappingFormatId(mapping),
    title: "Mapped columns",
    source: "a mapping of columns in the settings",
    containers: mappableContainers,
    nativeTree: false,
    grouping: columns.group === undefined ? ("none" as const) : ("key" as const),
    ...(steps ? { episodeColumns: columns.episode === undefined ? [] : [columns.episode] } : {}),
    ...(steps ? { wholeDocument: true } : {}),
    members: (root: Parameters<NonNullable<Format["members"]>>[0]) => mappedGroups(root, columns),
    databaseRecords: (tables: Tables) => databaseRows(tables, mapping),
    plainCompanions: writeAheadLog,
    detect(head: FileHead) {
      const present = presentColumns(head, columns);
      return present.length === 0
        ? undefined
        : { confidence: 1, reason: `columns mapped in the settings: ${present.join(", ")}` };
    },
  };
  const ofRows = draftedFormat({
    ...about,
    drafts(record) {
      const given = record.kind === "value" ? record.value : null;
      // Rows of a database come with the key by which they were asked for.
      const value =
        isObject(given) && isList(given["rows"]) && "key" in given && Object.keys(given).length === 2
          ? given["rows"].filter(isObject).map(unpackedRow)
          : given;
      if (isList(value)) {
        const rows = value.filter(isObject);
        return steps ? episodesOfRows(rows, columns) : rows.map((row) => rowDraft(row, columns));
      }
      if (!isObject(value))
        throw new Failure("unfit-record", "The record has no named fields.", "Map another file.");
      return steps ? episodesOfRows([value], columns) : [rowDraft(value, columns)];
    },
  });
  const ofArrays = episodeFormat({
    ...about,
    episodes: (record, context) => mappedEpisodes(record, columns, context.member),
  });
  const reader = (record: FormatRecord): Format => (record.kind === "value" ? ofRows : ofArrays);
  return {
    ...about,
    summarise: (record, context) => reader(record).summarise(record, context),
    read: (record, place, context) => reader(record).read(record, place, context),
  };
}

/** Formats made of mappings last, so that every row asks for the same one. */
const made = new Map<string, Format>();
const KEPT = 64;

/** The format of a mapping's id; undefined for other ids. */
export function mappedFormatById(id: string): Format | undefined {
  const known = made.get(id);
  if (known !== undefined) return known;
  const mapping = mappingOfFormatId(id);
  if (mapping === undefined || Object.keys(mapping.columns).length === 0) return undefined;
  const format = mappedFormat(mapping);
  made.set(id, format);
  if (made.size > KEPT) made.delete(made.keys().next().value ?? "");
  return format;
}
