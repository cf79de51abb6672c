import { strict as assert } from "node:assert";
import * as vscode from "vscode";
import type { ForkReport } from "../../src/services/generationContract";
import type { ModelTest } from "../../src/services/services";
import { api, reasoningDataset } from "./extension";
import { test } from "./runner";

const configuration = () => vscode.workspace.getConfiguration("trajectoryLens");

test("the Models view lists found and declared models, with what is wrong, and tries them", async () => {
  const { parts } = await api();
  const found = (await parts.host.models.list()).find((model) => model.kind === "policy-lm");
  assert.ok(found, "the workspace has a policy");
  await configuration().update(
    "models",
    [
      { name: "declared", path: found.path, context: "truncate-head" },
      { name: "nowhere", path: "/nonexistent/model.onnx" },
      { url: "http://127.0.0.1:9/v1" },
    ],
    vscode.ConfigurationTarget.Global,
  );
  try {
    const entries = await parts.models.getChildren();
    const names = entries.flatMap((entry) => (entry.kind === "modelEntry" ? [entry.model.name] : []));
    assert.ok(names.includes("declared") && names.includes("nowhere"), names.join(", "));
    const problem = entries.find((entry) => entry.kind === "problem");
    assert.match(problem?.kind === "problem" ? problem.text : "", /models\[2\].*needs its kind/);
    const broken = entries.find((entry) => entry.kind === "modelEntry" && entry.model.name === "nowhere");
    assert.ok(broken);
    assert.match(String(parts.models.getTreeItem(broken).description), /cannot be used/);
    const declared = entries.find((entry) => entry.kind === "modelEntry" && entry.model.name === "declared");
    assert.ok(declared);
    const result = await vscode.commands.executeCommand<ModelTest>("trajectoryLens.testModel", declared);
    assert.equal(result.problem, undefined);
    const facts = await parts.models.getChildren(declared);
    const run = facts.find((fact) => fact.kind === "fact" && fact.label === "Test run");
    assert.ok(run, "the test run is shown");
    return `${entries.length} entries; ${result.results.join(", ")} on ${result.provider ?? "?"}`;
  } finally {
    await configuration().update("models", undefined, vscode.ConfigurationTarget.Global);
  }
});

test("Fork Here continues from a step, and the branches are in the tree until they are deleted", async () => {
  const { services, parts } = await api();
  const dataset = await reasoningDataset();
  const row = (await services().datasets.rows({ datasetId: dataset.id }, 0, 1)).rows[0];
  const policy = (await parts.host.models.list()).find((model) => model.kind === "policy-lm");
  assert.ok(row && policy);
  const report = await vscode.commands.executeCommand<ForkReport>("trajectoryLens.forkHere", {
    trajectoryId: row.id,
    stepIndex: 0,
    model: policy.path,
    lookAhead: false,
    options: "n 3, temperature 1, max_new_tokens 24, seed 5",
  });
  assert.equal(report.branches.length, 3);
  assert.ok(
    report.file.startsWith(parts.host.context.globalStorageUri.fsPath) || report.file.includes("branches-"),
  );
  if (row.groupId !== undefined) {
    const tree = await services().generation.tree(row.groupId);
    const texts = tree.nodes.filter((node) => node.status === "generated").map((node) => node.text);
    for (const branch of report.branches) assert.ok(texts.includes(branch.text));
  }
  for (const branch of report.branches) await services().generation.deleteBranch(branch.id);
  assert.deepEqual(await services().generation.branches({ trajectoryId: row.id }), []);
  return `${report.tokens} tokens in ${report.seconds.toFixed(3)} s on ${report.provider}`;
});
