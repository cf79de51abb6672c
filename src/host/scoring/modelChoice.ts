import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { ModelInfo, ModelKind } from "../../model/score";
import { bytes } from "../ui/numbers";
import { settings } from "../ui/settings";
import type { Library } from "../library";

/** Which trajectories a model is for: text of language models, or columns of control episodes. */
export type ModelDomain = "text" | "numeric";

const domains: Readonly<Record<ModelKind, ModelDomain | undefined>> = {
  "process-reward": "text",
  "scalar-reward": "text",
  "policy-lm": "text",
  "policy-discrete": "numeric",
  "policy-gaussian": "numeric",
  value: "numeric",
  "transition-reward": "numeric",
  "preference-pair": "text",
  embedding: "text",
  // A judge answers in words: it has a command of its own.
  judge: undefined,
  encoder: "numeric",
  autoencoder: "numeric",
  "inverse-dynamics": "numeric",
  "dynamics-ensemble": "numeric",
  flow: "numeric",
  "video-reward": "numeric",
  unknown: undefined,
};

/** Names of the kinds as a reader would say them. */
export const kindTitles: Readonly<Record<ModelKind, string>> = {
  "process-reward": "process reward",
  "scalar-reward": "reward",
  "policy-lm": "causal LM",
  "policy-discrete": "policy, discrete actions",
  "policy-gaussian": "policy, continuous actions",
  value: "value",
  "transition-reward": "reward of transitions",
  "preference-pair": "preference pairs",
  embedding: "embedding",
  judge: "judge",
  encoder: "encoder",
  autoencoder: "autoencoder",
  "inverse-dynamics": "inverse dynamics",
  "dynamics-ensemble": "dynamics ensemble",
  flow: "flow network",
  "video-reward": "reward of clips",
  unknown: "unknown kind",
};

/** Rewards first: that is what scoring usually means. */
const kindOrder: readonly ModelKind[] = [
  "process-reward",
  "scalar-reward",
  "policy-lm",
  "value",
  "transition-reward",
  "policy-gaussian",
  "policy-discrete",
  "preference-pair",
  "embedding",
  "video-reward",
  "encoder",
  "autoencoder",
  "inverse-dynamics",
  "dynamics-ensemble",
  "flow",
  "judge",
  "unknown",
];

type ModelItem = vscode.QuickPickItem & { readonly model?: ModelInfo };

export const modelDomain = (model: ModelInfo): ModelDomain | undefined => domains[model.kind];
const usable = (model: ModelInfo): boolean => model.problem === undefined && model.kind !== "unknown";

/** How long a list of models is believed before the folders are looked through again. */
const FRESH_MS = 15_000;

/** Models in the workspace, and the one that the user scores with; remembered per workspace, one for text and one for control. */
export class ModelChoice implements vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onChange = this.changes.event;
  private newest: readonly ModelInfo[] = [];
  private cache: { readonly at: number; readonly models: Promise<readonly ModelInfo[]> } | undefined;

  constructor(
    private readonly library: Library,
    private readonly memory: vscode.Memento,
  ) {}

  /** Models found in the model folders. None in an untrusted workspace: looking into a model loads it. */
  list(): Promise<readonly ModelInfo[]> {
    if (!vscode.workspace.isTrusted) return Promise.resolve([]);
    if (this.cache && Date.now() - this.cache.at < FRESH_MS) return this.cache.models;
    const folders = settings.modelFolders();
    const declared = settings.declaredModels().declarations;
    const models =
      folders.length + declared.length === 0
        ? Promise.resolve([])
        : this.library.services.scoring.findModels(folders);
    this.cache = { at: Date.now(), models };
    models.then(
      (found) => (this.newest = found),
      () => (this.cache = undefined),
    );
    return models;
  }

  /** The newest list, without looking into any folder: what a view can show at once. Empty before the first look. */
  get known(): readonly ModelInfo[] {
    return vscode.workspace.isTrusted ? this.newest : [];
  }

  refresh(): void {
    this.cache = undefined;
    this.changes.fire();
  }

  /** Path of the model chosen for a domain, whether or not it is still there. */
  chosenPath(domain: ModelDomain): string | undefined {
    return this.memory.get<string>(`model.${domain}`);
  }

  /** The chosen model, or the only one that fits. */
  async chosen(domain: ModelDomain): Promise<ModelInfo | undefined> {
    return this.chosenOf(await this.list(), domain);
  }

  /** As {@link chosen}, among the models that are known already. */
  chosenOf(list: readonly ModelInfo[], domain: ModelDomain): ModelInfo | undefined {
    const models = list.filter((model) => usable(model) && modelDomain(model) === domain);
    const path = this.chosenPath(domain);
    return models.find((model) => model.path === path) ?? (models.length === 1 ? models[0] : undefined);
  }

  async choose(model: ModelInfo): Promise<void> {
    const domain = modelDomain(model);
    if (!domain) return;
    await this.memory.update(`model.${domain}`, model.path);
    this.changes.fire();
  }

  /**
   * Lets the user pick a model.
   * @param domain only models that fit these trajectories; undefined = all
   * @param providers asks for the provider, where that choice is offered beside the models
   * @returns undefined when the user gave up
   * @throws Failure when there is no model to choose from
   */
  async pick(
    domain: ModelDomain | undefined,
    providers?: () => Promise<void>,
  ): Promise<ModelInfo | undefined> {
    if (!vscode.workspace.isTrusted) {
      throw new Failure(
        "untrusted",
        "Models are not loaded in a folder that is not trusted.",
        "Trust the folder first (Manage Workspace Trust).",
      );
    }
    const all = await this.list();
    const fitting = all.filter((model) => domain === undefined || modelDomain(model) === domain);
    const folders = settings.modelFolders();
    if (fitting.filter(usable).length === 0) {
      const broken = fitting.find((model) => model.problem !== undefined);
      const where = folders.length === 0 ? "no folder is open" : `in ${folders.join(", ")}`;
      throw broken?.problem !== undefined
        ? new Failure(
            "no-model",
            `The only model found cannot be used: ${broken.problem}`,
            "Export it again, or add another folder in the setting trajectoryLens.modelFolders.",
          )
        : new Failure(
            "no-model",
            `No model that fits ${domain === "numeric" ? "control episodes" : domain === "text" ? "text" : "any trajectory"} was found (${where}).`,
            "Put an .onnx file or a Hugging Face folder with ONNX weights there, or name its folder in the setting trajectoryLens.modelFolders.",
          );
    }
    const current = domain === undefined ? undefined : this.chosenPath(domain);
    const rank = (model: ModelInfo): number =>
      usable(model) ? (model.path === current ? -1 : kindOrder.indexOf(model.kind)) : 99;
    const items: ModelItem[] = [...fitting]
      .sort((a, b) => rank(a) - rank(b))
      .map((model) => ({
        label: `$(chip) ${model.name}`,
        description: `${kindTitles[model.kind]}, ${bytes(model.bytes)}${model.path === current ? " (chosen)" : ""}`,
        detail:
          model.problem === undefined
            ? vscode.workspace.asRelativePath(model.path)
            : `$(warning) ${model.problem}`,
        model,
      }));
    if (providers) {
      items.push({ label: "", kind: vscode.QuickPickItemKind.Separator });
      items.push({
        label: "$(server-process) Execution Provider…",
        description: settings.provider(),
        alwaysShow: true,
      });
    }
    const picked = await vscode.window.showQuickPick(items, {
      title: "Choose Model",
      placeHolder: "Model to score trajectories with",
      matchOnDescription: true,
      matchOnDetail: true,
    });
    if (!picked) return undefined;
    if (!picked.model) {
      await providers?.();
      return undefined;
    }
    if (!usable(picked.model)) {
      throw new Failure(
        "bad-model",
        picked.model.problem ?? `It is not clear what ${picked.model.name} computes.`,
        "Choose another model.",
      );
    }
    await this.choose(picked.model);
    return picked.model;
  }

  /** The model to score with: the chosen one, the only one, or the one that the user picks now. */
  async forScoring(domain: ModelDomain): Promise<ModelInfo | undefined> {
    return (await this.chosen(domain)) ?? (await this.pick(domain));
  }

  dispose(): void {
    this.changes.dispose();
  }
}
