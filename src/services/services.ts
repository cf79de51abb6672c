import type { ColumnMapping, FileColumns } from "../model/columnMapping";
import type { ContextPolicy, ModelDeclaration } from "../model/modelDeclaration";
import type { ModelInfo, Provider, ScoreArray, ScoreReport, ScoreSeries } from "../model/score";
import type { DatasetInfo, GroupSummary, TrainingStepSummary, TrajectoryRow } from "../model/summary";
import type { Note, Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";
import type { PolicyQuestion, ProviderStatus, ScoreExtras } from "../protocol/inferenceCalls";
import type { QueryResult, RowQuery, SearchSummary, StoreCalls } from "../protocol/storeCalls";
import type { Comparison } from "../signals/compare/fits";
import type { Finding } from "../signals/diagnostics/diagnostic";
import type { Explanation, ParameterValues, SignalResult } from "../signals/signal";
import type { Annotations } from "./annotationsContract";
import type { Generation } from "./generationContract";
import type { ChatBackend, JudgeTemplate, Judging } from "./judgingContract";
import type { RayJobs } from "./rayContract";
import type { Recompute } from "./recomputeContract";
import type { Specifications } from "./specificationsContract";
import type { UserSignalList } from "./userSignals/userSignals";

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
    /** `mappings` hold for this call and later ones; absent, those given before do. */
    options: { readonly watch: boolean; readonly mappings?: readonly ColumnMapping[] },
    task?: Task<{ done: number; total: number; path: string }>,
  ): Promise<{ datasets: readonly DatasetInfo[]; warnings: readonly Note[] }>;
  /** Columns of a file that a mapping could name, with a guess of what they are. */
  columns(path: string): Promise<FileColumns>;
  list(): Promise<readonly DatasetInfo[]>;
  /** One of them, without counting the others. */
  dataset(id: string): Promise<DatasetInfo | undefined>;
  ofFile(path: string): Promise<DatasetInfo | undefined>;
  rows(
    query: RowQuery,
    start: number,
    end: number,
  ): Promise<{ rows: readonly TrajectoryRow[]; total: number }>;
  row(id: string): Promise<TrajectoryRow | undefined>;
  rowAt(path: string, row: number, part?: number): Promise<TrajectoryRow | undefined>;
  trajectory(id: string): Promise<Trajectory>;
  /** Several at once, in the order of the ids: for what works through a whole dataset. */
  trajectories(ids: readonly string[]): Promise<readonly Trajectory[]>;
  groups(
    datasetId: string,
    trainingStep: number | undefined,
    start: number,
    end: number,
  ): Promise<{ groups: readonly GroupSummary[]; total: number }>;
  group(groupId: string): Promise<{ group: GroupSummary; members: readonly TrajectoryRow[] }>;
  trainingSteps(datasetId: string): Promise<readonly TrainingStepSummary[]>;
  /** The file's own tree, else a prefix tree over the group's members. */
  tree(groupId: string): Promise<Tree>;
  query(
    sql: string,
    options?: { readonly limit?: number; readonly timeoutMs?: number; readonly datasetId?: string },
  ): Promise<QueryResult>;
  /** Looks for a text or a regular expression in the steps; hits come as they are found. */
  search(
    params: StoreCalls["search"]["params"],
    task?: Task<StoreCalls["search"]["progress"]>,
  ): Promise<SearchSummary>;
  scores(trajectoryId: string): Promise<readonly ScoreSeries[]>;
  exportParquet(
    datasetIds: readonly string[],
    to: string,
    task?: Task<never>,
  ): Promise<{ path: string; rows: number }>;
  onChange(
    listener: (
      change: { readonly dataset: DatasetInfo; readonly addedRows: number } | { readonly removed: string },
    ) => void,
  ): Unsubscribe;
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
  /** One signal on many trajectories, in their order; reads no file where the rows of the index suffice. */
  computeRows(
    rows: readonly TrajectoryRow[],
    request: SignalRequest,
  ): AsyncIterable<{ readonly row: TrajectoryRow; readonly track: SignalTrack }>;
  explain(trajectoryId: string, request: SignalRequest, index: number): Promise<Explanation | undefined>;
  /** Signals that files of the workspace define, and the files that cannot be used. Empty where it is not trusted. */
  userSignals(): Promise<UserSignalList>;
  /** The tracks to show first for a trajectory: what its format records, and the estimators that its trainer uses. */
  defaults(trajectoryId: string): Promise<readonly SignalRequest[]>;
}

/** How trajectories are scored, beyond which model does it. */
export interface ScoreOptions {
  readonly extras?: ScoreExtras;
  /** Texts longer than the model's context; default: what its declaration says, else refused. */
  readonly longText?: ContextPolicy;
}

/** What a model did with a made-up input: the whole way from loading to a number. */
export interface ModelTest {
  readonly model: ModelInfo;
  readonly provider?: Provider;
  readonly loadSeconds?: number;
  readonly seconds?: number;
  readonly tokens?: number;
  /** Names of what came back: "reward per step", "embeddings [3, 384]". */
  readonly results: readonly string[];
  /** Why nothing came back, one sentence. */
  readonly problem?: string;
}

/** Models and scoring, through the inference process and declared servers. */
export interface Scoring {
  providers(): Promise<readonly ProviderStatus[]>;
  /** Models that the settings declare, and those found by content under the given folders. */
  findModels(roots: readonly string[]): Promise<readonly ModelInfo[]>;
  /** Loads a model and runs it on a small made-up trajectory. Never throws for a model that is merely unusable. */
  test(model: string, provider: Provider | "auto"): Promise<ModelTest>;
  /**
   * Scores trajectories, answers from the cache what it can, and writes the result to the index.
   * @param modelPath path or declared name
   */
  score(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    task?: Task<{ done: number; total: number; provider: Provider; message: string }>,
    options?: ScoreOptions,
  ): Promise<ScoreReport>;
  /** The policy's belief in the ground truth before each step (IGPO); kept like scores. */
  answerBelief(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    template: string,
    task?: Task<{ done: number; total: number; provider: Provider; message: string }>,
  ): Promise<ScoreReport>;
  /** Likelihoods of follow-ups and two-token judgements; kept like scores. */
  ask(
    trajectoryIds: readonly string[],
    modelPath: string,
    provider: Provider | "auto",
    questions: readonly PolicyQuestion[],
    task?: Task<{ done: number; total: number; provider: Provider; message: string }>,
  ): Promise<ScoreReport>;
  /** Tables that models gave for a trajectory: hidden states, embeddings, alternatives. */
  arrays(trajectoryId: string): Promise<readonly ScoreArray[]>;
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

/** One diagnostic over a dataset: how often it spoke, and where it could not be computed. */
export interface DiagnosticSummary {
  readonly id: string;
  readonly title: string;
  readonly scope: "trajectory" | "group" | "dataset";
  readonly findings: number;
  /** Different rows behind the findings. */
  readonly rows: number;
  /** Why it could not be computed, with how many trajectories, groups or datasets that was so. */
  readonly missing: Readonly<Record<string, number>>;
}

export interface DiagnoseRequest {
  readonly datasetId: string;
  /** Diagnostics to run; all when absent. */
  readonly ids?: readonly string[];
  /** Parameters by diagnostic. */
  readonly parameters?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface DiagnoseReport {
  readonly dataset: DatasetInfo;
  readonly trajectories: number;
  readonly seconds: number;
  readonly diagnostics: readonly DiagnosticSummary[];
  /** Of the whole run first, then of groups, then of trajectories; in the file's order within each. */
  readonly findings: readonly Finding[];
}

/** What is wrong with a run, with the rows behind each finding. */
export interface Diagnoses {
  /** @throws Failure for an unknown dataset, diagnostic or parameter */
  diagnose(request: DiagnoseRequest, task?: Task<{ done: number; total: number }>): Promise<DiagnoseReport>;
}

export interface CompareRequest {
  readonly datasetId: string;
  /** Largest difference that still counts as the same: absolute below 1, relative above. Default 1e-5. */
  readonly tolerance?: number;
  /** Rows that do not fit, kept per convention. Default 20. */
  readonly misfits?: number;
}

export interface CompareReport extends Comparison {
  readonly dataset: DatasetInfo;
  readonly trajectories: number;
  readonly seconds: number;
  /** Discount and trace decay that the run's own files name. */
  readonly run: { readonly gamma?: number; readonly lambda?: number };
}

/** Which convention made the advantages that a dataset records. */
export interface Comparisons {
  compare(request: CompareRequest, task?: Task<{ done: number; total: number }>): Promise<CompareReport>;
}

/** Everything the product does, without an editor. The CLI and the extension both stand on it. */
export interface Services {
  readonly datasets: Datasets;
  readonly signals: Signals;
  readonly scoring: Scoring;
  readonly annotations: Annotations;
  readonly recompute: Recompute;
  readonly generation: Generation;
  readonly judging: Judging;
  readonly rayJobs: RayJobs;
  readonly specifications: Specifications;
  readonly diagnoses: Diagnoses;
  readonly comparisons: Comparisons;
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
  /** Files of the user that define signals; undefined where the workspace is not trusted, so that none of them runs. */
  userSignalFiles?(): Promise<readonly string[] | undefined>;
  /** Milliseconds that a user's signal may take for one trajectory; default 5,000. */
  readonly userSignalMs?: number;
  /** Models that the user's settings declare. */
  readonly models?: () => readonly ModelDeclaration[];
  /** Prompts of judges that the settings add or replace. */
  readonly judgeTemplates?: () => readonly JudgeTemplate[];
  /** The key for a server, from where secrets are kept. */
  readonly serverKey?: (declaration: ModelDeclaration) => Promise<string | undefined>;
  /** The editor's own language models. */
  readonly editorModel?: (declaration: ModelDeclaration) => ChatBackend | undefined;
  log?(level: "info" | "warn" | "error", message: string): void;
}
