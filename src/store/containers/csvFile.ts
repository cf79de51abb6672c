import type { DuckDBConnection } from "@duckdb/node-api";
import { statSync } from "node:fs";
import type { TableColumn } from "../../formats/format";
import { Failure } from "../../model/failure";
import type { JsonObject, JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { plainValue } from "../duckdb";
import { tableConnection } from "../parquet";
import { FileBytes } from "./byteSource";
import { LastContents } from "./lastContents";
import { spacedTable, spacedWidth } from "./spacedTable";
import { compressionOf, expandedCopy, inflatedHead, storedForm } from "./compressed";

/** Rows of a table by number. */
export interface TableRows {
  readonly columns: readonly TableColumn[];
  readonly count: number;
  readonly notes: readonly Note[];
  readonly read: (start: number, end: number) => Promise<readonly JsonObject[]>;
}

const HEAD_BYTES = 64 * 1024;
/** The rows of the tables opened last stay in memory. */
const LARGEST_FILE = 2 * 2 ** 30;
const LONGEST_LINE = 16 * 2 ** 20;
const LEAST_BUFFER = 2 ** 20;

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
  return (
    /\.(?:csv|tsv)(?:\.gz|\.zst)?$/i.test(path) ||
    separatorOf(text) !== undefined ||
    spacedWidth(text) !== undefined
  );
}

/** The separator of which the first lines hold the same number, two or more; undefined when none is so even. */
function separatorOf(text: string): string | undefined {
  const lines = text
    .split("\n")
    .filter((line) => !line.startsWith("#") && line.trim() !== "")
    .slice(0, 6);
  if (lines.length < 2) return undefined;
  // The last line of the head may be cut.
  const whole = lines.length > 3 ? lines.slice(0, -1) : lines;
  const marks = [",", "\t", ";"];
  const isEven = ([first, ...rest]: readonly number[]): boolean =>
    first !== undefined && first >= 3 && rest.length > 0 && rest.every((count) => count === first);
  return (
    marks.find((mark) => isEven(whole.map((line) => line.split(mark).length))) ??
    (text.includes('"') ? marks.find((mark) => isEven(quotedCounts(text, mark))) : undefined)
  );
}

/** Fields of the first records where cells in quotes may hold separators, line ends and doubled quotes. */
function quotedCounts(text: string, mark: string): readonly number[] {
  const counts: number[] = [];
  let fields = 1;
  let inQuotes = false;
  let cellStart = true;
  for (let at = 0; at < text.length && counts.length < 6; at++) {
    const letter = text[at];
    if (inQuotes) {
      if (letter !== '"') continue;
      if (text[at + 1] === '"') at++;
      else inQuotes = false;
      continue;
    }
    if (letter === '"' && cellStart) inQuotes = true;
    cellStart = letter === mark || letter === "\n";
    if (letter === mark) fields++;
    else if (letter === "\n") {
      if (fields > 1) counts.push(fields);
      fields = 1;
    }
  }
  return counts;
}

/** Where a table is read: DuckDB decompresses by itself, and reads UTF-8 alone. */
async function plainTable(path: string): Promise<{ readonly path: string; readonly notes: readonly Note[] }> {
  const form = storedForm(path);
  return form === "utf-16le" || form === "utf-16be" ? expandedCopy(path, form) : { path, notes: [] };
}

/** Detection aside, indexing a table and showing its rows follow each other. */
const opened = new LastContents<TableRows>(2);

/** Columns with the names and types that DuckDB sniffs. @throws Failure when the file is no table */
export async function csvColumns(path: string): Promise<readonly TableColumn[]> {
  const connection = await tableConnection();
  try {
    return (await selectionOf(connection, (await plainTable(path)).path)).columns;
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    connection.closeSync();
  }
}

/** A header whose first column has no name: pandas' `to_csv` writes its index so. */
const UNNAMED_INDEX =
  /^([,;\t])(?:"[^"\n]*"|[A-Za-z_][^"\n]*?)(?:\1(?:"[^"\n]*"|[A-Za-z_][^"\n]*?))*\r?\n\d+\1/;
/** Columns of words: an answer "4" is a text in every trainer's own file, whatever a sniffer makes of it. */
const WORDS =
  /^(?:prompts?|inputs?|questions?|query|problem|instruction|completions?|responses?|outputs?|answers?|generation|text|content|chosen|rejected|(?:system|user|model)_?(?:prompt|response|output)|ground_?truths?|gts?|solution|uid)$/i;

interface Selection {
  readonly columns: readonly TableColumn[];
  /** What comes behind SELECT, with `$1` for the path. */
  readonly sql: string;
}

/** The columns of a file as they are read: words stay words where others beside them are, an index without a name is `index`. */
async function selectionOf(connection: DuckDBConnection, path: string): Promise<Selection> {
  const { sql, index } = await readerOf(path);
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${sql}`, [path]);
  const columns = described.getRows().map((row) => ({ name: String(row[0]), type: String(row[1]) }));
  const words = columns.filter(({ name }) => WORDS.test(name));
  const numeric = words.filter(({ type }) => type !== "VARCHAR");
  const asWords = numeric.length < words.length ? numeric : [];
  const types = asWords.map(({ name }) => `'${name.replaceAll("'", "''")}': 'VARCHAR'`).join(", ");
  const from = types === "" ? sql : `${sql.slice(0, -1)}, types = {${types}})`;
  const unnamed =
    index && /^column0+$/.test(columns[0]?.name ?? "") && columns.every(({ name }) => name !== "index");
  return {
    columns: columns.map(({ name, type }, place) => ({
      name: unnamed && place === 0 ? "index" : name,
      type: asWords.some((own) => own.name === name) ? "VARCHAR" : type,
    })),
    sql: `${unnamed ? `${columns[0]?.name} AS "index", * EXCLUDE (${columns[0]?.name})` : "*"} FROM ${from}`,
  };
}

/** DuckDB's table function for a file, with `$1` for its path, and whether its first column is an index without a name. */
async function readerOf(path: string): Promise<{ readonly sql: string; readonly index: boolean }> {
  const source = FileBytes.of(path);
  const compression = compressionOf(source.read(0, 4));
  const bytes =
    compression === undefined
      ? source.read(0, HEAD_BYTES)
      : await inflatedHead(path, compression, HEAD_BYTES);
  const head = bytes.toString("utf8").replace(/^\ufeff/, "");
  const skip = remarkLines(head).length;
  // The sniffer fills such a buffer for each dialect that it tries, however short the file is.
  const longest =
    compression === undefined
      ? Math.min(LONGEST_LINE, Math.max(LEAST_BUFFER, source.size + 1))
      : LONGEST_LINE;
  // One line that does not fit would make the sniffer doubt the separator of all others.
  const separator = separatorOf(head);
  const spaced = separator === undefined ? spacedWidth(head) : undefined;
  const index = UNNAMED_INDEX.test(head);
  const reading = [
    `skip = ${skip}`,
    "store_rejects = true",
    "ignore_errors = true",
    `max_line_size = ${longest}`,
    `buffer_size = ${2 * longest}`,
    // Rows keep the file's order.
    "parallel = false",
    ...(compression === undefined ? [] : [`compression = '${compression}'`]),
  ];
  if (spaced !== undefined) return { sql: spacedTable(spaced, reading), index: false };
  const options = [
    ...reading,
    // A Monitor file ends its line of settings in LF and its rows in CR LF, which the strict reader refuses.
    ...(/[^\r]\n/.test(head) && head.includes("\r\n") ? ["strict_mode = false"] : []),
    ...(index
      ? [`delim = '${head[0]}'`, "header = true"]
      : separator === undefined
        ? []
        : [`delim = '${separator}'`]),
    // Quotes that are doubled within quotes, as all writers of tables do, are told from JSON's own escapes in a cell.
    ...(/(?:^|[,;\t\n])"(?:[^"]|"")*""/.test(head) ? [`quote = '"'`, `escape = '"'`] : []),
  ];
  return { sql: `read_csv($1, ${options.join(", ")})`, index };
}

/**
 * Opens a table of text, with the separator, the header and the types as DuckDB sniffs them. Lines that do not fit are left
 * out and named in the notes.
 * @throws Failure when it is no table
 */
export async function csvTable(path: string): Promise<TableRows> {
  const { key, content } = opened.find(path);
  return content ?? opened.keep(key, await openTable(path));
}

async function openTable(path: string): Promise<TableRows> {
  const { size } = statSync(path);
  if (size > LARGEST_FILE)
    throw new Failure(
      "large-csv",
      `${path} is a table of ${Math.round(size / 2 ** 20)} MB of text.`,
      "Convert it to Parquet: tables of text are read up to 2,048 MB.",
    );
  const connection = await tableConnection();
  try {
    const copy = await plainTable(path);
    const { sql, columns } = await selectionOf(connection, copy.path);
    await connection.run(
      `CREATE TEMP TABLE csv_rows AS SELECT row_number() OVER () - 1 AS "row no", ${sql}`,
      [copy.path],
    );
    const counted = await connection.runAndReadAll("SELECT count(*) FROM csv_rows");
    const rejects = await connection.runAndReadAll(
      "SELECT line, any_value(error_message) FROM reject_errors GROUP BY line ORDER BY line LIMIT 100",
    );
    return {
      columns,
      count: Number(counted.getRows()[0]?.[0] ?? 0),
      notes: rejects.getRows().map(([line, message]): Note => {
        const number = Number(line as bigint);
        const reason = String(message).split("\n", 1)[0]?.slice(0, 160) ?? "";
        return {
          code: "malformed-row",
          message: `Line ${number} does not fit the table (${reason}); it is left out.`,
          where: `${path}:${number}`,
        };
      }),
      // Whoever reads keeps the connection, and with it the rows, for as long as it takes, whatever was opened meanwhile.
      read: (start, end) => rowsOf(connection, start, end),
    };
  } catch (error) {
    connection.closeSync();
    throw unreadable(path, error);
  }
}

async function rowsOf(
  connection: DuckDBConnection,
  start: number,
  end: number,
): Promise<readonly JsonObject[]> {
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
}

function unreadable(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const reason = (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
  return new Failure(
    "unreadable-csv",
    `${path} cannot be read as a table: ${reason.slice(0, 300)}`,
    "Check its separator and quotes.",
  );
}
