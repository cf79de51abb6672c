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

test("a file that holds nothing to show is named at the end of the view until it is mended", async () => {
  const { parts } = await api();
  const folder = inWorkspace("scratch", "pointers");
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/run.jsonl`;
  writeFileSync(
    file,
    `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 123456\n`,
  );
  const named = async () => {
    const last = (await parts.tree.getChildren()).at(-1);
    return last?.kind === "leftOut"
      ? (await parts.tree.getChildren(last)).find(
          (entry) => entry.kind === "leftOutFile" && entry.file.path === file,
        )
      : undefined;
  };
  await parts.host.library.refresh();
  const entry = await until("the pointer to be named", named);
  const item = parts.tree.getTreeItem(entry);
  assert.match(String(item.description), /^is a Git LFS pointer/);
  assert.equal(item.command?.command, "trajectoryLens.openDataset");
  await vscode.commands.executeCommand("vscode.openWith", vscode.Uri.file(file), viewTypes.dataset);
  writeFileSync(file, `${good("yes", 1)}\n${good("no", 0)}\n`);
  await until("the pointer to be gone from the view", async () => (await named()) === undefined, 30_000);
  assert.equal((await parts.host.library.ofFile(file)).trajectories, 2);
  await closeEditors();
  return String(item.description);
});

test("a large file opens at its first rows, and the walk through the workspace can be stopped and goes on", async () => {
  const { parts } = await api();
  const { library } = parts.host;
  const folder = inWorkspace("scratch", "large");
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/large.jsonl`;
  const line = good("x".repeat(4000), 1);
  writeFileSync(file, `${Array.from({ length: 20_000 }, () => line).join("\n")}\n`);
  const dataset = await library.ofFile(file);
  const early = dataset.trajectories;
  assert.ok(early > 0, "there are rows when it opens");
  await until(
    "all rows",
    async () => (await library.services.datasets.ofFile(file))?.trajectories === 20_000,
    60_000,
  );
  // Stopping leaves what is known where it is, and a refresh looks at the rest.
  const walk = library.refresh();
  library.stopWalk();
  await walk;
  assert.ok((await library.found()).some(({ id }) => id === dataset.id));
  await library.refresh();
  assert.equal(library.walk, undefined);
  return `${early} of 20,000 rows when it opened`;
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
