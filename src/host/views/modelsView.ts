import { dirname } from "node:path";
import * as vscode from "vscode";
import type { ModelInfo } from "../../model/score";
import type { ModelTest } from "../../services/services";
import type { Host } from "../host";
import { kindTitles, modelDomain } from "../scoring/modelChoice";
import { bytes, digits } from "../ui/numbers";
import { settings } from "../ui/settings";

/** An entry of the Models view: a model, or one line about it. */
export type ModelsEntry =
  | { readonly kind: "modelEntry"; readonly model: ModelInfo }
  | { readonly kind: "fact"; readonly label: string; readonly value: string; readonly icon: string }
  | { readonly kind: "problem"; readonly text: string };

/** How long the list of models waits for the first walk through the workspace. */
const PATIENCE_MS = 10_000;

/** Tensors of a key-value cache: two for each layer, which say nothing one by one. */
const CACHE = /^(?:past_key_values|past|present)\b/;

/** Inputs or outputs with those of the cache in one line. */
function withoutCache(tensors: readonly string[]): readonly string[] {
  const cache = tensors.filter((text) => CACHE.test(text));
  const others = tensors.filter((text) => !CACHE.test(text));
  const [first] = cache;
  return first === undefined
    ? others
    : [...others, cache.length === 1 ? first : `key-value cache, ${cache.length} tensors such as ${first}`];
}

/** The Models view: what there is, where it runs, what it takes, what is wrong with it, and how a test run went. */
export class ModelsView implements vscode.TreeDataProvider<ModelsEntry>, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changes.event;
  private readonly tests = new Map<string, ModelTest>();
  private readonly disposables: vscode.Disposable[];

  constructor(private readonly host: Host) {
    this.disposables = [
      host.models.onChange(() => this.changes.fire()),
      host.scoreRuns.onProgress(({ state }) => {
        if (state === "done") this.changes.fire();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.changes.fire()),
    ];
  }

  async getChildren(entry?: ModelsEntry): Promise<ModelsEntry[]> {
    if (entry) return entry.kind === "modelEntry" ? this.facts(entry.model) : [];
    try {
      // Looking into models starts a process; the trajectories come first, unless reading them takes long.
      if (this.host.models.known.length === 0) await this.trajectoriesFirst();
      const models = await this.host.models.list();
      const problems = [settings.declaredModels(), settings.judgeTemplates()]
        .flatMap((read) => read.problems)
        .map((text): ModelsEntry => ({ kind: "problem", text }));
      return [...problems, ...models.map((model): ModelsEntry => ({ kind: "modelEntry", model }))];
    } catch (error) {
      return [{ kind: "problem", text: this.host.failures.note(error, "list the models").message }];
    }
  }

  private async trajectoriesFirst(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
    // What goes wrong there is said in the view of the trajectories.
    await Promise.race([this.host.library.ready().catch(() => undefined), patience]);
    clearTimeout(timer);
  }

  private facts(model: ModelInfo): ModelsEntry[] {
    const fact = (label: string, value: string | undefined, icon: string): ModelsEntry[] =>
      value === undefined || value === "" ? [] : [{ kind: "fact", label, value, icon }];
    const test = this.tests.get(model.path);
    const tried =
      test === undefined
        ? undefined
        : (test.problem ??
          `${test.results.join(", ")}; ${digits(test.seconds ?? 0)} s on ${test.provider ?? "?"}`);
    return [
      ...(model.problem === undefined ? [] : [{ kind: "problem" as const, text: model.problem }]),
      ...fact("Kind", kindTitles[model.kind], "tag"),
      ...fact("Size", model.bytes === 0 ? undefined : bytes(model.bytes), "database"),
      ...fact("Provider", this.providerOf(model), "server-process"),
      ...fact("Test run", tried, test?.problem === undefined ? "pass" : "error"),
      ...fact(
        "Path",
        model.layout === "server" ? undefined : vscode.workspace.asRelativePath(model.path),
        "file",
      ),
      ...fact("Context", model.declaration?.context, "fold"),
      ...withoutCache(model.inputs ?? []).flatMap((text) => fact("Input", text, "arrow-right")),
      ...withoutCache(model.outputs ?? []).flatMap((text) => fact("Output", text, "arrow-left")),
    ];
  }

  private providerOf(model: ModelInfo): string {
    if (model.layout === "server") return model.declaration?.url ?? "the editor";
    const state = this.host.library.started ? this.host.library.services.scoring.state : undefined;
    const used = state?.modelPath === model.path ? state.provider : undefined;
    return used ?? model.declaration?.provider ?? settings.provider();
  }

  getTreeItem(entry: ModelsEntry): vscode.TreeItem {
    if (entry.kind === "problem") {
      const item = new vscode.TreeItem(entry.text);
      item.iconPath = new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
      item.tooltip = entry.text;
      return item;
    }
    if (entry.kind === "fact") {
      const item = new vscode.TreeItem(entry.label);
      item.description = entry.value;
      item.tooltip = entry.value;
      item.iconPath = new vscode.ThemeIcon(entry.icon);
      item.contextValue = "modelFact";
      return item;
    }
    const { model } = entry;
    const item = new vscode.TreeItem(model.name, vscode.TreeItemCollapsibleState.Collapsed);
    const broken = model.problem !== undefined;
    const domain = modelDomain(model);
    const chosen =
      !broken &&
      domain !== undefined &&
      this.host.models.chosenOf(this.host.models.known, domain)?.path === model.path;
    const known = this.host.models.known;
    const namesake = known.some((other) => other.name === model.name && other.path !== model.path);
    item.description = [
      namesake ? vscode.workspace.asRelativePath(dirname(model.path)) : undefined,
      broken ? "cannot be used" : kindTitles[model.kind],
      model.bytes === 0 ? undefined : bytes(model.bytes),
      broken ? undefined : this.providerOf(model),
      chosen ? "chosen" : undefined,
    ]
      .filter((part) => part !== undefined)
      .join("  ");
    item.iconPath = broken
      ? new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"))
      : new vscode.ThemeIcon(chosen ? "pass-filled" : model.layout === "server" ? "remote" : "chip");
    item.tooltip = [
      model.path,
      model.problem,
      chosen
        ? `Scores ${domain === "numeric" ? "control episodes" : "text trajectories"} unless another one is chosen.`
        : undefined,
    ]
      .filter((part) => part !== undefined)
      .join("\n");
    item.contextValue = broken ? "brokenModel" : "usableModel";
    return item;
  }

  /** Runs a model on a made-up input and shows what came back below it. */
  async test(model: ModelInfo): Promise<ModelTest> {
    const test = await vscode.window.withProgress({ location: { viewId: "trajectoryLens.models" } }, () =>
      this.host.library.services.scoring.test(model.path, settings.provider()),
    );
    this.tests.set(model.path, test);
    this.changes.fire();
    return test;
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
    this.changes.dispose();
  }
}
