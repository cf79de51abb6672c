import * as vscode from "vscode";
import type { DatasetNote } from "../../services/annotationsContract";
import type { Host } from "../host";
import { count, digits, percent } from "../ui/numbers";
import { settings } from "../ui/settings";
import { sparklinePicture } from "./sparkline";
import { commandLink, trustedMarkdown } from "./markdown";
import type { TrainerNotes } from "./trainerNotes";

/** On the trainer's reward and advantage functions: what they have produced lately. */
export class TrainerHovers implements vscode.HoverProvider {
  constructor(
    private readonly host: Host,
    private readonly notes: TrainerNotes,
  ) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    if (!settings.hovers()) return undefined;
    try {
      const found = await this.notes.of(document);
      const credit = found?.functions.find((candidate) => candidate.line === position.line);
      if (!found || !credit || token.isCancellationRequested) return undefined;
      const text = trustedMarkdown();
      text.appendMarkdown(`**${credit.kind} function** of ${credit.trainerTitle}`);
      if (found.note) appendNote(text, found.note);
      else text.appendMarkdown("\n\nNo rollouts of it were found near this file yet.");
      return new vscode.Hover(text, document.lineAt(position.line).range);
    } catch (error) {
      this.host.failures.note(error, `hover on ${document.uri.fsPath}:${position.line + 1}`);
      return undefined;
    }
  }
}

function appendNote(text: vscode.MarkdownString, note: DatasetNote): void {
  const { series, dataset } = note;
  const first = series[0];
  const last = series.at(-1);
  if (series.length > 1 && first && last) {
    text.appendMarkdown(`\n\n${sparklinePicture(series.map((entry) => entry.value))}`);
    text.appendMarkdown(
      `\n\n${digits(first.value)} → ${digits(last.value)} over ${series.length} ${note.seriesOf}`,
    );
  }
  const now = [
    note.rewardMean === undefined
      ? "no rewards recorded"
      : `mean reward **${digits(note.rewardMean)}**${note.rewardStd === undefined ? "" : ` ± ${digits(note.rewardStd)}`}`,
    note.noContrastShare === undefined
      ? undefined
      : `**${percent(note.noContrastShare)}** of groups without contrast`,
    `${count(note.trajectories)} trajectories`,
    note.trainingStep === undefined ? undefined : `step ${note.trainingStep}`,
  ].filter((part) => part !== undefined);
  text.appendMarkdown(`\n\n${now.join(" · ")}`);
  const links = [
    commandLink("Open dataset", "openDataset", { datasetId: dataset.id }, "Open the table of its rollouts"),
  ];
  if (note.best)
    links.push(
      commandLink(
        `Best ${digits(note.best.reward)}`,
        "openTrajectory",
        { trajectoryId: note.best.id },
        "Open the best rollout of the newest step",
      ),
    );
  if (note.worst)
    links.push(
      commandLink(
        `Worst ${digits(note.worst.reward)}`,
        "openTrajectory",
        { trajectoryId: note.worst.id },
        "Open the worst rollout of the newest step",
      ),
    );
  text.appendMarkdown(`\n\n${links.join(" | ")}`);
}
