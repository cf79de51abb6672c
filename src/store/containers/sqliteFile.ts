import { existsSync } from "node:fs";
import type { Database, Sqlite3Static, SqlValue } from "@sqlite.org/sqlite-wasm";
import type { TableColumn } from "../../formats/format";
import { Failure } from "../../model/failure";
import type { JsonObject, JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { FileBytes } from "./byteSource";
import { DISK, registerDisk } from "./sqliteFiles";

/** One query may take this long; a schema that is made to keep SQLite busy ends here. */
const LONGEST_QUERY_MS = 120_000;
/** SQLite asks about this often whether to go on: after so many instructions of its virtual machine. */
const INSTRUCTIONS = 100_000;
/** Texts and blobs beyond this are refused by SQLite itself. */
const LARGEST_CELL = 256 * 2 ** 20;

export const isSqlite = (head: Uint8Array): boolean =>
  Buffer.from(head.buffer, head.byteOffset, Math.min(16, head.length)).toString("latin1") ===
  "SQLite format 3\0";

let loaded: Promise<Sqlite3Static> | undefined;

/** SQLite, loaded at first use. */
function library(): Promise<Sqlite3Static> {
  loaded ??= import("@sqlite.org/sqlite-wasm").then(async ({ default: load }) => {
    // It would tell on the console what it also throws.
    const quiet = { print: () => undefined, printErr: () => undefined };
    const sqlite = await (load as unknown as (options: typeof quiet) => Promise<Sqlite3Static>)(quiet);
    Object.assign(sqlite.config, { warn: () => undefined, error: () => undefined });
    registerDisk(sqlite);
    return sqlite;
  });
  return loaded;
}

/** An open database, for reading. Nothing is ever written to it or beside it. */
export class SqliteFile {
  /** Columns of the tables by the table's name. Views are left out: they would run what their author wrote. */
  readonly tables: ReadonlyMap<string, readonly TableColumn[]>;
  /** What is wrong with the file as a whole. */
  readonly notes: readonly Note[];
  private deadline = 0;

  private constructor(
    private readonly path: string,
    private readonly database: Database,
    sqlite: Sqlite3Static,
  ) {
    const { capi } = sqlite;
    const pointer = database.pointer;
    if (pointer === undefined) throw new Error("it is closed");
    capi.sqlite3_limit(pointer, capi.SQLITE_LIMIT_LENGTH, LARGEST_CELL);
    capi.sqlite3_progress_handler(
      pointer,
      INSTRUCTIONS,
      () => (performance.now() > this.deadline ? 1 : 0),
      0 as unknown as Parameters<typeof capi.sqlite3_progress_handler>[3],
    );
    this.deadline = performance.now() + LONGEST_QUERY_MS;
    // With exclusive locking the index of a write-ahead log is kept in memory instead of in a file beside it.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON");
    this.notes = cutOff(path);
    this.tables = new Map(
      this.query(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
      ).map(({ name }) => [
        String(name),
        this.query("SELECT name, type FROM pragma_table_info(?1)", [String(name)]).map((column) => ({
          name: String(column["name"]),
          type: String(column["type"]),
        })),
      ]),
    );
  }

  /** @throws Failure when it is no database, is damaged, or has a write-ahead log that cannot be read */
  static async open(path: string): Promise<SqliteFile> {
    const sqlite = await library();
    let database: Database | undefined;
    try {
      database = new sqlite.oo1.DB({ filename: path, flags: "r", vfs: DISK });
      return new SqliteFile(path, database, sqlite);
    } catch (error) {
      database?.close();
      throw unreadable(path, error);
    }
  }

  /**
   * Rows of a query as objects: integers beyond 2^53 become texts of digits, blobs a remark on their size.
   * @throws Failure where the database is damaged or the query takes too long
   */
  rows(sql: string, parameters: readonly (string | number)[] = []): readonly JsonObject[] {
    try {
      this.deadline = performance.now() + LONGEST_QUERY_MS;
      return this.query(sql, parameters);
    } catch (error) {
      throw unreadable(this.path, error);
    }
  }

  close(): void {
    this.database.close();
  }

  private query(sql: string, parameters: readonly (string | number)[] = []): readonly JsonObject[] {
    const rows: JsonObject[] = [];
    this.database.exec({
      sql,
      ...(parameters.length === 0 ? {} : { bind: [...parameters] }),
      rowMode: "object",
      callback: (row) => {
        rows.push(
          Object.fromEntries(
            Object.entries(row as Record<string, SqlValue>).map(([name, value]) => [name, jsonOf(value)]),
          ),
        );
      },
    });
    return rows;
  }
}

/** The header counts the pages; SQLite itself notices missing ones only when it asks for them. */
function cutOff(path: string): readonly Note[] {
  const source = existsSync(path) ? FileBytes.of(path) : undefined;
  const header = source?.read(0, 100);
  if (source === undefined || header === undefined || header.length < 100) return [];
  const page = header.readUInt16BE(16);
  const pageBytes = page === 1 ? 65_536 : page;
  const pages = header.readUInt32BE(28);
  // The count holds only where it was written together with the last change.
  if (header.readUInt32BE(24) !== header.readUInt32BE(92) || pages * pageBytes <= source.size) return [];
  return [
    {
      code: "torn-database",
      message: `${path} is a SQLite database that is cut off: it has ${Math.floor(source.size / pageBytes)} of its ${pages} pages. Rows on the others are missing.`,
      where: path,
    },
  ];
}

function jsonOf(value: SqlValue): JsonValue {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array || value instanceof Int8Array || value instanceof ArrayBuffer)
    return `<${value.byteLength} bytes>`;
  return value ?? null;
}

function unreadable(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  const [torn] = cutOff(path);
  if (torn !== undefined)
    return new Failure("unreadable-sqlite", torn.message, "Copy it again from where it comes from.");
  if (/SQLITE_INTERRUPT/.test(message))
    return new Failure(
      "slow-database",
      `A query over ${path} took more than ${LONGEST_QUERY_MS / 1000} seconds.`,
      "Export the traces that you want to see.",
    );
  return new Failure(
    "unreadable-sqlite",
    `${path} cannot be read as a SQLite database: ${message.replace(/^SQLITE_\w+: sqlite3 result code \d+: /, "")}.`,
    "It may be cut off, or its program is writing to it; make a copy with `sqlite3 FILE .backup` and open that.",
  );
}
