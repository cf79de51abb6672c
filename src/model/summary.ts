import type { Note } from "./trajectory";

/** What a format tells of one trajectory without keeping its text: one row of the index. */
export interface TrajectorySummary {
  /** Index of the trajectory inside its record, from 0. */
  readonly part: number;
  /** The file's own id for the trajectory, if it has one. */
  readonly ownId?: string;
  /**
   * Key that is equal for the members of one group (the same prompt sampled several times).
   * Absent when the format has no groups. Made unique over the dataset by the store.
   */
  readonly groupKey?: string;
  /** Why the group is a guess, when it is one (e.g. "rows of one training step with the same prompt"). */
  readonly groupGuess?: string;
  readonly trainingStep?: number;
  readonly split?: string;
  /** First 200 characters of the task, on one line, for lists. */
  readonly title: string;
  readonly reward?: number | null;
  readonly success?: boolean | null;
  readonly truncated?: boolean;
  readonly stopReason?: string;
  readonly advantage?: number | null;
  readonly stepCount: number;
  readonly tokenCount?: number;
  /** Characters of the policy's own text, a length that every text format has. */
  readonly responseCharacters?: number;
  readonly components: Readonly<Record<string, number | null>>;
  readonly parentOwnId?: string;
  readonly member?: string;
  /** Numbers per step, where the format records them; fills the `steps` view of the index. */
  readonly steps?: readonly StepSummary[];
}

/** What one step records; absent, null and NaN stay apart. */
export interface StepSummary {
  readonly index: number;
  readonly reward?: number | null;
  readonly value?: number | null;
  readonly advantage?: number | null;
}

/** One row of a list of trajectories, as the index holds it. */
export interface TrajectoryRow extends Omit<TrajectorySummary, "groupKey" | "parentOwnId" | "steps"> {
  readonly id: string;
  readonly datasetId: string;
  readonly path: string;
  readonly row: number;
  readonly groupId?: string;
  /** Position inside the group, from 0, and the group's size. */
  readonly memberIndex?: number;
  readonly groupSize?: number;
}

/** Aggregates of one group. Means skip missing rewards; `rewardCount` says how many were there. */
export interface GroupSummary {
  readonly groupId: string;
  readonly datasetId: string;
  readonly trainingStep?: number;
  readonly title: string;
  readonly size: number;
  readonly rewardCount: number;
  readonly rewardMean?: number;
  /** Sample standard deviation (n-1); absent for fewer than two rewards. */
  readonly rewardStd?: number;
  readonly rewardMin?: number;
  readonly rewardMax?: number;
  /** Members with success true, where the format tells; absent otherwise. */
  readonly successes?: number;
  readonly groupGuess?: string;
}

/** Aggregates of one training step of a dataset. */
export interface TrainingStepSummary {
  readonly datasetId: string;
  readonly trainingStep: number | undefined;
  readonly trajectories: number;
  readonly groups: number;
  readonly rewardMean?: number;
  readonly rewardStd?: number;
  readonly successRate?: number;
  readonly truncatedShare?: number;
  /** Share of groups of two or more whose rewards are all equal: they teach nothing under GRPO. */
  readonly noContrastShare?: number;
  readonly meanResponseCharacters?: number;
  readonly meanTokens?: number;
  readonly meanSteps?: number;
  /** Mean of each component over rows that have it. */
  readonly componentMeans: Readonly<Record<string, number>>;
}

/** A dataset: one file, or a run of shards that belong together. */
export interface DatasetInfo {
  readonly id: string;
  /** Folder or file shown to the user; absolute. */
  readonly path: string;
  readonly name: string;
  readonly format: string;
  readonly formatTitle: string;
  readonly files: number;
  readonly bytes: number;
  readonly trajectories: number;
  readonly steps: number;
  readonly groups: number;
  readonly trainingSteps: number;
  readonly rewardMean?: number;
  /** Names of the numeric component columns met. */
  readonly components: readonly string[];
  /** True when the dataset is grouped into trees by the file itself. */
  readonly nativeTree: boolean;
  readonly numeric: boolean;
  /** Milliseconds since the epoch of the newest file's last change. */
  readonly modifiedMs: number;
  readonly warnings: readonly Note[];
}
