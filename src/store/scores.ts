import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import type { ModelKind, Provider, ScoreSeries, SeriesLevel } from "../model/score";
import { loadDuckdb } from "./duckdb";
import type { IndexWriter } from "./indexWriter";

const COLUMNS =
  "trajectory_id, name, level, unit, model_path, model_kind, provider, method, cache_key, series, token_text";

/** Scores that models gave, kept in the index: by trajectory for the views, by cache key so that a model need not run again. */
export class Scores {
  constructor(
    private readonly writer: IndexWriter,
    private readonly reader: DuckDBConnection,
  ) {}

  /**
   * Stores series. `cacheKeys[i]` belongs to `series[i]`; series of one scoring of one trajectory share a key. A series
   * replaces an older one of the same trajectory, model, name and level.
   */
  async put(series: readonly ScoreSeries[], cacheKeys: readonly string[]): Promise<number> {
    if (series.length === 0) return 0;
    const { DOUBLE, LIST, VARCHAR, listValue } = await loadDuckdb();
    await this.writer.transaction(async (connection) => {
      const remove = await connection.prepare(
        "DELETE FROM store.scores WHERE trajectory_id = $1 AND model_path = $2 AND name = $3 AND level = $4",
      );
      const insert = await connection.prepare(
        `INSERT INTO store.scores(${COLUMNS}, scored_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      );
      const now = Date.now();
      for (const [index, one] of series.entries()) {
        remove.bind([one.trajectoryId, one.modelPath, one.name, one.level]);
        await remove.run();
        insert.bind(
          [
            one.trajectoryId,
            one.name,
            one.level,
            one.unit,
            one.modelPath,
            one.modelKind,
            one.provider,
            one.method,
            cacheKeys[index] ?? null,
            listValue([...one.values]),
            one.tokenText === undefined ? null : listValue([...one.tokenText]),
            now,
          ],
          [
            VARCHAR,
            VARCHAR,
            VARCHAR,
            VARCHAR,
            VARCHAR,
            VARCHAR,
            VARCHAR,
            VARCHAR,
            VARCHAR,
            LIST(DOUBLE),
            LIST(VARCHAR),
            DOUBLE,
          ],
        );
        await insert.run();
      }
      remove.destroySync();
      insert.destroySync();
    });
    return series.length;
  }

  async ofTrajectory(trajectoryId: string): Promise<ScoreSeries[]> {
    const result = await this.reader.runAndReadAll(
      `SELECT ${COLUMNS} FROM store.scores WHERE trajectory_id = $1 ORDER BY model_path, name, level`,
      [trajectoryId],
    );
    return result.getRowsJS().map((row) => seriesOf(row).series);
  }

  async cached(cacheKeys: readonly string[]): Promise<(ScoreSeries[] | null)[]> {
    const found = new Map<string, ScoreSeries[]>();
    for (let start = 0; start < cacheKeys.length; start += 500) {
      const some = cacheKeys.slice(start, start + 500);
      const marks = some.map((_, index) => `$${index + 1}`).join(", ");
      const result = await this.reader.runAndReadAll(
        `SELECT ${COLUMNS} FROM store.scores WHERE cache_key IN (${marks})`,
        some as DuckDBValue[],
      );
      for (const row of result.getRowsJS()) {
        const { key, series } = seriesOf(row);
        if (key !== null) found.set(key, [...(found.get(key) ?? []), series]);
      }
    }
    return cacheKeys.map((key) => found.get(key) ?? null);
  }
}

function seriesOf(row: readonly unknown[]): { readonly key: string | null; readonly series: ScoreSeries } {
  const [trajectoryId, name, level, unit, modelPath, modelKind, provider, method, key, values, tokenText] =
    row as [
      string,
      string,
      SeriesLevel,
      string,
      string,
      ModelKind,
      Provider,
      string,
      string | null,
      (number | null)[],
      string[] | null,
    ];
  return {
    key,
    series: {
      trajectoryId,
      name,
      level,
      unit,
      modelPath,
      modelKind,
      provider,
      method,
      values: Float64Array.from(values, (value) => value ?? Number.NaN),
      ...(tokenText === null ? {} : { tokenText }),
    },
  };
}
