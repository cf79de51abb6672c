import { strict as assert } from "node:assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import * as vscode from "vscode";
import { parseDeclarations } from "../../src/services/modelRegistry";
import { api, closeEditors, inWorkspace } from "./extension";
import { test, until } from "./runner";

interface ModelSchema {
  readonly properties: Readonly<
    Record<string, { readonly type?: string; readonly enum?: readonly string[] }>
  >;
}

function modelSchema(): ModelSchema {
  const { contributes } = vscode.extensions.getExtension("trajectory-lens.trajectory-lens")?.packageJSON as {
    contributes: {
      configuration: { properties: Record<string, { items?: ModelSchema }> }[];
    };
  };
  const found = [contributes.configuration]
    .flat()
    .map(({ properties }) => properties["trajectoryLens.models"]?.items)
    .find((items) => items !== undefined);
  assert.ok(found);
  return found;
}

/** The workspace's settings file with other text in it, while `work` looks at it. */
async function withSettings<T>(
  text: string,
  work: (document: vscode.TextDocument) => Promise<T>,
): Promise<T> {
  const path = inWorkspace(".vscode/settings.json");
  const before = existsSync(path) ? readFileSync(path) : undefined;
  writeFileSync(path, text);
  try {
    const document = await vscode.workspace.openTextDocument(path);
    await vscode.window.showTextDocument(document);
    await until("the file as it was written", () => document.getText() === text);
    return await work(document);
  } finally {
    await closeEditors();
    if (before) writeFileSync(path, before);
  }
}

const settingsText = (models: readonly unknown[]): string =>
  JSON.stringify({ "trajectoryLens.models": models }, undefined, 2);

/** Texts that were looked at: each begins one line further down, so that no answer is taken for that of another text. */
let looked = 0;

/** What the editor's own JSON support says about a list of models, once it has said something. */
async function complaints(models: readonly unknown[]): Promise<readonly string[]> {
  // A mistake that is always there tells when the file has been looked at.
  const marked = { "trajectoryLens.view.pageSize": "many", "trajectoryLens.models": models };
  const line = ++looked + 1;
  return withSettings("\n".repeat(looked) + JSON.stringify(marked, undefined, 2), async (document) => {
    const found = await until("the file to be looked at", () => {
      const list = vscode.languages.getDiagnostics(document.uri);
      return list.some(({ range }) => range.start.line === line) ? list : undefined;
    });
    return found.filter(({ range }) => range.start.line !== line).map(({ message }) => message);
  });
}

const labelsAt = async (document: vscode.TextDocument, after: string): Promise<readonly string[]> => {
  const position = document.positionAt(document.getText().indexOf(after) + after.length);
  const list = await vscode.commands.executeCommand<vscode.CompletionList>(
    "vscode.executeCompletionItemProvider",
    document.uri,
    position,
  );
  return list.items.map(({ label }) => (typeof label === "string" ? label : label.label).replaceAll('"', ""));
};

test("settings: the editor offers every kind, interface and policy of a declared model, and whole entries", async () => {
  await api();
  const { properties } = modelSchema();
  for (const field of ["kind", "api", "context", "activation", "pooling", "provider", "stepMarks"]) {
    const wanted = properties[field]?.enum ?? [];
    assert.ok(wanted.length > 1, field);
    await withSettings(settingsText([{ path: "models/policy", [field]: "" }]), async (document) => {
      const labels = await until(`completions of ${field}`, async () => {
        const found = await labelsAt(document, `"${field}": "`);
        // Words of the file are offered before the schema is read.
        return found.includes(wanted[0]!) ? found : undefined;
      });
      for (const value of wanted)
        assert.ok(labels.includes(value), `${field} offers ${value}: ${labels.join(", ")}`);
    });
  }
  return withSettings('{\n  "trajectoryLens.models": [\n    \n  ]\n}\n', async (document) => {
    const labels = await until("completions of an entry", async () => {
      const found = await labelsAt(document, "[\n    ");
      return found.includes("Local model") ? found : undefined;
    });
    for (const entry of ["Local model", "Policy on a server", "Judge of the editor"])
      assert.ok(labels.includes(entry), labels.join(", "));
    return labels.join(", ");
  });
});

test("settings: what the editor marks as wrong in a declared model is what the extension leaves out, and nothing else", async () => {
  await api();
  const { properties } = modelSchema();
  const kinds = properties["kind"]?.enum ?? [];
  const right = [
    ...kinds.filter((kind) => kind !== "judge").map((kind) => ({ path: `models/${kind}`, kind })),
    ...kinds.map((kind) => ({ url: "http://localhost:8000/v1", kind })),
    { api: "vscode", kind: "judge", model: "gpt" },
    { api: "vscode" },
    {
      path: "models/policy",
      context: "slide",
      contextLength: 4096,
      provider: "cpu",
      ignoreMemory: true,
      generation: { count: 8, temperature: 0.7, topP: 0.9, maxNewTokens: 64, stop: ["\n\n"], seed: 1 },
    },
    {
      path: "models/prm",
      kind: "process-reward",
      stepLabels: ["+", "-"],
      stepSeparator: "\n",
      stepMarks: "token",
    },
    { path: "models/embed", kind: "embedding", pooling: "cls", normalise: true },
    { url: "http://localhost:1/v1", kind: "judge", pricePerMillion: { input: 0.1, output: 0.4 } },
  ];
  assert.deepEqual(parseDeclarations(right).problems, []);
  assert.deepEqual(await complaints(right), []);
  const wrong = [
    { path: "x", kind: "reward-model" },
    { kind: "value" },
    { url: "http://localhost:8000/v1" },
    { api: "vscode", kind: "value" },
    { path: "x", url: "http://localhost:8000/v1", kind: "policy-lm" },
    { path: "x", colour: "blue" },
    { path: "x", context: "cut quietly" },
    { path: "x", contextLength: 0 },
    { path: "x", stepLabels: ["+"] },
    { path: "x", generation: { topP: 0 } },
    { path: "x", generation: { temperature: -1 } },
    { url: "http://localhost:1/v1", kind: "judge", pricePerMillion: { input: 1 } },
    { path: "x", ignoreMemory: "yes" },
  ];
  const said: string[] = [];
  for (const entry of wrong) {
    const name = JSON.stringify(entry);
    const { problems } = parseDeclarations([entry]);
    assert.equal(problems.length, 1, name);
    assert.match(problems[0] ?? "", /^trajectoryLens\.models\[0\].* cannot be used: [^\n]+\.$/, name);
    const marked = await complaints([entry]);
    assert.ok(marked.length > 0, `${name} is marked in the editor`);
    said.push(`${name}: ${marked[0] ?? ""}`);
  }
  return said.join("; ");
});
