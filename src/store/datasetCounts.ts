import type { DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import type { IndexWriter } from "./indexWriter";

type Rows = readonly (readonly DuckDBValue[])[];

/** What a dataset holds, as it was at one moment. */
export interface DatasetCounts {
  /** Number of files, their bytes, their latest time, whether they are HDF5. */
  readonly files: readonly DuckDBValue[];
  readonly trajectories: number;
  readonly steps: number;
  readonly groups: number;
  readonly trainingSteps: number;
  readonly rewardMean: number | null;
  readonly components: readonly string[];
  /** Code, message and place. */
  readonly warnings: Rows;
  /** Path, relative path and bytes of files whose last line is not finished. */
  readonly torn: Rows;
}

type Counted = Pick<
  DatasetCounts,
  "trajectories" | "steps" | "groups" | "trainingSteps" | "rewardMean" | "components"
>;

/** Changes with every change of a dataset's rows: they are written together with the states of their files. */
const STATE = "CAST(bit_xor(hash(file_no, revision)) AS VARCHAR)";

/** Counts datasets, and keeps what was counted for as long as nothing changes: a run of millions is not counted to be opened again. */
export class DatasetCounter {
  private readonly unsaved = new Map<string, { readonly state: string; readonly counted: Counted }>();

  constructor(private readonly instance: DuckDBInstance) {}

  /** Counts a dataset at one moment, though another connection writes meanwhile. */
  async counts(datasetId: string): Promise<DatasetCounts> {
    const connection = await this.instance.connect();
    const ask = async (sql: string, values: DuckDBValue[] = [datasetId]): Promise<DuckDBValue[][]> =>
      (await connection.runAndReadAll(sql, values)).getRows();
    try {
      await connection.run("BEGIN TRANSACTION READ ONLY");
      // One after another: of queries that fail together, the first says why.
      const [files = []] = await ask(
        `SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(abs(mtime_ms)), 0), coalesce(bool_or(container = 'hdf5'), false),
           coalesce(sum(torn_bytes), 0), ${STATE}
         FROM store.files WHERE dataset_id = $1`,
      );
      const state = String(files[5]);
      const kept =
        this.unsaved.get(datasetId)?.state === state
          ? this.unsaved.get(datasetId)?.counted
          : await keptCounts(ask, datasetId, state);
      const counted = kept ?? (await countRows(ask));
      if (kept === undefined) this.unsaved.set(datasetId, { state, counted });
      const warnings = await ask(
        "SELECT code, message, place FROM store.warnings WHERE dataset_id = $1 LIMIT 1000",
      );
      const torn =
        Number(files[4]) === 0
          ? []
          : await ask(
              "SELECT path, relative_path, torn_bytes FROM store.files WHERE dataset_id = $1 AND torn_bytes > 0",
            );
      return { files, ...counted, warnings, torn };
    } finally {
      connection.closeSync();
    }
  }

  /** Keeps what was counted since for the next time that the index is opened. */
  async save(writer: IndexWriter): Promise<void> {
    const counts = [...this.unsaved];
    if (counts.length === 0) return;
    this.unsaved.clear();
    await writer.transaction(async (connection) => {
      for (const [datasetId, { state, counted }] of counts) {
        await connection.run("DELETE FROM store.counts WHERE dataset_id = $1", [datasetId]);
        await connection.run("INSERT INTO store.counts VALUES ($1, $2, $3)", [
          datasetId,
          state,
          JSON.stringify(counted),
        ]);
      }
    });
  }
}

type Ask = (sql: string, values?: DuckDBValue[]) => Promise<DuckDBValue[][]>;

async function keptCounts(ask: Ask, datasetId: string, state: string): Promise<Counted | undefined> {
  const [kept] = await ask("SELECT counted FROM store.counts WHERE dataset_id = $1 AND state = $2", [
    datasetId,
    state,
  ]);
  return kept === undefined ? undefined : (JSON.parse(kept[0] as string) as Counted);
}

async function countRows(ask: Ask): Promise<Counted> {
  const [totals = []] = await ask(
    `SELECT count(*), coalesce(sum(r.step_count), 0), count(DISTINCT r.group_no), count(DISTINCT r.training_step), avg(r.reward) FILTER (WHERE isfinite(r.reward))
     FROM store.rows r WHERE r.file_no IN (SELECT file_no FROM store.files WHERE dataset_id = $1)`,
  );
  const components = await ask(
    `SELECT DISTINCT unnest(names) FROM store.component_sets WHERE set_no IN (SELECT r.component_set FROM store.rows r
     WHERE r.file_no IN (SELECT file_no FROM store.files WHERE dataset_id = $1)) ORDER BY 1`,
  );
  const [trajectories, steps, groups, trainingSteps, rewardMean] = totals;
  return {
    trajectories: Number(trajectories ?? 0),
    steps: Number(steps ?? 0),
    groups: Number(groups ?? 0),
    trainingSteps: Number(trainingSteps ?? 0),
    rewardMean: (rewardMean as number | null | undefined) ?? null,
    components: components.map(([name]) => name as string),
  };
}
