import { basename } from "node:path";
import * as vscode from "vscode";
import { mappingOfFormatId } from "../../model/columnMapping";
import { shownText } from "../ui/credentialMask";
import { bytes, count, counted, digits, percent, recorded, signedDigits } from "../ui/numbers";
import type { Walk } from "../library";
import type {
  DatasetEntry,
  GroupEntry,
  StepEntry,
  TrajectoryEntry,
  TreeEntry,
  WalkEntry,
} from "./trajectoryNodes";

const joined = (parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== "").join("  ");
const { Collapsed, None } = vscode.TreeItemCollapsibleState;

/** Characters of a title, so that the numbers behind it still fit into a narrow side bar; the tooltip has all of it. */
const LABEL = 40;
const shortLabel = (title: string): string =>
  title.length <= LABEL ? title : `${title.slice(0, LABEL - 1).trimEnd()}…`;

/**
 * How the view draws an entry.
 * @param live the entry is a dataset that still grows
 */
export function treeItem(entry: Exclude<TreeEntry, WalkEntry>, live: boolean): vscode.TreeItem {
  const item = draw(entry, live);
  item.id = entry.key;
  if (typeof item.label === "string") item.label = shownText(item.label);
  if (typeof item.description === "string") item.description = shownText(item.description);
  if (typeof item.tooltip === "string") item.tooltip = shownText(item.tooltip);
  if (item.accessibilityInformation !== undefined)
    item.accessibilityInformation = { label: shownText(item.accessibilityInformation.label) };
  return item;
}

/** How far the walk through the workspace is; a click on one that was stopped goes on with it. */
export function walkItem(walk: Walk | undefined): vscode.TreeItem {
  const stopped = walk?.stopped === true;
  const item = new vscode.TreeItem(stopped ? "indexing stopped" : "indexing", None);
  item.id = "walk";
  item.description =
    walk === undefined || walk.total === 0
      ? ""
      : `${count(walk.done)} of ${counted(walk.total, "file")} found${stopped ? "; click to go on" : ""}`;
  item.iconPath = new vscode.ThemeIcon(stopped ? "debug-pause" : "loading~spin");
  item.contextValue = stopped ? "walkStopped" : "walk";
  item.tooltip = stopped
    ? "The rest of the workspace has not been looked at. Refresh goes on."
    : "Rows appear while they are read; what is shown can be opened already";
  if (stopped) item.command = { command: "trajectoryLens.refresh", title: "Refresh Trajectories" };
  return item;
}

function draw(entry: Exclude<TreeEntry, WalkEntry>, live: boolean): vscode.TreeItem {
  switch (entry.kind) {
    case "dataset":
      return datasetItem(entry, live);
    case "step":
      return stepItem(entry);
    case "group":
      return groupItem(entry);
    case "trajectory":
      return trajectoryItem(entry);
    case "more": {
      const item = new vscode.TreeItem(`${count(entry.rest)} more…`, None);
      item.command = { command: "trajectoryLens.showMore", title: "Show More", arguments: [entry] };
      item.iconPath = new vscode.ThemeIcon("ellipsis");
      item.contextValue = "more";
      return item;
    }
    case "leftOut": {
      const item = new vscode.TreeItem("not read", Collapsed);
      item.description = counted(entry.files.length, "file");
      item.iconPath = new vscode.ThemeIcon("circle-slash");
      item.tooltip = "Files that look like data and hold nothing that can be shown, each with the reason";
      item.contextValue = "leftOut";
      return item;
    }
    case "leftOutFile": {
      const { path, note } = entry.file;
      const item = new vscode.TreeItem(basename(path), None);
      // The sentence goes on from the name.
      item.description = [path, basename(path)].reduce(
        (text, name) => (text.startsWith(`${name} `) ? text.slice(name.length + 1) : text),
        note.message,
      );
      item.tooltip = lines([path, note.message]);
      item.iconPath =
        note.code === "unmapped-columns"
          ? new vscode.ThemeIcon("table")
          : new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
      item.contextValue = "leftOutFile";
      item.command = {
        command: "trajectoryLens.openDataset",
        title: "Open as Trajectories",
        arguments: [vscode.Uri.file(path)],
      };
      return item;
    }
    case "failure": {
      const item = new vscode.TreeItem(entry.message, None);
      item.iconPath = new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
      item.tooltip = `${entry.message} ${entry.hint}`;
      item.contextValue = "failure";
      return item;
    }
  }
}

/** A dataset's name; files of generated branches are named by a hash that tells nobody anything. */
export const datasetLabel = ({ format, name }: DatasetEntry["dataset"]): string =>
  format === "generated-branches" ? "generated branches" : name;

/** A format in a word; what branches are their name says, and a mapping's id would list its columns. */
function shortFormat(format: string): string | undefined {
  if (format === "generated-branches") return undefined;
  return mappingOfFormatId(format) === undefined ? format : "mapped";
}

function datasetItem({ dataset, folder }: DatasetEntry, live: boolean): vscode.TreeItem {
  const item = new vscode.TreeItem(datasetLabel(dataset), Collapsed);
  const perStep =
    dataset.trainingSteps > 0 ? Math.round(dataset.trajectories / dataset.trainingSteps) : undefined;
  const noun = dataset.numeric ? "episode" : "trajectory";
  const size =
    dataset.trainingSteps > 1
      ? `${counted(dataset.trainingSteps, "step")} × ${count(perStep ?? 0)}`
      : counted(dataset.trajectories, noun, dataset.numeric ? "episodes" : "trajectories");
  const reward =
    dataset.rewardMean === undefined
      ? undefined
      : `${dataset.numeric ? "return" : "mean"} ${digits(dataset.rewardMean)}`;
  item.description = joined([
    folder,
    shortFormat(dataset.format),
    size,
    dataset.trainingSteps > 1 ? undefined : reward,
    live ? "live" : undefined,
    dataset.warnings.length > 0 ? counted(dataset.warnings.length, "warning") : undefined,
  ]);
  item.iconPath = new vscode.ThemeIcon(
    live ? "sync~spin" : dataset.warnings.length > 0 ? "warning" : "database",
  );
  item.contextValue = "dataset";
  item.tooltip = lines([
    dataset.path,
    // The size of a file is known when it is through.
    [
      dataset.formatTitle,
      counted(dataset.files, "file"),
      dataset.bytes === 0 ? undefined : bytes(dataset.bytes),
    ]
      .filter((part) => part !== undefined)
      .join(", "),
    [
      counted(dataset.trajectories, "trajectory", "trajectories"),
      dataset.steps === 0 ? "no steps recorded" : counted(dataset.steps, "step"),
      dataset.groups === 0 ? undefined : counted(dataset.groups, "group"),
    ]
      .filter((part) => part !== undefined)
      .join(", "),
    ...dataset.warnings.slice(0, 5).map((note) => note.message),
  ]);
  return item;
}

function stepItem({ step }: StepEntry): vscode.TreeItem {
  const item = new vscode.TreeItem(
    step.trainingStep === undefined ? "no training step" : `step ${step.trainingStep}`,
    Collapsed,
  );
  item.description = joined([
    step.rewardMean === undefined ? "no rewards" : `mean ${digits(step.rewardMean)}`,
    step.noContrastShare === undefined ? undefined : `${percent(step.noContrastShare)} no contrast`,
    step.truncatedShare !== undefined && step.truncatedShare > 0
      ? `${percent(step.truncatedShare)} truncated`
      : undefined,
  ]);
  item.iconPath = new vscode.ThemeIcon("milestone");
  item.contextValue = "step";
  item.tooltip = lines([
    `${counted(step.trajectories, "trajectory", "trajectories")} in ${counted(step.groups, "group")}`,
    step.rewardMean === undefined
      ? undefined
      : `reward ${digits(step.rewardMean)}${step.rewardStd === undefined ? "" : ` ± ${digits(step.rewardStd)} (n-1)`}`,
    step.successRate === undefined ? undefined : `success ${percent(step.successRate)}`,
    step.noContrastShare === undefined
      ? undefined
      : `${percent(step.noContrastShare)} of the groups have equal rewards and teach nothing under GRPO`,
  ]);
  return item;
}

function groupItem({ group, dataset }: GroupEntry): vscode.TreeItem {
  const item = new vscode.TreeItem(shortLabel(group.title) || "untitled", Collapsed);
  const outcome =
    group.successes !== undefined
      ? `${group.successes}/${group.size}`
      : group.rewardMean === undefined
        ? "no rewards"
        : `mean ${digits(group.rewardMean)}`;
  const contrast = group.rewardCount > 1 && group.rewardMin === group.rewardMax;
  item.description = joined([
    outcome,
    contrast
      ? "no contrast"
      : group.rewardStd === undefined
        ? undefined
        : `std ${digits(group.rewardStd)} (n-1)`,
  ]);
  item.iconPath = new vscode.ThemeIcon(contrast ? "circle-slash" : "layers");
  item.contextValue = dataset.numeric ? "group" : "group+tree";
  item.tooltip = lines([
    group.title,
    [
      counted(group.size, "rollout"),
      group.successes === undefined ? undefined : `${group.successes} passed`,
      `${group.rewardCount} with a reward`,
    ]
      .filter((part) => part !== undefined)
      .join(", "),
    group.rewardMean === undefined
      ? undefined
      : `reward ${digits(group.rewardMean)}${group.rewardStd === undefined ? "" : ` ± ${digits(group.rewardStd)} (n-1)`}, from ${recorded(group.rewardMin) ?? "?"} to ${recorded(group.rewardMax) ?? "?"}`,
    contrast ? "All rewards are equal: this group teaches nothing under GRPO." : undefined,
    group.groupGuess === undefined ? undefined : `The group is a guess: ${group.groupGuess}.`,
  ]);
  return item;
}

function trajectoryItem({ row, dataset, advantage }: TrajectoryEntry): vscode.TreeItem {
  const inGroup = row.memberIndex !== undefined && (row.groupSize ?? 1) > 1;
  const item = new vscode.TreeItem(
    inGroup ? `#${row.memberIndex}` : shortLabel(row.title) || row.ownId || `#${row.row}`,
    None,
  );
  const word = row.success === true ? "pass" : row.success === false ? "fail" : undefined;
  // Some files keep the outcome of an episode and not its steps.
  const steps = row.stepCount === 0 ? undefined : counted(row.stepCount, "step");
  item.description = joined([
    [word, recorded(row.reward)].filter((part) => part !== undefined).join(" ") || "no reward",
    advantage === undefined ? undefined : signedDigits(advantage.value),
    steps,
    row.truncated === true ? "truncated" : undefined,
  ]);
  const icon =
    row.success === true
      ? "pass"
      : row.success === false
        ? "error"
        : dataset.numeric
          ? "graph-line"
          : "circle-outline";
  const colour = row.success === true ? "charts.green" : row.success === false ? "charts.red" : undefined;
  item.iconPath =
    colour === undefined
      ? new vscode.ThemeIcon(icon)
      : new vscode.ThemeIcon(icon, new vscode.ThemeColor(colour));
  item.contextValue = inGroup ? "trajectory+group" : "trajectory";
  item.command = {
    command: "trajectoryLens.openTrajectory",
    title: "Open Trajectory",
    arguments: [{ trajectoryId: row.id, preview: true }],
  };
  item.accessibilityInformation = { label: `${item.label as string}, ${item.description}` };
  item.tooltip = lines([
    row.title,
    `reward ${row.reward === undefined ? "not recorded" : (recorded(row.reward) ?? "")}${typeof row.reward === "number" ? ` (${row.reward})` : ""}`,
    advantage === undefined
      ? undefined
      : `advantage ${signedDigits(advantage.value)}, ${advantage.convention}`,
    ...Object.entries(row.components)
      .slice(0, 8)
      .map(([name, value]) => `${name} ${recorded(value) ?? ""}`),
    [steps, row.tokenCount === undefined ? undefined : counted(row.tokenCount, "token"), row.stopReason]
      .filter((part) => part !== undefined)
      .join(", "),
    row.groupGuess === undefined ? undefined : `The group is a guess: ${row.groupGuess}.`,
  ]);
  return item;
}

/** A tooltip of plain lines: what files say is shown as text, never as Markdown. */
const lines = (parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== "").join("\n");
