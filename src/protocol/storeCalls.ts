import type { ColumnMapping, FileColumns } from "../model/columnMapping";
import type { JsonObject } from "../model/json";
import type { ScoreSeries } from "../model/score";
import type { DatasetInfo, GroupSummary, TrainingStepSummary, TrajectoryRow } from "../model/summary";
import type { Note, Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";

export type SortKey = "row" | "reward" | "steps" | "tokens" | "length" | "advantage" | "trainingStep";

/** Which trajectories, in which order. Everything absent = no restriction. */
export interface RowQuery {
  readonly datasetId?: string;
  readonly trainingStep?: number;
  /** Inclusive bounds over training steps, for the brush. */
  readonly trainingStepFrom?: number;
  readonly trainingStepTo?: number;
  readonly groupId?: string;
  /** Substring of the title, case-insensitive. */
  readonly text?: string;
  readonly success?: boolean;
  readonly truncated?: boolean;
  /** Only members of groups of two or more whose rewards are all equal. */
  readonly noContrast?: boolean;
  readonly sort?: SortKey;
  readonly descending?: boolean;
}

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** True when cut at `limit`. */
  readonly truncated: boolean;
}

/** What to look for in the texts of steps. */
export interface SearchPattern {
  readonly pattern: string;
  /** True: a regular expression of RE2 (no backreferences, no look-around), whose time is linear in the text. */
  readonly regex?: boolean;
  readonly matchCase?: boolean;
  readonly wholeWord?: boolean;
}

export type SearchField = "observation" | "thought" | "action" | "toolCalls";

/** One match of a search. */
export interface SearchHit {
  readonly trajectoryId: string;
  readonly datasetId: string;
  readonly path: string;
  readonly row: number;
  readonly title: string;
  readonly trainingStep?: number;
  readonly stepIndex: number;
  readonly role: string;
  /** Text of the step that holds the match; tool calls are taken as `name arguments`, one a line. */
  readonly field: SearchField;
  /** Place of the match in that text, in UTF-16 units. */
  readonly offset: number;
  readonly length: number;
  /** The match with about 60 characters around it, to the ends of words, on one line. */
  readonly snippet: { readonly before: string; readonly match: string; readonly after: string };
}

export interface SearchProgress {
  /** New hits, in the order of the files. */
  readonly hits: readonly SearchHit[];
  readonly searched: number;
  readonly total: number;
}

/** What a finished search has looked through. */
export interface SearchSummary {
  /** Matches in the trajectories looked through, those beyond the hits that were told included. */
  readonly matches: number;
  /** Trajectories with a match. */
  readonly trajectories: number;
  readonly searched: number;
  readonly total: number;
  /** Records that could not be read any more, because their files have changed. */
  readonly unreadable: number;
  /** True when it stopped at the limit before everything was looked through. */
  readonly truncated: boolean;
}

/** Calls that the data process answers. */
export type StoreCalls = {
  /** Opens (or creates) the index in `folder`; a damaged or older index is rebuilt. Must be the first call. */
  open: { params: { folder: string }; result: { indexPath: string; rebuilt: boolean } };
  /**
   * Indexes files and folders (recursively, skipping node_modules, .git, .venv and the like) and, with `watch`,
   * keeps following them. Idempotent and incremental.
   */
  index: {
    params: {
      paths: readonly string[];
      watch: boolean;
      /** Mappings of columns that hold from now on; absent: those of before. */
      mappings?: readonly ColumnMapping[];
    };
    result: { datasets: readonly DatasetInfo[]; warnings: readonly Note[] };
    progress: { done: number; total: number; path: string };
  };
  /** Columns of a file that a mapping could name, with a guess of what they are. */
  columns: { params: { path: string }; result: FileColumns };
  datasets: { params: Record<string, never>; result: readonly DatasetInfo[] };
  dataset: { params: { id: string }; result: DatasetInfo | null };
  /** Datasets that hold the file. */
  datasetOfFile: { params: { path: string }; result: DatasetInfo | null };
  rows: {
    params: { query: RowQuery; start: number; end: number };
    result: { rows: readonly TrajectoryRow[]; total: number };
  };
  row: { params: { id: string }; result: TrajectoryRow | null };
  /** The trajectory at a record of a file (`part` defaults to 0). */
  rowAt: { params: { path: string; row: number; part?: number }; result: TrajectoryRow | null };
  trajectory: { params: { id: string }; result: Trajectory };
  /** Several at once, in the order of the ids, at most 500: for what works through a whole dataset. */
  trajectories: { params: { ids: readonly string[] }; result: readonly Trajectory[] };
  groups: {
    params: { datasetId: string; trainingStep?: number; start: number; end: number };
    result: { groups: readonly GroupSummary[]; total: number };
  };
  group: { params: { groupId: string }; result: { group: GroupSummary; members: readonly TrajectoryRow[] } };
  trainingSteps: { params: { datasetId: string }; result: readonly TrainingStepSummary[] };
  /** The file's own tree of a group, or null when the format has none. */
  tree: { params: { groupId: string }; result: Tree | null };
  /**
   * Read-only SQL over the views `trajectories`, `steps`, `scores`, `groups`, `components`.
   * No writes, no file or network access; stopped after `timeoutMs` (default 30,000).
   */
  query: {
    params: { sql: string; limit?: number; timeoutMs?: number; datasetId?: string };
    result: QueryResult;
  };
  /**
   * Looks for a text or a regular expression in the steps of trajectories; hits come as progress. Stops at `limit` hits
   * (default 1,000); of one trajectory at most `hitsPerTrajectory` (default 10) are told.
   */
  search: {
    params: {
      pattern: SearchPattern;
      datasetId?: string;
      trainingStepFrom?: number;
      trainingStepTo?: number;
      limit?: number;
      hitsPerTrajectory?: number;
    };
    result: SearchSummary;
    progress: SearchProgress;
  };
  putScores: {
    params: { series: readonly ScoreSeries[]; cacheKeys: readonly string[] };
    result: { stored: number };
  };
  scores: { params: { trajectoryId: string }; result: readonly ScoreSeries[] };
  /** Scores already in the index for these cache keys, in the same order; null = not there. */
  cachedScores: {
    params: { cacheKeys: readonly string[] };
    result: readonly (readonly ScoreSeries[] | null)[];
  };
  exportParquet: {
    params: { datasetIds: readonly string[]; to: string };
    result: { path: string; rows: number };
  };
  /** Rows [start, end) of a Parquet file that another program wrote. */
  parquetRows: { params: { path: string; start: number; end: number }; result: readonly JsonObject[] };
  close: { params: Record<string, never>; result: null };
};

/** What the data process tells unasked. */
export type StoreEvents = {
  /** A dataset is new, has grown, or has been rebuilt; `addedRows` counts new trajectories. */
  datasetChanged: { dataset: DatasetInfo; addedRows: number };
  datasetRemoved: { datasetId: string };
  warning: Note;
};
