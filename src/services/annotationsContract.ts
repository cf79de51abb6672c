import type { DatasetInfo, GroupSummary, TrajectoryRow } from "../model/summary";
import type { CreditFunction } from "../trainers/trainer";
import type { SignalRequest } from "./services";

/** A reward or advantage function of a source file, and the trainer by whose rules it was recognised. */
export interface CreditFunctionNote extends CreditFunction {
  readonly trainerId: string;
  readonly trainerTitle: string;
}

/** What the newest rollouts of one dataset say about the code that made them. Absent numbers were not recorded. */
export interface DatasetNote {
  readonly dataset: DatasetInfo;
  /** The newest training step; undefined when the dataset has none. */
  readonly trainingStep: number | undefined;
  readonly trajectories: number;
  readonly rewardMean?: number;
  readonly rewardStd?: number;
  /** Share of groups of two or more without contrast at the newest training step. */
  readonly noContrastShare?: number;
  /** Means of up to 20 newest training steps, oldest first; of single trajectories when there are no training steps. */
  readonly series: readonly { readonly label: string; readonly value: number }[];
  readonly seriesOf: "training steps" | "trajectories";
  readonly best?: { readonly id: string; readonly reward: number };
  readonly worst?: { readonly id: string; readonly reward: number };
}

export interface ScriptNote {
  readonly functions: readonly CreditFunctionNote[];
  /** Nearest by path first; empty when nothing that this code could have made is indexed. */
  readonly datasets: readonly DatasetInfo[];
}

/** What a hover on one trajectory's line says. */
export interface RowNote {
  readonly row: TrajectoryRow;
  readonly group?: GroupSummary;
  /** Advantage under the convention of the trainer that writes the format. */
  readonly advantage?: {
    readonly value: number;
    readonly convention: string;
    readonly request: SignalRequest;
  };
  /** Place by reward, from 1 = best; equal rewards share a place. */
  readonly rank?: { readonly place: number; readonly of: number };
}

/** What hovers and code lenses say. Reads the index; starts nothing else. */
export interface Annotations {
  /** Credit functions of a Python source and the datasets near it. Undefined when there are no such functions. */
  script(path: string, source: string): Promise<ScriptNote | undefined>;
  dataset(datasetId: string): Promise<DatasetNote | undefined>;
  /** The trajectories of one record of a file, usually one. */
  record(path: string, row: number): Promise<readonly RowNote[]>;
}
