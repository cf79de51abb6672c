import * as vscode from "vscode";
import type { RowNote } from "../../services/annotationsContract";
import type { Host } from "../host";
import { digits, recorded, signedDigits } from "../ui/numbers";
import { settings } from "../ui/settings";
import { commandLink, trustedMarkdown } from "./markdown";

/** Trajectories of one record that a hover lists; a packed sequence or a tree holds many. */
const LISTED = 4;

/** On any column of a rollout line: its reward, its group, its advantage, its rank, and where to go. */
export class RewardHovers implements vscode.HoverProvider {
  constructor(private readonly host: Host) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    if (!settings.hovers() || document.uri.scheme !== "file") return undefined;
    try {
      const notes = await this.notes(document.uri.fsPath, position.line);
      if (token.isCancellationRequested || notes.length === 0) return undefined;
      const text = trustedMarkdown();
      for (const [index, note] of notes.slice(0, LISTED).entries()) {
        if (index > 0) text.appendMarkdown("\n\n---\n\n");
        appendNote(text, note);
      }
      if (notes.length > LISTED)
        text.appendMarkdown(`\n\n${notes.length - LISTED} more trajectories on this line`);
      const line = document.lineAt(position.line).range;
      return new vscode.Hover(text, line);
    } catch (error) {
      // A hover that fails must not interrupt reading; the log has the reason.
      this.host.failures.note(error, `hover on ${document.uri.fsPath}:${position.line + 1}`);
      return undefined;
    }
  }

  private async notes(path: string, line: number): Promise<readonly RowNote[]> {
    const { library } = this.host;
    const known = await library.services.datasets.ofFile(path);
    if (!known) await library.ready();
    return library.services.annotations.record(path, line);
  }
}

function appendNote(text: vscode.MarkdownString, { row, group, advantage, rank }: RowNote): void {
  const reward = row.reward === undefined ? "not recorded" : recorded(row.reward);
  const parts = [`**reward ${reward}**`];
  if (group?.rewardMean !== undefined) {
    const spread = group.rewardStd === undefined ? "" : ` ± ${digits(group.rewardStd)}`;
    parts.push(`group ${digits(group.rewardMean)}${spread} (${group.size})`);
  }
  if (advantage)
    parts.push(
      `**advantage ${signedDigits(advantage.value)}** ${advantage.request.signalId.toUpperCase()} · ${advantage.convention}`,
    );
  if (rank && rank.of > 1) parts.push(`rank ${rank.place} of ${rank.of}`);
  text.appendMarkdown(parts.join(" &nbsp; "));
  const components = Object.entries(row.components).slice(0, 6);
  if (components.length > 0) {
    text.appendMarkdown("\n\n");
    text.appendText(components.map(([name, value]) => `${name} ${recorded(value) ?? ""}`).join("   "));
  }
  const facts = [
    row.trainingStep === undefined ? undefined : `step ${row.trainingStep}`,
    row.memberIndex === undefined ? undefined : `#${row.memberIndex} of ${row.groupSize ?? "?"}`,
    row.truncated === true ? "truncated" : undefined,
    group?.groupGuess === undefined ? undefined : `group guessed: ${group.groupGuess}`,
  ].filter((fact) => fact !== undefined);
  if (facts.length > 0) {
    text.appendMarkdown("\n\n");
    text.appendText(facts.join(", "));
  }
  const links = [commandLink("Open", "openTrajectory", { trajectoryId: row.id }, "Open this trajectory")];
  if (vscode.workspace.isTrusted)
    links.push(
      commandLink(
        "Score",
        "scoreTrajectory",
        { trajectoryId: row.id },
        "Score it with a model on this machine",
      ),
    );
  if (row.groupId !== undefined && (row.groupSize ?? 1) > 1) {
    links.push(
      commandLink(
        "Compare",
        "openGroup",
        { trajectoryId: row.id },
        "See it beside the other rollouts of its group",
      ),
    );
    links.push(
      commandLink("Tree", "openTree", { trajectoryId: row.id }, "Where the rollouts of the group part"),
    );
  }
  text.appendMarkdown(`\n\n${links.join(" | ")}`);
}
