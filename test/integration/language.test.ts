import { strict as assert } from "node:assert";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { creditFunctions } from "../../src/services/annotations";
import { api, inWorkspace, reasoningDataset } from "./extension";
import { test } from "./runner";

/** Text of hovers that are ours. */
async function hoverText(uri: vscode.Uri, position: vscode.Position): Promise<string> {
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    "vscode.executeHoverProvider",
    uri,
    position,
  );
  return hovers
    .flatMap((hover) =>
      hover.contents.map((content) => (typeof content === "string" ? content : content.value)),
    )
    .join("\n");
}

async function pythonWith(
  kind: "reward" | "advantage",
): Promise<{ uri: vscode.Uri; line: number; name: string }> {
  for (const name of readdirSync(inWorkspace("reasoning")).filter((file) => file.endsWith(".py"))) {
    const uri = vscode.Uri.file(inWorkspace("reasoning", name));
    const document = await vscode.workspace.openTextDocument(uri);
    const found = creditFunctions(uri.fsPath, document.getText()).find(
      (candidate) => candidate.kind === kind,
    );
    if (found) return { uri, line: found.line, name: found.name };
  }
  throw new Error(`no ${kind} function in the reasoning example`);
}

test("hovers on any column of a rollout line", async () => {
  const { services } = await api();
  const dataset = await reasoningDataset();
  const { rows } = await services().datasets.rows({ datasetId: dataset.id, sort: "row" }, 3, 4);
  const row = rows[0];
  assert.ok(row);
  const uri = vscode.Uri.file(row.path);
  const document = await vscode.workspace.openTextDocument(uri);
  assert.equal(document.languageId, "jsonl");
  const end = document.lineAt(row.row).text.length;
  for (const column of [0, Math.floor(end / 2), end]) {
    const text = await hoverText(uri, new vscode.Position(row.row, column));
    assert.match(text, /reward -?\d/);
    assert.match(text, /group -?\d/);
    assert.match(text, /rank \d+ of \d+/);
    assert.match(text, /command:trajectoryLens\.openTrajectory/);
    assert.ok(text.split("\n").filter((line) => line.trim() !== "").length <= 10, "at most ten lines");
  }
  return (
    (await hoverText(uri, new vscode.Position(row.row, 0)))
      .split("\n")[0]
      ?.replaceAll("&nbsp;", "")
      .replaceAll("**", "") ?? ""
  );
});

test("a hover's links can call our commands and nothing else", async () => {
  const dataset = await reasoningDataset();
  const { services } = await api();
  const { rows } = await services().datasets.rows({ datasetId: dataset.id }, 0, 1);
  const path = rows[0]?.path ?? "";
  await vscode.workspace.openTextDocument(path);
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    "vscode.executeHoverProvider",
    vscode.Uri.file(path),
    new vscode.Position(0, 0),
  );
  const ours = hovers
    .flatMap((hover) => hover.contents)
    .filter(
      (content): content is vscode.MarkdownString =>
        typeof content !== "string" && "isTrusted" in content && content.value.includes("trajectoryLens"),
    );
  assert.ok(ours.length > 0);
  for (const content of ours) {
    const trust = content.isTrusted as { readonly enabledCommands?: readonly string[] };
    assert.ok(
      typeof trust === "object" &&
        trust.enabledCommands?.every((command) => command.startsWith("trajectoryLens.")),
    );
    assert.ok(!content.supportHtml);
  }
});

test("hovers on the trainer's reward and advantage functions with what they produced", async () => {
  const { services } = await api();
  const notes: string[] = [];
  for (const kind of ["reward", "advantage"] as const) {
    const { uri, line, name } = await pythonWith(kind);
    const document = await vscode.workspace.openTextDocument(uri);
    const text = await hoverText(
      uri,
      new vscode.Position(line, document.lineAt(line).text.indexOf(name) + 1),
    );
    const script = await services().annotations.script(uri.fsPath, document.getText());
    const note = script?.datasets[0] && (await services().annotations.dataset(script.datasets[0].id));
    assert.ok(note?.rewardMean !== undefined, "the rollouts of the script are indexed");
    assert.match(text, new RegExp(`${kind} function`));
    assert.match(text, /mean reward \*\*/);
    assert.match(text, /Best /);
    assert.match(text, /Worst /);
    assert.ok(text.split("\n").filter((entry) => entry.trim() !== "").length <= 10, "at most ten lines");
    notes.push(
      `${name}: ${
        text
          .split("\n")
          .filter((entry) => entry.includes("mean reward"))[0]
          ?.replaceAll("**", "") ?? ""
      }`,
    );
  }
  return notes.join("; ");
});

test("code lenses carry the newest mean reward and the share without contrast", async () => {
  const { services } = await api();
  const { uri, line } = await pythonWith("reward");
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    "vscode.executeCodeLensProvider",
    uri,
    50,
  );
  const lens = lenses.find(
    (candidate) =>
      candidate.range.start.line === line && candidate.command?.command === "trajectoryLens.openDataset",
  );
  assert.ok(lens?.command, "a code lens above the reward function");
  const document = await vscode.workspace.openTextDocument(uri);
  const script = await services().annotations.script(uri.fsPath, document.getText());
  const note = script?.datasets[0] && (await services().annotations.dataset(script.datasets[0].id));
  assert.ok(note?.rewardMean !== undefined);
  const shown = Number(/mean reward (-?[\d.]+)/.exec(lens.command.title)?.[1]);
  assert.ok(
    Math.abs(shown - note.rewardMean) <= 0.005 * Math.max(1, Math.abs(note.rewardMean)),
    `${lens.command.title} against ${note.rewardMean}`,
  );
  return lens.command.title;
});

test("gives no hover on Python that is not the trainer's", async () => {
  const uri = vscode.Uri.file(join(inWorkspace(), "reasoning", "model.py"));
  await vscode.workspace.openTextDocument(uri);
  assert.equal(await hoverText(uri, new vscode.Position(0, 0)), "");
});
