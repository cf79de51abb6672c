import { strict as assert } from "node:assert";
import { writeFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import * as vscode from "vscode";
import type { CompareReport, DiagnoseReport } from "../../src/services/services";
import { api, controlDataset, inWorkspace, reasoningDataset } from "./extension";
import { test } from "./runner";

test("a run is diagnosed, with its findings in the Problems view", async () => {
  const { services } = await api();
  const path = inWorkspace("scratch", "diagnosed", "7.jsonl");
  mkdirSync(dirname(path), { recursive: true });
  const line = (output: string, score: number): string =>
    JSON.stringify({ input: "Count to three.", output, gts: "3", score, step: 7, acc: score });
  writeFileSync(
    path,
    `${[line("one two three", 1), line("one two three", 1), line("three", 1)].join("\n")}\n`,
  );
  await services().datasets.index([path], { watch: false });
  const dataset = await services().datasets.ofFile(path);
  assert.ok(dataset);
  const report = await vscode.commands.executeCommand<DiagnoseReport>("trajectoryLens.diagnoseRun", {
    datasetId: dataset.id,
  });
  const fired = report.findings.map(({ diagnosticId }) => diagnosticId);
  assert.ok(fired.includes("zero-variance"));
  assert.ok(fired.includes("group-outcomes"));
  const problems = vscode.languages.getDiagnostics(vscode.Uri.file(path));
  assert.ok(problems.some(({ code }) => code === "zero-variance"));
  assert.ok(problems.every(({ range }) => range.start.line < 3));
  return problems.map(({ message }) => message).join(" ");
});

test("recorded advantages are traced to the convention that made them", async () => {
  const dataset = await controlDataset();
  const report = await vscode.commands.executeCommand<CompareReport>("trajectoryLens.compareAdvantages", {
    datasetId: dataset.id,
  });
  assert.equal(report.recordedRows, dataset.trajectories);
  assert.equal(report.best[0]?.share, 1);
  assert.equal(report.best[0]?.signalId, "gae");
  return report.summary;
});

test("a signal that the workspace defines is found and computed in its own process", async () => {
  const { services } = await api();
  assert.ok(vscode.workspace.isTrusted, "the test workspace is trusted");
  const { signals, problems } = await services().signals.userSignals();
  assert.deepEqual(problems, []);
  assert.deepEqual(
    signals.map(({ id }) => id),
    ["user-longer-than-group"],
  );
  const dataset = await reasoningDataset();
  const { rows } = await services().datasets.rows({ datasetId: dataset.id, sort: "row" }, 0, 1);
  const [row] = rows;
  assert.ok(row?.groupId !== undefined);
  const { members } = await services().datasets.group(row.groupId);
  const mean = members.reduce((sum, member) => sum + member.stepCount, 0) / members.length;
  const { result } = await services().signals.compute(row.id, { signalId: "user-longer-than-group" });
  assert.ok("values" in result);
  assert.equal(result.values[0], row.stepCount - mean);
  return `${row.stepCount} steps, ${mean} in the group`;
});
