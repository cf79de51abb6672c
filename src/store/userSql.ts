import type { DuckDBConnection } from "@duckdb/node-api";
import { Failure } from "../model/failure";
import type { QueryResult } from "../protocol/storeCalls";
import { loadDuckdb, plainValue } from "./duckdb";
import { isDamage, type IndexDatabase } from "./indexDatabase";

const DEFAULT_LIMIT = 10_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const INTERRUPT_MS = 50;

/**
 * Runs one statement of a user. Three walls: only statements that read (SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE,
 * SHOW, EXPLAIN); a read-only transaction; and a database whose access to files, network, extensions and settings was
 * switched off and locked when it was opened.
 * @throws Failure for a statement that does not parse, may not run, fails, or takes too long
 */
export async function runUserSql(
  database: IndexDatabase,
  sql: string,
  options: {
    readonly limit?: number;
    readonly timeoutMs?: number;
    readonly datasetId?: string;
    readonly signal?: AbortSignal;
  },
): Promise<QueryResult> {
  const connection = await database.instance.connect();
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let timedOut = false;
  let stopping: NodeJS.Timeout | undefined;
  // An interruption that falls between two statements is forgotten, so that it is repeated until the last one has ended.
  const stop = (): void => {
    stopping ??= setInterval(() => connection.interrupt(), INTERRUPT_MS);
    connection.interrupt();
  };
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeoutMs);
  if (options.signal?.aborted === true) stop();
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    await requireReading(connection, sql);
    await connection.run("SET VARIABLE dataset_id = $1", [options.datasetId ?? null]);
    await connection.run("BEGIN TRANSACTION READ ONLY");
    const limit = Math.max(1, Math.min(1_000_000, Math.floor(options.limit ?? DEFAULT_LIMIT)));
    const reader = await connection.streamAndReadUntil(sql, limit + 1);
    const names = reader.columnNames();
    const types = reader.columnTypes();
    const rows = reader.getRowsJS();
    return {
      columns: names.map((name, index) => ({ name, type: String(types[index]) })),
      rows: rows.slice(0, limit).map((row) => row.map(plainValue)),
      truncated: rows.length > limit,
    };
  } catch (error) {
    if (timedOut)
      throw new Failure(
        "query-timeout",
        `The query ran longer than ${Math.round(timeoutMs / 100) / 10} s and was stopped.`,
        "Narrow it with a WHERE clause or a LIMIT.",
      );
    if (options.signal?.aborted === true)
      throw new Failure("cancelled", "The query was cancelled.", "Run it again when you need it.");
    if (error instanceof Failure || isDamage(error)) throw error;
    throw sqlFailure(error);
  } finally {
    clearTimeout(timer);
    clearInterval(stopping);
    options.signal?.removeEventListener("abort", stop);
    connection.closeSync();
  }
}

async function requireReading(connection: DuckDBConnection, sql: string): Promise<void> {
  const { StatementType } = await loadDuckdb();
  let statements;
  try {
    statements = await connection.extractStatements(sql);
  } catch (error) {
    throw sqlFailure(error);
  }
  if (statements.count !== 1) {
    throw new Failure(
      "bad-sql",
      statements.count === 0
        ? "The query is empty."
        : "A query is one statement that only reads; this text holds or makes several.",
      "Write one SELECT; see docs/sql.md for the views.",
    );
  }
  let type;
  try {
    const prepared = await statements.prepare(0);
    type = prepared.statementType;
    prepared.destroySync();
  } catch (error) {
    throw sqlFailure(error);
  }
  if (type !== StatementType.SELECT && type !== StatementType.EXPLAIN) {
    throw new Failure(
      "read-only-sql",
      `Queries only read: ${StatementType[type] ?? "this kind of statement"} is not allowed.`,
      "Use SELECT, WITH, DESCRIBE, SUMMARIZE or EXPLAIN over the views in docs/sql.md.",
    );
  }
}

function sqlFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (
    /Permission Error|disabled by configuration|configuration has been locked|read-only mode/i.test(message)
  ) {
    return new Failure(
      "read-only-sql",
      "Queries only read the index: files, network, extensions and settings are out of reach.",
      "Use SELECT over the views in docs/sql.md.",
    );
  }
  const text = message.trim();
  return new Failure(
    "bad-sql",
    `The query does not run: ${text.length > 600 ? `${text.slice(0, 599)}…` : text}`,
    "The views are trajectories, steps, scores, groups and components; see docs/sql.md.",
  );
}
