import type { TableColumn } from "../../formats/format";
import { Failure } from "../../model/failure";
import type { JsonObject, JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { plainValue } from "../duckdb";
import { scratchConnection } from "../parquet";
import { FileBytes } from "./byteSource";

/** Rows of a table by number. */
export interface TableRows {
  readonly columns: readonly TableColumn[];
  readonly count: number;
  readonly notes: readonly Note[];
  readonly read: (start: number, end: number) => Promise<readonly JsonObject[]>;
  readonly close: () => void;
}

const HEAD_BYTES = 64 * 1024;
/** Rows that are kept in memory; a larger table is read again piece by piece. */
const LARGEST_FILE = 2 * 2 ** 30;

/** Lines before the header that begin with `#`: remarks, such as the JSON line of a Monitor file. */
export function remarkLines(text: string): readonly string[] {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith("#")) break;
    lines.push(line.replace(/\r$/, ""));
  }
  return lines;
}

/**
 * True when a text looks like a table: its name says so, or its first lines hold the same number of commas, tabs or
 * semicolons. DuckDB decides.
 */
export function looksLikeTable(path: string, text: string): boolean {
  if (/\.(?:csv|tsv)(?:\.gz|\.zst)?$/i.test(path)) return true;
  const lines = text
    .split("\n")
    .filter((line) => !line.startsWith("#") && line.trim() !== "")
    .slice(0, 6);
  if (lines.length < 4) return false;
  // The last line of the head may be cut.
  const whole = lines.slice(0, -1);
  return [",", "\t", ";"].some((mark) => {
    const [first, ...rest] = whole.map((line) => line.split(mark).length);
    return first !== undefined && first >= 3 && rest.every((count) => count === first);
  });
}

/**
 * Opens a table of text, with the separator, the header and the types as DuckDB sniffs them. Lines that do not fit are left
 * out and named in the notes.
 * @throws Failure when it is no table
 */
export async function csvTable(path: string): Promise<TableRows> {
  const source = FileBytes.of(path);
  if (source.size > LARGEST_FILE)
    throw new Failure(
      "large-csv",
      `${path} is a table of ${Math.round(source.size / 2 ** 20)} MB of text.`,
      "Convert it to Parquet: tables of text are read up to 2,048 MB.",
    );
  const skip = remarkLines(source.read(0, HEAD_BYTES).toString("utf8")).length;
  const connection = await scratchConnection();
  try {
    const extension = /\.gz$/i.test(path)
      ? ", compression = 'gzip'"
      : /\.zst$/i.test(path)
        ? ", compression = 'zstd'"
        : "";
    const reader = `read_csv($1, skip = ${skip}, store_rejects = true, null_padding = true, strict_mode = false, max_line_size = 67108864, buffer_size = 134217728, parallel = false${extension})`;
    await connection.run(
      `CREATE TEMP TABLE csv_rows AS SELECT row_number() OVER () - 1 AS "row no", * FROM ${reader}`,
      [path],
    );
    const described = await connection.runAndReadAll("DESCRIBE csv_rows");
    const columns = described
      .getRows()
      .slice(1)
      .map((row) => ({ name: String(row[0]), type: String(row[1]) }));
    const counted = await connection.runAndReadAll("SELECT count(*) FROM csv_rows");
    const rejects = await connection.runAndReadAll(
      "SELECT line, column_name, error_message FROM reject_errors ORDER BY line LIMIT 100",
    );
    const notes = rejects.getRows().map(([line, column, message]): Note => ({
      code: "malformed-row",
      message: `Line ${Number(line as bigint) + skip} does not fit the table (${column === null ? "" : `column ${String(column)}: `}${String(message).split("\n", 1)[0]?.slice(0, 160)}); it is left out.`,
      where: `${path}:${Number(line as bigint) + skip}`,
    }));
    return {
      columns,
      count: Number(counted.getRows()[0]?.[0] ?? 0),
      notes,
      close: () => connection.closeSync(),
      async read(start, end) {
        const result = await connection.runAndReadAll(
          `SELECT * FROM csv_rows WHERE "row no" >= ${start} AND "row no" < ${end} ORDER BY "row no"`,
        );
        const names = result.columnNames();
        return result.getRowsJS().map((row) => {
          const object: Record<string, JsonValue | undefined> = {};
          for (const [index, name] of names.entries())
            if (index > 0) object[name] = plainValue(row[index]) as JsonValue;
          return object;
        });
      },
    };
  } catch (error) {
    if (error instanceof Failure) throw error;
    const reason = (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
    throw new Failure(
      "unreadable-csv",
      `${path} cannot be read as a table: ${reason.slice(0, 300)}`,
      "Check its separator and quotes.",
    );
  }
}
