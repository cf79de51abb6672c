import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ProcessDatasets } from "../../src/services/datasets";

const folder = mkdtempSync(join(tmpdir(), "lens-bulk-"));
const datasets = new ProcessDatasets({ storageFolder: join(folder, "storage"), distFolder: resolve("dist") });

beforeAll(async () => {
  for (const file of [1, 2])
    writeFileSync(
      join(folder, `${file}.jsonl`),
      Array.from({ length: 80 }, (_, i) =>
        JSON.stringify({
          input: `Task ${i % 8}?`,
          output: `reply ${file} ${i}`,
          gts: "",
          score: i % 3,
          step: file,
        }),
      ).join("\n"),
    );
  await datasets.index([folder], { watch: false });
});
afterAll(async () => {
  await datasets.dispose();
  rmSync(folder, { recursive: true, force: true });
});

it("reads many trajectories at once, in the order of their ids, exactly as one by one", async () => {
  const [dataset] = await datasets.list();
  const { rows, total } = await datasets.rows({ datasetId: dataset!.id, sort: "row" }, 0, 500);
  expect(total).toBe(160);
  // Back and forth between the files, one of them twice, more than one message holds.
  const ids = rows.map((_row, i) => rows[(i * 37) % rows.length]!.id).concat(rows[5]!.id);
  const together = await datasets.trajectories(ids);
  expect(together.map(({ id }) => id)).toEqual(ids);
  for (const i of [0, 1, 77, 160]) expect(together[i]).toEqual(await datasets.trajectory(ids[i]!));
  expect(await datasets.trajectories([])).toEqual([]);
});

it("reads the rows of a table together, with gaps and out of order, exactly as one by one", async () => {
  const table = join(folder, "table");
  mkdirSync(table);
  writeFileSync(
    join(table, "answers.csv"),
    [
      "question,answer,score",
      ...Array.from({ length: 50 }, (_, i) => `Task ${i % 5}?,reply ${i},${i / 4}`),
    ].join("\n"),
  );
  await datasets.index([table], {
    watch: false,
    mappings: [{ files: "*.csv", columns: { prompt: "question", response: "answer", reward: "score" } }],
  });
  const dataset = (await datasets.list()).find(({ path }) => path.startsWith(table));
  const { rows } = await datasets.rows({ datasetId: dataset!.id, sort: "row" }, 0, 50);
  expect(rows).toHaveLength(50);
  const ids = [...Array.from({ length: 40 }, (_, i) => i), 45, 47, 3, 2].map((i) => rows[i]!.id);
  const together = await datasets.trajectories(ids);
  expect(together.map(({ id }) => id)).toEqual(ids);
  expect(together.map(({ outcome }) => outcome.reward).slice(-4)).toEqual([45 / 4, 47 / 4, 3 / 4, 2 / 4]);
  for (const i of [0, 15, 16, 17, 40, 43]) expect(together[i]).toEqual(await datasets.trajectory(ids[i]!));
});

it("says which one is not there", async () => {
  const [dataset] = await datasets.list();
  const { rows } = await datasets.rows({ datasetId: dataset!.id }, 0, 1);
  const gone = rows[0]!.id.replace(/:\d+$/u, ":9999");
  await expect(datasets.trajectories([rows[0]!.id, gone])).rejects.toMatchObject({
    code: "unknown-trajectory",
    message: `There is no trajectory ${gone} in the index.`,
  });
});
