import { strict as assert } from "node:assert";
import { mkdirSync, writeFileSync } from "node:fs";
import * as vscode from "vscode";
import type { Failure } from "../../src/model/failure";
import { viewTypes } from "../../src/host/lensUris";
import { api, closeEditors, inWorkspace } from "./extension";
import { test, until } from "./runner";

/** A failure as users read it. The suite and the extension are two bundles, so the class is known by its name. */
const isSentence = (error: unknown): error is Failure =>
  error instanceof Error &&
  error.name === "Failure" &&
  !error.message.includes("\n") &&
  (error as Failure).hint !== "";

const good = (output: string, score: number): string =>
  JSON.stringify({ input: "say yes", output, gts: "yes", score, step: 1 });

test("a file with malformed lines shows the rest and says which lines are bad", async () => {
  const { parts, services } = await api();
  const folder = inWorkspace("scratch", "broken", "rollouts");
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/1.jsonl`;
  writeFileSync(
    file,
    [good("yes", 1), "{ this is no JSON", good("no", 0), '{"input": "say yes", "outp'].join("\n"),
  );
  const dataset = await until("the two good rows", async () =>
    (await parts.host.library.list()).find(
      (candidate) => candidate.path.includes("broken") && candidate.trajectories === 2,
    ),
  );
  assert.ok(dataset.warnings.length > 0, "there is a warning");
  assert.match(
    dataset.warnings.map((note) => `${note.message} ${note.where ?? ""}`).join(" "),
    /2/,
    "it names the line",
  );
  const { rows } = await services().datasets.rows({ datasetId: dataset.id, sort: "row" }, 0, 10);
  assert.deepEqual(
    rows.map((row) => row.reward),
    [1, 0],
  );
  return dataset.warnings.map((note) => note.message).join(" ");
});

test("a hover on a bad line stays away", async () => {
  const uri = vscode.Uri.file(inWorkspace("scratch", "broken", "rollouts", "1.jsonl"));
  await vscode.workspace.openTextDocument(uri);
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    "vscode.executeHoverProvider",
    uri,
    new vscode.Position(1, 0),
  );
  assert.deepEqual(
    hovers
      .flatMap((hover) => hover.contents)
      .filter((content) => typeof content !== "string" && content.value.includes("trajectoryLens")),
    [],
  );
});

test("a file of no known format gives one sentence", async () => {
  const { parts } = await api();
  const file = inWorkspace("scratch", "unknown.json");
  writeFileSync(file, JSON.stringify({ nothing: ["to", "see"] }));
  await assert.rejects(
    () => parts.host.library.ofFile(file),
    (error: unknown) => isSentence(error) && error.message.includes("unknown.json"),
  );
  await vscode.commands.executeCommand("vscode.openWith", vscode.Uri.file(file), viewTypes.dataset);
  await until(
    "the table that says so",
    () => vscode.window.tabGroups.activeTabGroup.activeTab?.input instanceof vscode.TabInputCustom,
  );
  await closeEditors();
});

test("an id that does not exist gives one sentence", async () => {
  const { parts } = await api();
  const { openTrajectory } = await import("../../src/host/open");
  await assert.rejects(() => openTrajectory(parts.host, "0123456789ab:999999"), isSentence);
});

test("nothing was written into the workspace by the extension", async () => {
  const found = await vscode.workspace.findFiles("**/{.vscode,.trajectory-lens,*.duckdb,*.db}");
  assert.deepEqual(
    found.map((uri) => uri.fsPath),
    [],
  );
});
