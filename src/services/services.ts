import type { ModelInfo, Provider, ScoreReport, ScoreSeries } from "../model/score";
import type { DatasetInfo, GroupSummary, TrainingStepSummary, TrajectoryRow } from "../model/summary";
import type { Note, Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";
import type { ProviderStatus } from "../protocol/inferenceCalls";
import type { QueryResult, RowQuery } from "../protocol/storeCalls";
import type { Explanation, ParameterValues, SignalResult } from "../signals/signal";

/** Told while something runs; `cancelled` turns true when the user gave up. */
export interface Task<P> {
  report?(progress: P): void;
  readonly signal?: AbortSignal;
}

export interface Unsubscribe {
  dispose(): void;
}

/** Trajectories on disk, through the data process. */
export interface Datasets {
  index(
    paths: readonly string[],
    options: { readonly watch: boolean },
    task?: Task<{ done: number; total: number; path: string }>,
  ): Promise<{ datasets: readonly DatasetInfo[]; warnings: readonly Note[] }>;
  list(): Promise<readonly DatasetInfo[]>;
  ofFile(path: string): Promise<DatasetInfo | undefined>;
  rows(query: RowQuery, start: number, end: number): Promise<{ rows: readonly TrajectoryRow[]; total: number }>;
  row(id: string): Promise<TrajectoryRow | undefined>;
  rowAt(path: string, row: number, part?: number): Promise<TrajectoryRow | undefined>;
  trajectory(id: string): Promise<Trajectory>;
  groups(datasetId: string, trainingStep: number | undefined, start: number, end: number): Promise<{ groups: readonly GroupSummary[]; total: number }>;
  group(groupId: string): Promise<{ group: GroupSummary; members: readonly TrajectoryRow[] }>;
  trainingSteps(datasetId: string): Promise<readonly TrainingStepSummary[]>;
  /** The file's own tree, else a prefix tree over the group's members. */
  tree(groupId: string): Promise<Tree>;
  query(sql: string, options?: { readonly limit?: number; readonly timeoutMs?: number; readonly datasetId?: string }): Promise<QueryResult>;
  scores(trajectoryId: string): Promise<readonly ScoreSeries[]>;
  exportParquet(datasetIds: readonly string[], to: string): Promise<{ path: string; rows: number }>;
  onChange(listener: (change: { readonly dataset: DatasetInfo; readonly addedRows: number } | { readonly removed: string }) => void): Unsubscribe;
  onWarning(listener: (note: Note) => void): Unsubscribe;
}

/** One signal applied to one trajectory, ready to show. */
export interface SignalTrack {
  readonly signalId: string;
  readonly title: string;
  readonly presetId: string | undefined;
  /** "verl GRPO · std n-1, eps 1e-6" */
  readonly convention: string;
  readonly parameters: ParameterValues;
  readonly unit: string;
  readonly signed: boolean;
  readonly result: SignalResult;
}

export interface SignalRequest {
  readonly signalId: string;
  readonly presetId?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** Credit: the signals of the catalogue applied to indexed trajectories, with the group, tree and scores they need. */
export interface Signals {
  compute(trajectoryId: string, request: SignalRequest): Promise<SignalTrack>;
  explain(trajectoryId: string, request: SignalRequest, index: number): Promise<Explanation | undefined>;
  /** The tracks to show first for a trajectory: what its format records, and the estimators that its trainer uses. */
  defaults(trajectoryId: string): Promise<readonly SignalRequest[]>;
}

/** Models and scoring, through the inference process. */
export interface Scoring {
  providers(): Promise<readonly ProviderStatus[]>;
  /** Models under the given folders, found by content. */
  findModels(roots: readonly string[]): Promise<readonly ModelInfo[]>;
  /** Scores trajectories, answers from the cache what it can, and writes the result to the index. */
  score(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    task?: Task<{ done: number; total: number; provider: Provider; message: string }>,
  ): Promise<ScoreReport>;
  /** State of the inference process for the status item. */
  readonly state: ScoringState;
  onStateChange(listener: (state: ScoringState) => void): Unsubscribe;
}

export interface ScoringState {
  readonly phase: "idle" | "starting" | "busy" | "crashed";
  readonly provider?: Provider;
  readonly modelPath?: string;
  readonly message?: string;
}

/** Everything the product does, without an editor. The CLI and the extension both stand on it. */
export interface Services {
  readonly datasets: Datasets;
  readonly signals: Signals;
  readonly scoring: Scoring;
  dispose(): Promise<void>;
}

export interface ServicesOptions {
  /** Folder for the index and caches; never inside the user's workspace. */
  readonly storageFolder: string;
  /** Folder that holds `store.js` and `inference.js` (the built child processes). */
  readonly distFolder: string;
  /** Program that runs the children; default `process.execPath`. */
  readonly nodePath?: string;
  /** Milliseconds of idleness after which a child is ended; default 120,000. */
  readonly idleMs?: number;
  log?(level: "info" | "warn" | "error", message: string): void;
}
