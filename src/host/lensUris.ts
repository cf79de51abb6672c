import * as vscode from "vscode";
import type { DatasetInfo, TrajectoryRow } from "../model/summary";
import type { RowQuery } from "../protocol/storeCalls";

/** Scheme of the read-only documents that stand for indexed things: trajectories, trees, filtered datasets. */
export const scheme = "trajectory-lens";

export const viewTypes = {
  trajectory: "trajectoryLens.trajectory",
  dataset: "trajectoryLens.dataset",
  tree: "trajectoryLens.tree",
} as const;

/** One path segment out of any text: no separators, no control characters, short enough for a tab. */
function segment(text: string, limit = 60): string {
  // Control characters are what is being removed here.

  const clean = text
    .replace(/[\u0000-\u001f\u007f/\\]+/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/\.+$/, "");
  return clean.length > limit ? `${clean.slice(0, limit - 1).trimEnd()}…` : clean || "untitled";
}

function uri(
  folder: string,
  name: string,
  extension: string,
  parameters: Readonly<Record<string, string | undefined>>,
): vscode.Uri {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value !== undefined) query.set(key, value);
  return vscode.Uri.from({
    scheme,
    path: `/${segment(folder)}/${segment(name)}.${extension}`,
    query: query.toString(),
  });
}

/** Address of one trajectory's editor. */
export function trajectoryUri(row: TrajectoryRow, datasetName: string): vscode.Uri {
  const step = row.trainingStep === undefined ? "" : `, step ${row.trainingStep}`;
  const member = row.memberIndex !== undefined && (row.groupSize ?? 1) > 1 ? ` #${row.memberIndex}` : "";
  return uri(`${datasetName}${step}`, `${segment(row.title, 40)}${member}`, "trajectory", { id: row.id });
}

/** Address of a group's branching tree. */
export function treeUri(title: string, groupId: string, selected?: string): vscode.Uri {
  return uri("tree", title, "trajectory-tree", { group: groupId, selected });
}

/**
 * Address of a dataset's table that is not one file, or that is filtered from the start.
 * @param label what a group is called on its tab
 */
export function datasetUri(dataset: DatasetInfo, query: RowQuery = {}, label?: string): vscode.Uri {
  const step = query.trainingStep === undefined ? undefined : `step ${query.trainingStep}`;
  const group = query.groupId === undefined ? undefined : label === undefined ? "group" : `group ${label}`;
  // A group's tab says which group; the dataset is in the path above it.
  const name = group ?? [dataset.name, step].filter((part) => part !== undefined).join(", ");
  return uri(dataset.name, name, "trajectory-dataset", {
    dataset: dataset.id,
    group: query.groupId,
    step: query.trainingStep === undefined ? undefined : String(query.trainingStep),
  });
}

export type LensDocument =
  | { readonly kind: "trajectory"; readonly trajectoryId: string }
  | { readonly kind: "tree"; readonly groupId: string; readonly selected: string | undefined }
  | { readonly kind: "dataset"; readonly datasetId: string; readonly query: RowQuery };

/** What an address of our scheme stands for; undefined when it was not made here. */
export function parseLensUri(address: vscode.Uri): LensDocument | undefined {
  if (address.scheme !== scheme) return undefined;
  const query = new URLSearchParams(address.query);
  const id = query.get("id");
  if (address.path.endsWith(".trajectory") && id) return { kind: "trajectory", trajectoryId: id };
  const group = query.get("group");
  if (address.path.endsWith(".trajectory-tree") && group) {
    return { kind: "tree", groupId: group, selected: query.get("selected") ?? undefined };
  }
  const dataset = query.get("dataset");
  if (address.path.endsWith(".trajectory-dataset") && dataset) {
    const step = query.get("step");
    return {
      kind: "dataset",
      datasetId: dataset,
      query: {
        datasetId: dataset,
        ...(group ? { groupId: group } : {}),
        ...(step !== null && Number.isInteger(Number(step)) ? { trainingStep: Number(step) } : {}),
      },
    };
  }
  return undefined;
}
