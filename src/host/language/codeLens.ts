import * as vscode from "vscode";
import type { DatasetNote } from "../../services/annotationsContract";
import type { Host } from "../host";
import { digits, percent } from "../ui/numbers";
import { settings } from "../ui/settings";
import type { TrainerNotes } from "./trainerNotes";

/** Above the trainer's reward and advantage functions: mean reward and the share of groups that teach nothing. */
export class TrainerCodeLens implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.changes.event;
  private readonly disposables: vscode.Disposable[];

  constructor(
    private readonly host: Host,
    private readonly notes: TrainerNotes,
  ) {
    this.disposables = [
      notes.onChange(() => this.changes.fire()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (settings.affects(event, "codeLens")) this.changes.fire();
      }),
    ];
  }

  async provideCodeLenses(
    document: vscode.TextDocument,
    token: vscode.CancellationToken,
  ): Promise<vscode.CodeLens[]> {
    if (!settings.codeLens()) return [];
    try {
      const found = await this.notes.of(document);
      if (!found?.note || token.isCancellationRequested) return [];
      const { note } = found;
      const title = lensTitle(note);
      return found.functions.flatMap(({ kind, line, name }) => {
        const range = new vscode.Range(line, 0, line, 0);
        const newest = new vscode.CodeLens(range, {
          title,
          tooltip: `Newest rollouts of ${note.dataset.name}: open them`,
          command: "trajectoryLens.openDataset",
          arguments: [{ datasetId: note.dataset.id }],
        });
        if (kind !== "reward" || !vscode.workspace.isTrusted) return [newest];
        const recompute = new vscode.CodeLens(range, {
          title: "recompute",
          tooltip:
            "Run this function over the newest rollouts, in your own interpreter, and show what changes",
          command: "trajectoryLens.recomputeRewards",
          arguments: [{ path: document.uri.fsPath, functionName: name }],
        });
        return [newest, recompute];
      });
    } catch (error) {
      this.host.failures.note(error, `show code lenses in ${document.uri.fsPath}`);
      return [];
    }
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
    this.changes.dispose();
  }
}

/** "mean reward 0.61 · 9% of groups without contrast · step 40". */
function lensTitle(note: DatasetNote): string {
  return [
    note.rewardMean === undefined ? "no rewards recorded" : `mean reward ${digits(note.rewardMean)}`,
    note.noContrastShare === undefined
      ? undefined
      : `${percent(note.noContrastShare)} of groups without contrast`,
    note.trainingStep === undefined ? note.dataset.name : `step ${note.trainingStep}`,
  ]
    .filter((part) => part !== undefined)
    .join(" · ");
}
