import { strict as assert } from "node:assert";
import * as vscode from "vscode";
import { api, closeEditors, controlDataset, inWorkspace } from "./extension";
import { test, until } from "./runner";

const hoverText = async (uri: vscode.Uri, position: vscode.Position): Promise<string> => {
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    "vscode.executeHoverProvider",
    uri,
    position,
  );
  return hovers
    .flatMap(({ contents }) => contents)
    .map((content) => (typeof content === "string" ? content : content.value))
    .join("\n")
    .replaceAll("&nbsp;", " ");
};

const placeOf = (document: vscode.TextDocument, text: string): vscode.Position =>
  document.positionAt(document.getText().indexOf(text) + 1);

test("the example specifications have their languages, an outline and no diagnostics", async () => {
  await api();
  for (const [path, language] of [
    ["control/swing-up.ltlf", "ltlf"],
    ["control/swing-up.rm", "reward-machine"],
    ["reasoning/derivation.ltlf", "ltlf"],
  ] as const) {
    const document = await vscode.workspace.openTextDocument(inWorkspace(path));
    assert.equal(document.languageId, language);
    const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
      "vscode.executeDocumentSymbolProvider",
      document.uri,
    );
    assert.ok(symbols.length >= 2, `${path} has an outline`);
    assert.deepEqual(vscode.languages.getDiagnostics(document.uri), []);
  }
});

test("mistakes in a specification are marked where they are, and propositions are offered", async () => {
  await api();
  const document = await vscode.workspace.openTextDocument({
    language: "ltlf",
    content: "good: F upright\nbad: G (upright &\nfar: F uprigt",
  });
  const found = await until("diagnostics", () => {
    const list = vscode.languages.getDiagnostics(document.uri);
    return list.length === 2 ? list : undefined;
  });
  const unknown = found.find(({ severity }) => severity === vscode.DiagnosticSeverity.Warning);
  assert.equal(document.getText(unknown?.range), "uprigt");
  assert.match(unknown?.message ?? "", /did you mean upright\?/);
  assert.equal(
    found.find(({ severity }) => severity === vscode.DiagnosticSeverity.Error)?.range.start.line,
    1,
  );
  const items = await vscode.commands.executeCommand<vscode.CompletionList>(
    "vscode.executeCompletionItemProvider",
    document.uri,
    new vscode.Position(0, 8),
  );
  const labels = items.items.map(({ label }) => (typeof label === "string" ? label : label.label));
  for (const wanted of ["upright", "calm", "WX", "last"])
    assert.ok(labels.includes(wanted), `${wanted} is offered`);
});

test("hovers say the truth at each step of the open trajectory", async () => {
  const { services, parts } = await api();
  const dataset = await controlDataset();
  const { rows } = await services().datasets.rows({ datasetId: dataset.id, sort: "row" }, 0, 1);
  const [row] = rows;
  assert.ok(row);
  await vscode.commands.executeCommand("trajectoryLens.openTrajectory", { trajectoryId: row.id });
  await until("the trajectory's editor", () => parts.trajectoryEditor.openTrajectoryIds.includes(row.id));
  const trajectory = await services().datasets.trajectory(row.id);
  const column = trajectory.columns?.columns.find(({ role }) => role === "observation");
  assert.ok(column && trajectory.columns);
  let upright = 0;
  for (let t = 0; t < trajectory.columns.steps; t++) if (column.data[t * column.width]! > 0.95) upright++;
  const formulas = await vscode.workspace.openTextDocument(inWorkspace("control/swing-up.ltlf"));
  const text = await hoverText(formulas.uri, placeOf(formulas, "upright\n"));
  assert.match(text, new RegExp(`true at ${upright} of ${trajectory.columns.steps} steps`));
  assert.match(await hoverText(formulas.uri, placeOf(formulas, "balanced:")), /holds|fails/);
  const machine = await vscode.workspace.openTextDocument(inWorkspace("control/swing-up.rm"));
  assert.match(await hoverText(machine.uri, placeOf(machine, "ConstantRewardFunction")), /taken|never taken/);
  const there = await vscode.commands.executeCommand<vscode.Location[]>(
    "vscode.executeDefinitionProvider",
    machine.uri,
    machine.positionAt(machine.getText().indexOf(",1,'upright") + 1),
  );
  assert.equal(there.length, 3);
  await closeEditors();
  return `upright at ${upright} of ${trajectory.columns.steps} steps`;
});
