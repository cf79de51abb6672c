import { basename } from "node:path";
import * as vscode from "vscode";
import type { Host } from "../host";

/** The status bar's word on scoring: which model, which provider, and whether it is busy. A click chooses another. */
export class ScoringStatus implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem(
    "trajectoryLens.scoring",
    vscode.StatusBarAlignment.Right,
    90,
  );
  private readonly disposables: vscode.Disposable[] = [];
  private listening = false;

  constructor(private readonly host: Host) {
    this.item.name = "Trajectory Lens Scoring";
    this.item.command = "trajectoryLens.chooseModel";
    this.disposables.push(
      host.models.onChange(() => this.show()),
      host.scoreRuns.onProgress(() => this.show()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.show()),
    );
    this.show();
  }

  private show(): void {
    const { host, item } = this;
    const services = host.library.started ? host.library.services : undefined;
    if (services && !this.listening) {
      this.listening = true;
      this.disposables.push(services.scoring.onStateChange(() => this.show()));
    }
    const state = services?.scoring.state;
    const path = state?.modelPath ?? host.models.chosenPath("text") ?? host.models.chosenPath("numeric");
    const model = path === undefined ? undefined : basename(path).replace(/\.onnx$/, "");
    item.backgroundColor = undefined;
    if (!vscode.workspace.isTrusted) {
      item.text = "$(chip) no models: not trusted";
      item.tooltip = "Models are not loaded in a folder that is not trusted. Reading works.";
    } else if (state?.phase === "crashed") {
      item.text = `$(warning) ${model ?? "scoring"}`;
      item.tooltip =
        state.message ?? "The inference process ended unexpectedly; it starts again with the next scoring.";
      item.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
    } else {
      const busy = state?.phase === "busy" || state?.phase === "starting";
      const where = state?.provider === undefined ? "" : ` · ${state.provider}`;
      item.text = `${busy ? "$(loading~spin)" : "$(chip)"} ${model === undefined ? "Choose model" : `${model}${where}`}`;
      item.tooltip =
        model === undefined
          ? "Trajectory Lens: choose the model that scores trajectories"
          : `Trajectory Lens scores with ${path}${state?.provider === undefined ? "" : `, on ${state.provider}`}. Click to choose another model or provider.`;
    }
    item.accessibilityInformation = {
      label: `Scoring model: ${item.text.replace(/\$\([^)]*\)\s*/g, "")}`,
      role: "button",
    };
    item.show();
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
    this.item.dispose();
  }
}
