import { strict as assert } from "node:assert";
import { api, controlDataset, exampleDatasets, reasoningDataset } from "./extension";
import { test, until } from "./runner";

test("indexes the example workspace without configuration", async () => {
  const datasets = await exampleDatasets();
  const reasoning = await reasoningDataset();
  const control = await controlDataset();
  assert.ok(
    reasoning.trainingSteps > 1 && reasoning.groups > 1,
    "the reasoning rollouts have training steps and groups",
  );
  assert.ok(control.trajectories > 0 && control.rewardMean !== undefined, "the episodes have returns");
  return datasets.map((dataset) => `${dataset.name} ${dataset.format} ${dataset.trajectories}`).join(", ");
});

test("gives the same mean reward as SQL over the index", async () => {
  const { services } = await api();
  const dataset = await reasoningDataset();
  const result = await services().datasets.query(
    "select avg(reward) as mean, count(*) as n from trajectories",
    { datasetId: dataset.id },
  );
  const [mean, n] = result.rows[0] ?? [];
  assert.equal(Number(n), dataset.trajectories);
  assert.ok(
    dataset.rewardMean !== undefined && Math.abs(Number(mean) - dataset.rewardMean) < 1e-9,
    `${String(mean)} is ${dataset.rewardMean}`,
  );
});

test("comes back after the data process was killed", async () => {
  const { services } = await api();
  const datasets = services().datasets as unknown as { readonly pid?: number };
  const before = datasets.pid;
  assert.ok(before !== undefined, "the data process runs");
  process.kill(before, "SIGKILL");
  // A call in flight is refused with a sentence; the next one finds a new process.
  await until("the process to be gone", () => datasets.pid !== before);
  const dataset = await reasoningDataset();
  assert.notEqual(datasets.pid, before);
  assert.ok(dataset.trajectories > 0);
});
