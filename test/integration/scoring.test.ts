import { strict as assert } from "node:assert";
import * as vscode from "vscode";
import type { ModelInfo, ScoreReport } from "../../src/model/score";
import { modelDomain } from "../../src/host/scoring/modelChoice";
import { api, controlDataset, reasoningDataset } from "./extension";
import { Skipped, test } from "./runner";

async function modelFor(domain: "text" | "numeric", kinds: readonly string[]): Promise<ModelInfo> {
  const { parts } = await api();
  const models = (await parts.host.models.list()).filter(
    (model) => model.problem === undefined && modelDomain(model) === domain,
  );
  const found = kinds
    .map((kind) => models.find((model) => model.kind === kind))
    .find((model) => model !== undefined);
  if (!found) throw new Skipped(`there is no ${domain} model in the workspace`);
  await vscode.commands.executeCommand("trajectoryLens.chooseModel", {
    kind: "modelEntry",
    model: found,
  });
  return found;
}

async function scored(datasetId: string, model: ModelInfo): Promise<string> {
  const { services, parts } = await api();
  const row = (await services().datasets.rows({ datasetId }, 0, 1)).rows[0];
  assert.ok(row);
  const states: string[] = [];
  const subscription = parts.host.scoreRuns.onProgress((progress) => states.push(progress.state));
  const report = await vscode.commands.executeCommand<ScoreReport | undefined>(
    "trajectoryLens.scoreTrajectory",
    { trajectoryId: row.id },
  );
  subscription.dispose();
  assert.ok(report, "the command gives a report");
  assert.deepEqual(report.failures, []);
  assert.equal(report.modelPath, model.path);
  assert.ok(report.series.length > 0, "the model gave numbers");
  for (const series of report.series)
    assert.ok(
      [...series.values].some((value) => Number.isFinite(value)),
      `${series.name} has finite values`,
    );
  assert.equal(states.at(-1), "done");
  const stored = await services().datasets.scores(row.id);
  for (const series of report.series) {
    const same = stored.find(
      (candidate) => candidate.name === series.name && candidate.modelPath === series.modelPath,
    );
    assert.deepEqual([...(same?.values ?? [])], [...series.values], `${series.name} is in the index`);
  }
  const again = await vscode.commands.executeCommand<ScoreReport | undefined>(
    "trajectoryLens.scoreTrajectory",
    { trajectoryId: row.id },
  );
  assert.equal(again?.cached, 1, "the second time the answer comes from the cache");
  return `${model.name} (${model.kind}) on ${report.provider}: ${report.series.map((series) => `${series.name} × ${series.values.length}`).join(", ")} in ${report.seconds.toFixed(3)} s`;
}

test("Score Trajectory runs a text model with onnxruntime and keeps the scores", async () => {
  const dataset = await reasoningDataset();
  return scored(dataset.id, await modelFor("text", ["process-reward", "scalar-reward", "policy-lm"]));
});

test("Score Trajectory runs a value or policy model on an episode, on the provider that the settings name", async () => {
  const dataset = await controlDataset();
  const configuration = vscode.workspace.getConfiguration("trajectoryLens");
  await configuration.update("provider", "cpu", vscode.ConfigurationTarget.Global);
  try {
    const model = await modelFor("numeric", [
      "value",
      "transition-reward",
      "policy-gaussian",
      "policy-discrete",
    ]);
    const said = await scored(dataset.id, model);
    assert.match(said, / on cpu: /);
    return said;
  } finally {
    await configuration.update("provider", undefined, vscode.ConfigurationTarget.Global);
  }
});

test("the provider in use is known afterwards", async () => {
  const { services } = await api();
  const { provider, phase } = services().scoring.state;
  if (provider === undefined) throw new Skipped("nothing was scored");
  assert.notEqual(phase, "crashed");
  return provider;
});
