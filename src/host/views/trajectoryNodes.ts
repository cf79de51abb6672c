import type { DatasetInfo, GroupSummary, TrainingStepSummary, TrajectoryRow } from "../../model/summary";
import type { RowQuery } from "../../protocol/storeCalls";
import type { LeftOutFile } from "../library";

/** Entries of the Trajectories view. */
export type TreeEntry =
  | DatasetEntry
  | StepEntry
  | GroupEntry
  | TrajectoryEntry
  | MoreEntry
  | FailureEntry
  | WalkEntry
  | LeftOutEntry
  | LeftOutFileEntry;

export interface DatasetEntry {
  readonly kind: "dataset";
  readonly key: string;
  /** As it was told last: VS Code redraws an entry only where it is the same object. */
  dataset: DatasetInfo;
  /** The folder around it, where another dataset has the same name. */
  readonly folder?: string;
}

export interface StepEntry {
  readonly kind: "step";
  readonly key: string;
  readonly dataset: DatasetInfo;
  readonly step: TrainingStepSummary;
}

export interface GroupEntry {
  readonly kind: "group";
  readonly key: string;
  readonly dataset: DatasetInfo;
  readonly group: GroupSummary;
}

export interface TrajectoryEntry {
  readonly kind: "trajectory";
  readonly key: string;
  readonly dataset: DatasetInfo;
  readonly row: TrajectoryRow;
  /** Recorded, or computed under the trainer's convention; absent when there is none. */
  readonly advantage?: { readonly value: number; readonly convention: string };
}

export interface MoreEntry {
  readonly kind: "more";
  readonly key: string;
  /** Key of the entry whose children these are. */
  readonly parentKey: string;
  readonly rest: number;
}

/** A branch that could not be read: says why, the rest is still shown. */
export interface FailureEntry {
  readonly kind: "failure";
  readonly key: string;
  readonly message: string;
  readonly hint: string;
}

/** The walk through the workspace while it goes on, or where it was stopped. */
export interface WalkEntry {
  readonly kind: "walk";
  readonly key: string;
}

/** Files that hold nothing that can be shown, together at the end of the view. */
export interface LeftOutEntry {
  readonly kind: "leftOut";
  readonly key: string;
  readonly files: readonly LeftOutFile[];
}

export interface LeftOutFileEntry {
  readonly kind: "leftOutFile";
  readonly key: string;
  readonly file: LeftOutFile;
}

/** What the reader asked to see; absent = everything. */
export interface TreeFilter {
  readonly text?: string;
  readonly outcome?: "pass" | "fail" | "truncated" | "noContrast";
}

export type TreeSort = "file" | "reward" | "length";

/** The filter as a question to the index. */
export function filterQuery(filter: TreeFilter, sort: TreeSort): RowQuery {
  return {
    ...(filter.text === undefined ? {} : { text: filter.text }),
    ...(filter.outcome === "pass" ? { success: true } : {}),
    ...(filter.outcome === "fail" ? { success: false } : {}),
    ...(filter.outcome === "truncated" ? { truncated: true } : {}),
    ...(filter.outcome === "noContrast" ? { noContrast: true } : {}),
    ...(sort === "reward" ? { sort: "reward" as const, descending: true } : {}),
    ...(sort === "length" ? { sort: "length" as const, descending: true } : {}),
  };
}

export const isFiltered = (filter: TreeFilter): boolean =>
  filter.text !== undefined || filter.outcome !== undefined;

/** Trajectory ids that an entry stands for need a question; this names the question. Undefined = not trajectories. */
export function entryQuery(entry: TreeEntry): RowQuery | undefined {
  switch (entry.kind) {
    case "dataset":
      return { datasetId: entry.dataset.id };
    case "step":
      return {
        datasetId: entry.dataset.id,
        ...(entry.step.trainingStep === undefined ? {} : { trainingStep: entry.step.trainingStep }),
      };
    case "group":
      return { datasetId: entry.dataset.id, groupId: entry.group.groupId };
    default:
      return undefined;
  }
}
