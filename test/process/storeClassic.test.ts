import { DuckDBInstance } from "@duckdb/node-api";
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { StoreClient } from "./storeClient";

const clients: StoreClient[] = [];

async function open(): Promise<StoreClient> {
  const client = await StoreClient.start();
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

async function parquet(path: string, select: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`);
}

describe("classic episodes in the data process", () => {
  it("join rows of a table into episodes and read the tables beside them, while indexing and when shown", async () => {
    const root = mkdtempSync(join(tmpdir(), "lens-lerobot-"));
    for (const [file, first] of [
      ["file-000", 0],
      ["file-001", 2],
    ] as const)
      await parquet(
        join(root, `data/chunk-000/${file}.parquet`),
        `SELECT [i::FLOAT, 1]::FLOAT[2] AS "observation.state", [0.5]::FLOAT[1] AS "action", (${first} + i // 3)::BIGINT AS episode_index,
          (i % 3)::BIGINT AS frame_index, (i % 3 / 10.0)::FLOAT AS "timestamp", i::BIGINT AS "index", 0::BIGINT AS task_index, 1.0::FLOAT AS "next.reward"
         FROM range(6) t(i)`,
      );
    await parquet(
      join(root, "meta/tasks.parquet"),
      `SELECT 0::BIGINT AS task_index, 'fold the cloth' AS "__index_level_0__"`,
    );
    writeFileSync(join(root, "meta/info.json"), JSON.stringify({ codebase_version: "v3.0", fps: 10 }));
    const client = await open();
    const { datasets } = await client.call("index", { paths: [root], watch: false });
    expect(
      datasets.map((one) => [one.format, one.trajectories, one.steps, one.files, one.rewardMean]),
    ).toEqual([["lerobot", 4, 12, 2, 3]]);
    const { rows } = await client.call("rows", { query: {}, start: 0, end: 10 });
    expect(rows.map((row) => row.title)).toEqual(
      [0, 1, 2, 3].map((episode) => `episode ${episode} · fold the cloth`),
    );
    const shown = await client.call("trajectory", { id: rows[3]!.id });
    expect(shown).toMatchObject({ task: { id: "3", prompt: "fold the cloth" }, extra: { index: [3, 5] } });
    expect(shown.columns?.columns[0]?.data).toEqual(Float64Array.of(3, 1, 4, 1, 5, 1));
  });

  it("take episodes out of pickles, arrays, records and logs", async () => {
    const root = mkdtempSync(join(tmpdir(), "lens-classic-"));
    const fixtures = [
      "episode-pickle.pkl",
      "imitation-npz.npz",
      "tf-agents.tfrecord",
      "rlds.tfrecord",
      "monitor-csv.csv",
      "vehicle-matrix.mat",
      "classic/reach_observations_3.npy",
      "classic/reach_actions_3.npy",
    ];
    for (const name of fixtures)
      copyFileSync(join("test/formats/fixtures", name), join(root, name.replace(/^.*\//, "")));
    const client = await open();
    const { datasets } = await client.call("index", { paths: [root], watch: false });
    expect(Object.fromEntries(datasets.map((one) => [one.format, [one.trajectories, one.steps]]))).toEqual({
      "episode-pickle": [2, 3],
      "imitation-npz": [2, 3],
      "tf-agents": [3, 5],
      rlds: [2, 4],
      "monitor-csv": [2, 0],
      "vehicle-matrix": [2, 4],
      "npy-pairs": [2, 6],
    });
    for (const { id, trajectories } of datasets) {
      const { rows } = await client.call("rows", { query: { datasetId: id }, start: 0, end: 10 });
      expect(rows).toHaveLength(trajectories);
      for (const row of rows) {
        const shown = await client.call("trajectory", { id: row.id });
        expect(shown.steps).toHaveLength(row.stepCount);
      }
    }
  });
});
