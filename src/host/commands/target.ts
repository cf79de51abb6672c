import * as v from "valibot";
import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { DatasetInfo, TrajectoryRow } from "../../model/summary";
import type { RowQuery } from "../../protocol/storeCalls";
import { parseLensUri } from "../lensUris";
import { counted } from "../ui/numbers";
import { datasetLabel } from "../views/treeItems";
import { entryQuery, type TreeEntry } from "../views/trajectoryNodes";
import type { CommandParts } from "./command";

const key = v.pipe(v.string(), v.maxLength(512));
const idsSchema = v.object({ trajectoryIds: v.pipe(v.array(key), v.maxLength(1_000_000)) });
const idSchema = v.object({
  trajectoryId: key,
  preview: v.optional(v.boolean()),
  stepIndex: v.optional(v.number()),
});
const kinds = new Set(["dataset", "step", "group", "trajectory", "more", "failure"]);

/** What a command is about. */
export type Target =
  | { readonly kind: "trajectories"; readonly ids: readonly string[] }
  | { readonly kind: "query"; readonly query: RowQuery; readonly label: string }
  | { readonly kind: "file"; readonly uri: vscode.Uri };

export const isEntry = (value: unknown): value is TreeEntry =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  "key" in value &&
  kinds.has(String(value.kind));

/** Arguments of a command as the id of one trajectory, if that is what they are. */
export function trajectoryArgument(value: unknown): v.InferOutput<typeof idSchema> | undefined {
  if (isEntry(value)) return value.kind === "trajectory" ? { trajectoryId: value.row.id } : undefined;
  const parsed = v.safeParse(idSchema, value);
  return parsed.success ? parsed.output : undefined;
}

/**
 * Works out what a command is about from its arguments: entries of the view, files of the explorer, ids from links and
 * views; without arguments the trajectory, table or JSONL line that has the focus.
 */
export async function resolveTarget(
  parts: CommandParts,
  args: readonly unknown[],
): Promise<Target | undefined> {
  const [first, second] = args;
  const many = Array.isArray(second) ? second.filter(isEntry) : [];
  if (isEntry(first)) return entriesTarget(many.length > 1 ? many : [first]);
  if (first instanceof vscode.Uri) return uriTarget(first);
  const ids = v.safeParse(idsSchema, first);
  if (ids.success) return { kind: "trajectories", ids: ids.output.trajectoryIds };
  const one = trajectoryArgument(first);
  if (one) return { kind: "trajectories", ids: [one.trajectoryId] };
  return activeTarget(parts);
}

function entriesTarget(entries: readonly TreeEntry[]): Target | undefined {
  const rows = entries.filter((entry) => entry.kind === "trajectory");
  if (rows.length > 0) return { kind: "trajectories", ids: rows.map((entry) => entry.row.id) };
  const first = entries[0];
  const query = first && entryQuery(first);
  if (!first || !query) return undefined;
  const label =
    first.kind === "dataset"
      ? first.dataset.name
      : first.kind === "group"
        ? first.group.title
        : first.kind === "step"
          ? `step ${first.step.trainingStep ?? ""}`.trim()
          : "";
  return { kind: "query", query, label };
}

function uriTarget(uri: vscode.Uri): Target | undefined {
  const what = parseLensUri(uri);
  switch (what?.kind) {
    case "trajectory":
      return { kind: "trajectories", ids: [what.trajectoryId] };
    case "tree":
      return { kind: "query", query: { groupId: what.groupId }, label: "the tree's group" };
    case "dataset":
      return { kind: "query", query: what.query, label: "the table" };
    case undefined:
      return uri.scheme === "file" ? { kind: "file", uri } : undefined;
  }
}

async function activeTarget({
  host,
  trajectoryEditor,
  datasetEditor,
  treeEditor,
  view,
}: CommandParts): Promise<Target | undefined> {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputCustom) return uriTarget(input.uri);
  const editor = vscode.window.activeTextEditor;
  if (editor && editor.document.languageId === "jsonl" && editor.document.uri.scheme === "file") {
    const row = await rowOfLine(host, editor.document.uri.fsPath, editor.selection.active.line);
    if (row) return { kind: "trajectories", ids: [row.id] };
  }
  if (trajectoryEditor.activeTrajectoryId !== undefined)
    return { kind: "trajectories", ids: [trajectoryEditor.activeTrajectoryId] };
  if (treeEditor.activeGroupId !== undefined)
    return { kind: "query", query: { groupId: treeEditor.activeGroupId }, label: "the tree's group" };
  if (datasetEditor.activeUri) return uriTarget(datasetEditor.activeUri);
  return view.selection.length > 0 ? entriesTarget(view.selection) : undefined;
}

/** The first trajectory on a line of a text file, indexing the file when it is new. */
export async function rowOfLine(
  host: CommandParts["host"],
  path: string,
  line: number,
): Promise<TrajectoryRow | undefined> {
  await host.library.ready();
  await host.library.ofFile(path);
  return host.library.services.datasets.rowAt(path, line);
}

/** The one trajectory that a command is about. @throws Failure when there is none */
export async function oneTrajectory(parts: CommandParts, args: readonly unknown[]): Promise<TrajectoryRow> {
  const target = await resolveTarget(parts, args);
  const { datasets } = parts.host.library.services;
  if (target?.kind === "trajectories" && target.ids[0] !== undefined) {
    await parts.host.library.ready();
    const row = await datasets.row(target.ids[0]);
    if (row) return row;
    throw new Failure(
      "unknown-trajectory",
      `There is no trajectory ${target.ids[0]} in the index.`,
      "Its file was changed or removed; choose one in the Trajectories view.",
    );
  }
  throw new Failure(
    "no-trajectory",
    "No trajectory is selected.",
    "Select one in the Trajectories view, or open one.",
  );
}

/** Lets the user choose among datasets; the only one is taken without asking. Undefined when given up. */
export async function pickDataset(parts: CommandParts, title: string): Promise<DatasetInfo | undefined> {
  const datasets = await parts.host.library.list();
  if (datasets.length === 0) {
    throw new Failure(
      "no-datasets",
      "No trajectories were found in this workspace.",
      "Open a folder that holds rollouts, or add one with Add File or Folder to Index.",
    );
  }
  if (datasets.length === 1) return datasets[0];
  const picked = await vscode.window.showQuickPick(
    datasets.map((dataset) => ({
      label: datasetLabel(dataset),
      description: `${dataset.formatTitle}, ${counted(dataset.trajectories, "trajectory", "trajectories")}`,
      detail: vscode.workspace.asRelativePath(dataset.path),
      dataset,
    })),
    { title, matchOnDescription: true, matchOnDetail: true },
  );
  return picked?.dataset;
}
