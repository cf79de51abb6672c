import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../model/failure";
import { loadDuckdb } from "./duckdb";

/** Grows whenever the tables or the meaning of a column change; an index of another version is built anew. */
export const INDEX_VERSION = 3;

/** Tables live in the schema `store`; what users query are the views in `main` (docs/sql.md). */
const SCHEMA = [
  `CREATE SCHEMA IF NOT EXISTS store`,
  `CREATE TABLE store.meta(key VARCHAR PRIMARY KEY, value VARCHAR)`,
  `CREATE TABLE store.datasets(dataset_id VARCHAR, path VARCHAR, name VARCHAR, format VARCHAR, shards VARCHAR)`,
  `CREATE TABLE store.files(
     file_no INTEGER, dataset_id VARCHAR, path VARCHAR, relative_path VARCHAR, hash VARCHAR, sort_key VARCHAR,
     container VARCHAR, bytes DOUBLE, mtime_ms DOUBLE, inode DOUBLE, head_hash VARCHAR, tail_hash VARCHAR,
     indexed_bytes DOUBLE, records INTEGER, open_end BOOLEAN, torn_bytes DOUBLE, last_group UBIGINT, last_group_key UBIGINT, companions VARCHAR, revision DOUBLE)`,
  `CREATE TABLE store.counts(dataset_id VARCHAR, state VARCHAR, counted VARCHAR)`,
  `CREATE TABLE store.warnings(file_no INTEGER, dataset_id VARCHAR, code VARCHAR, message VARCHAR, place VARCHAR)`,
  `CREATE TABLE store.rows(
     tno BIGINT, file_no INTEGER, row_no INTEGER, part INTEGER, byte_offset DOUBLE, byte_length DOUBLE, member VARCHAR,
     own_id VARCHAR, parent_own_id VARCHAR, group_no UBIGINT, group_guess VARCHAR, training_step DOUBLE, split VARCHAR,
     title VARCHAR, reward DOUBLE, success BOOLEAN, truncated BOOLEAN, stop_reason VARCHAR, advantage DOUBLE,
     step_count INTEGER, token_count DOUBLE, response_characters DOUBLE, nulls UTINYINT, component_set INTEGER, components DOUBLE[])`,
  `CREATE TABLE store.component_sets(set_no INTEGER, names VARCHAR[])`,
  `CREATE TABLE store.steps(tno BIGINT, step_index INTEGER, reward DOUBLE, value DOUBLE, advantage DOUBLE)`,
  `CREATE TABLE store.scores(
     trajectory_id VARCHAR, name VARCHAR, level VARCHAR, unit VARCHAR, model_path VARCHAR, model_kind VARCHAR,
     provider VARCHAR, method VARCHAR, cache_key VARCHAR, scored_ms DOUBLE, series DOUBLE[], token_text VARCHAR[])`,
];

/** What users query (docs/sql.md). Views hold no data, so that they are made anew when their text changes. */
const VIEWS = [
  `CREATE OR REPLACE VIEW trajectories AS
     SELECT f.hash || ':' || r.row_no || CASE WHEN r.part = 0 THEN '' ELSE ':' || r.part END AS id,
            f.dataset_id, d.format, f.path, r.row_no AS "row", r.part, r.member, r.own_id, r.parent_own_id,
            'g' || lower(lpad(to_hex(r.group_no), 16, '0')) AS group_id, r.group_guess, CAST(r.training_step AS BIGINT) AS training_step,
            r.split, r.title, r.reward, r.success, r.truncated, r.stop_reason, r.advantage, r.step_count,
            CAST(r.token_count AS BIGINT) AS token_count, CAST(r.response_characters AS BIGINT) AS response_characters
     FROM store.rows r JOIN store.files f ON f.file_no = r.file_no LEFT JOIN store.datasets d ON d.dataset_id = f.dataset_id
     WHERE getvariable('dataset_id') IS NULL OR f.dataset_id = getvariable('dataset_id')`,
  `CREATE OR REPLACE VIEW components AS
     SELECT f.hash || ':' || r.row_no || CASE WHEN r.part = 0 THEN '' ELSE ':' || r.part END AS trajectory_id,
            f.dataset_id, CAST(r.training_step AS BIGINT) AS training_step, unnest(c.names) AS name, unnest(r.components) AS value
     FROM store.rows r JOIN store.component_sets c ON c.set_no = r.component_set JOIN store.files f ON f.file_no = r.file_no
     WHERE getvariable('dataset_id') IS NULL OR f.dataset_id = getvariable('dataset_id')`,
  `CREATE OR REPLACE VIEW steps AS
     SELECT n.trajectory_id, n.dataset_id, n.training_step, n.step_index, s.reward, s.value, s.advantage
     FROM (SELECT r.tno, f.hash || ':' || r.row_no || CASE WHEN r.part = 0 THEN '' ELSE ':' || r.part END AS trajectory_id, f.dataset_id,
                  CAST(r.training_step AS BIGINT) AS training_step, CAST(unnest(range(r.step_count)) AS INTEGER) AS step_index
           FROM store.rows r JOIN store.files f ON f.file_no = r.file_no
           WHERE getvariable('dataset_id') IS NULL OR f.dataset_id = getvariable('dataset_id')) n
     LEFT JOIN store.steps s ON s.tno = n.tno AND s.step_index = n.step_index`,
  `CREATE OR REPLACE VIEW scores AS
     SELECT s.trajectory_id, f.dataset_id, s.name, s.level, s.unit, n.position, CASE WHEN NOT isnan(s.series[n.position + 1]) THEN s.series[n.position + 1] END AS value,
            s.token_text[n.position + 1] AS token, s.model_path, s.model_kind, s.provider, s.method,
            make_timestamp(CAST(s.scored_ms * 1000 AS BIGINT)) AS scored_at
     FROM store.scores s JOIN store.files f ON f.hash = split_part(s.trajectory_id, ':', 1),
          LATERAL (SELECT CAST(unnest(range(len(s.series))) AS INTEGER) AS position) n
     WHERE getvariable('dataset_id') IS NULL OR f.dataset_id = getvariable('dataset_id')`,
  `CREATE OR REPLACE VIEW groups AS
     SELECT 'g' || lower(lpad(to_hex(r.group_no), 16, '0')) AS group_id, f.dataset_id, CAST(r.training_step AS BIGINT) AS training_step,
            arg_min(r.title, r.tno) AS title, any_value(r.group_guess) AS group_guess, count(*) AS size, count(r.reward) FILTER (WHERE isfinite(r.reward)) AS reward_count,
            avg(r.reward) FILTER (WHERE isfinite(r.reward)) AS reward_mean, stddev_samp(r.reward) FILTER (WHERE isfinite(r.reward)) AS reward_std,
            min(r.reward) FILTER (WHERE isfinite(r.reward)) AS reward_min, max(r.reward) FILTER (WHERE isfinite(r.reward)) AS reward_max,
            count(*) FILTER (WHERE r.success) AS successes
     FROM store.rows r JOIN store.files f ON f.file_no = r.file_no
     WHERE r.group_no IS NOT NULL AND (getvariable('dataset_id') IS NULL OR f.dataset_id = getvariable('dataset_id'))
     GROUP BY r.group_no, f.dataset_id, r.training_step`,
];

/**
 * Nothing that a query says can reach files, the network or the settings. What is logged is brought into the file by the writer
 * when it rests: DuckDB's own threshold of 16 MB does it many times while a run is indexed, each time for half a second.
 */
const LOCKED = {
  enable_external_access: "false",
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
  checkpoint_threshold: "256MB",
  lock_configuration: "true",
};

/** An open index: one DuckDB file that this process alone writes. */
export interface IndexDatabase {
  readonly path: string;
  readonly rebuilt: boolean;
  readonly instance: DuckDBInstance;
  /** For writing; one statement at a time. */
  readonly writer: DuckDBConnection;
  /** For the store's own reads. */
  readonly reader: DuckDBConnection;
}

/**
 * Opens the index in a folder. DuckDB lets one process write a file, so a second window takes the next free
 * `index-N.duckdb`; each indexes for itself. An index that is damaged or of another version is replaced.
 * @throws Failure when no file in the folder can be opened or made
 */
export async function openIndex(folder: string): Promise<IndexDatabase> {
  mkdirSync(folder, { recursive: true });
  let lastError: unknown;
  for (let number = 1; number <= 32; number++) {
    const path = join(folder, `index-${number}.duckdb`);
    try {
      return await openFile(path, false);
    } catch (error) {
      lastError = error;
      if (isLockError(error)) continue;
      // Damaged, or of another version: keep nothing of it.
      removeIndex(path);
      try {
        return await openFile(path, true);
      } catch (second) {
        lastError = second;
        if (!isLockError(second)) break;
      }
    }
  }
  throw new Failure(
    "index-unavailable",
    `The index in ${folder} cannot be opened: ${lastError instanceof Error ? lastError.message : String(lastError)}.`,
    "Check that the folder can be written, or close other windows.",
  );
}

/** Closes an index; one that is damaged may refuse, and is given up all the same. */
export function closeIndex({ reader, writer, instance }: IndexDatabase): void {
  for (const one of [reader, writer, instance]) {
    try {
      one.closeSync();
    } catch {
      // Nothing more can be done for it.
    }
  }
}

function isLockError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /set lock|conflicting lock|being used by another process|in use by/i.test(error.message)
  );
}

/** True for errors after which the open database can no longer be trusted. */
export function isDamage(error: unknown): boolean {
  return (
    error instanceof Error &&
    /corrupt|checksum|has been invalidated|Serialization Error|deserialize|not a valid DuckDB|Failed to (load|read) metadata|INTERNAL Error/i.test(
      error.message,
    )
  );
}

/** Removes an index file and its write-ahead log. */
export function removeIndex(path: string): void {
  for (const suffix of ["", ".wal", ".tmp"]) {
    try {
      rmSync(path + suffix, { recursive: true, force: true });
    } catch {
      renameSync(path + suffix, `${path}${suffix}.damaged-${Date.now()}`);
    }
  }
}

/** Index files in a folder. */
export function indexFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^index-\d+\.duckdb$/.test(name))
    .map((name) => join(folder, name));
}

async function makeViews(connection: DuckDBConnection): Promise<void> {
  for (const view of VIEWS) await connection.run(view);
  await connection.run("INSERT OR REPLACE INTO store.meta VALUES ('views', $1)", [VIEWS.join("\n")]);
}

/** What an index says of itself; undefined for a new file. Asking for the tables that there are would take longer. */
async function readMeta(connection: DuckDBConnection): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const meta = await connection.runAndReadAll("SELECT key, value FROM store.meta");
    return new Map(meta.getRows() as [string, string][]);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Catalog Error")) return undefined;
    throw error;
  }
}

async function openFile(path: string, rebuilt: boolean): Promise<IndexDatabase> {
  const { DuckDBInstance } = await loadDuckdb();
  const instance = await DuckDBInstance.create(path, LOCKED);
  try {
    const writer = await instance.connect();
    const meta = await readMeta(writer);
    if (meta === undefined) {
      for (const statement of SCHEMA) await writer.run(statement);
      await writer.run("INSERT INTO store.meta VALUES ('version', $1)", [String(INDEX_VERSION)]);
    } else {
      if (meta.get("version") !== String(INDEX_VERSION)) throw new Error("index of another version");
      // Reads every table's statistics, so that most damage shows here and not later.
      await writer.run(
        "SELECT (SELECT count(*) FROM store.rows), (SELECT count(*) FROM store.files), (SELECT count(*) FROM store.component_sets), (SELECT count(*) FROM store.scores)",
      );
    }
    if (meta?.get("views") !== VIEWS.join("\n")) await makeViews(writer);
    return { path, rebuilt, instance, writer, reader: await instance.connect() };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}
