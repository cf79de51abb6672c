import { parseJson } from "../../formats/jsonText";
import type { JsonObject, JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { parquetRowCount, parquetRows } from "../parquet";
import { arrowRows, isArrow } from "./arrowFile";
import { FileBytes } from "./byteSource";
import { csvTable } from "./csvFile";
import { ROWS_AT_ONCE, type Opened } from "./openedRecords";
import { pythonLiteral } from "./pythonLiteral";

/** Rows that tell which columns hold lists and objects as text. */
const SAMPLED = 12;

interface Table {
  readonly count: number;
  readonly notes: readonly Note[];
  readonly read: (start: number, end: number) => Promise<readonly JsonObject[]>;
}

async function tableOf(path: string): Promise<Table> {
  const head = FileBytes.of(path).read(0, 16);
  if (head.toString("latin1", 0, 4) === "PAR1")
    return {
      count: await parquetRowCount(path),
      notes: [],
      read: (start, end) => parquetRows(path, start, end),
    };
  return isArrow(head) ? arrowRows(path) : csvTable(path);
}

/** The list or object that a cell holds as text: JSON, or what Python prints; undefined for anything else. */
function cellValue(cell: JsonValue | undefined): JsonValue | undefined {
  if (typeof cell !== "string" || !/^\s*(?:array\()?[[{(]/.test(cell)) return undefined;
  let value: JsonValue | undefined;
  try {
    value = parseJson(cell);
  } catch {
    value = pythonLiteral(cell);
  }
  return typeof value === "object" && value !== null ? value : undefined;
}

/** Columns all of whose cells, as far as there are any, are such texts. */
function packedColumns(rows: readonly JsonObject[]): readonly string[] {
  return Object.keys(rows[0] ?? {}).filter((name) => {
    const cells = rows
      .map((row) => row[name])
      .filter((cell) => cell !== null && cell !== undefined && cell !== "");
    return cells.length > 0 && cells.every((cell) => cellValue(cell) !== undefined);
  });
}

/** The first rows of a table with what lists and objects its cells hold as text; undefined where they hold none. */
export async function unpackedRows(path: string): Promise<readonly JsonObject[] | undefined> {
  const table = await tableOf(path);
  const rows = await table.read(0, Math.min(SAMPLED, table.count));
  const names = packedColumns(rows);
  return names.length === 0 ? undefined : rows.map((row) => unpackedRow(row, names));
}

/** The rows of a table as records, with the lists and objects that whole columns of it hold as text. */
export async function unpackedTable(path: string): Promise<Opened> {
  const table = await tableOf(path);
  const names = packedColumns(await table.read(0, Math.min(SAMPLED, table.count)));
  return {
    count: table.count,
    batch: ROWS_AT_ONCE,
    notes: table.notes,
    read: async (start, end) =>
      (await table.read(start, Math.min(end, table.count))).map(
        (row) => ({ kind: "value", value: unpackedRow(row, names) }) as const,
      ),
  };
}

function unpackedRow(row: JsonObject, names: readonly string[]): JsonObject {
  const own: Record<string, JsonValue | undefined> = { ...row };
  for (const name of names) own[name] = cellValue(row[name]) ?? row[name];
  return own;
}
