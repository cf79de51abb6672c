import type { ColumnMapping, FileColumns } from "../model/columnMapping";
import { constants } from "node:fs";
import { access, mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Failure, failureData } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { DatasetInfo, GroupSummary, TrainingStepSummary, TrajectoryRow } from "../model/summary";
import type { ScoreSeries } from "../model/score";
import type { Note, Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";
import type { QueryResult, RowQuery, SearchSummary, StoreCalls, StoreEvents } from "../protocol/storeCalls";
import type { GroupMember } from "../signals/signal";
import { prefixTree } from "../signals/prefixTree";
import { groupMember, signalGroup } from "./groups";
import { Listeners } from "./listeners";
import { compiledCodeIn } from "./processes/childProgram";
import type { CallOptions } from "./processes/pendingCall";
import { Supervisor, type LogLevel } from "./processes/supervisor";
import type { Datasets, ServicesOptions, Task, Unsubscribe } from "./services";

/** Members of a group that a prefix tree is built over at most. */
const PREFIX_TREE_MEMBERS = 256;
/** Automatic restarts of a data process that keeps crashing while it watches; after these it waits for a call. */
const RESTARTS = 5;
const RESTART_WINDOW_MS = 120_000;

type Change = { readonly dataset: DatasetInfo; readonly addedRows: number } | { readonly removed: string };

/** What `putScores` and `cachedScores` add for scoring, besides what everybody sees of the datasets. */
export interface ScoreStore {
  putScores(series: readonly ScoreSeries[], cacheKeys: readonly string[]): Promise<void>;
  cachedScores(cacheKeys: readonly string[]): Promise<readonly (readonly ScoreSeries[] | null)[]>;
}

/** Rows of any Parquet file, for results that other programs write. */
export interface ParquetRows {
  /** Rows [start, end), in the file's order. @throws Failure `unreadable-parquet` */
  parquetRows(path: string, start: number, end: number): Promise<readonly JsonObject[]>;
}

/** Trajectories in one message: enough to ask the index once, few enough to hold. */
const TOGETHER = 64;

/**
 * Datasets through the data process. Every fresh process opens the index first; one that replaces a crashed one also
 * takes up the watched folders again.
 */
export class ProcessDatasets implements Datasets, ScoreStore, ParquetRows {
  private readonly supervisor: Supervisor<StoreCalls>;
  private readonly changes: Listeners<Change>;
  private readonly warnings: Listeners<Note>;
  private readonly watched = new Set<string>();
  private mappings: readonly ColumnMapping[] | undefined;
  private readonly restarts: number[] = [];
  private openedOnce = false;
  private disposed = false;
  private readonly log: (level: LogLevel, message: string) => void;

  constructor(options: ServicesOptions) {
    this.log = options.log ?? (() => undefined);
    this.changes = new Listeners(this.log);
    this.warnings = new Listeners(this.log);
    this.supervisor = new Supervisor<StoreCalls>({
      name: "the data process",
      entry: join(options.distFolder, "store.js"),
      env: compiledCodeIn(options.storageFolder),
      ...(options.nodePath === undefined ? {} : { nodePath: options.nodePath }),
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      keepAlive: () => this.watched.size > 0,
      log: this.log,
      initialise: async (call) => {
        await checkWritable(options.storageFolder);
        const opened = (await call("open", {
          folder: join(options.storageFolder, "index"),
        })) as StoreCalls["open"]["result"];
        if (opened.rebuilt)
          this.log("warn", `the index ${opened.indexPath} could not be used and was made anew.`);
        if (this.openedOnce) this.watchAgain(call);
        this.openedOnce = true;
      },
      onEvent: (name, payload) => this.onEvent(name as keyof StoreEvents, payload),
      onPhase: (phase) => {
        if (phase === "crashed") this.restartForWatching();
      },
    });
  }

  async index(
    paths: readonly string[],
    options: { readonly watch: boolean; readonly mappings?: readonly ColumnMapping[] },
    task?: Task<{ done: number; total: number; path: string }>,
  ): Promise<{ datasets: readonly DatasetInfo[]; warnings: readonly Note[] }> {
    const absolute = paths.map((path) => resolve(path));
    if (options.watch) for (const path of absolute) this.watched.add(path);
    if (options.mappings !== undefined) this.mappings = options.mappings;
    return this.supervisor.call(
      "index",
      {
        paths: absolute,
        watch: options.watch,
        ...(this.mappings === undefined ? {} : { mappings: this.mappings }),
      },
      callOptions(task),
    );
  }

  columns(path: string): Promise<FileColumns> {
    return this.supervisor.call("columns", { path: resolve(path) });
  }

  list(): Promise<readonly DatasetInfo[]> {
    return this.supervisor.call("datasets", {});
  }

  async dataset(id: string): Promise<DatasetInfo | undefined> {
    return (await this.supervisor.call("dataset", { id })) ?? undefined;
  }

  async ofFile(path: string): Promise<DatasetInfo | undefined> {
    return (await this.supervisor.call("datasetOfFile", { path: resolve(path) })) ?? undefined;
  }

  rows(
    query: RowQuery,
    start: number,
    end: number,
  ): Promise<{ rows: readonly TrajectoryRow[]; total: number }> {
    return this.supervisor.call("rows", { query, start, end });
  }

  async row(id: string): Promise<TrajectoryRow | undefined> {
    return (await this.supervisor.call("row", { id })) ?? undefined;
  }

  async rowAt(path: string, row: number, part = 0): Promise<TrajectoryRow | undefined> {
    return (await this.supervisor.call("rowAt", { path: resolve(path), row, part })) ?? undefined;
  }

  trajectory(id: string): Promise<Trajectory> {
    return this.supervisor.call("trajectory", { id });
  }

  async trajectories(ids: readonly string[]): Promise<readonly Trajectory[]> {
    const found: Trajectory[] = [];
    for (let start = 0; start < ids.length; start += TOGETHER)
      found.push(
        ...(await this.supervisor.call("trajectories", { ids: ids.slice(start, start + TOGETHER) })),
      );
    return found;
  }

  groups(
    datasetId: string,
    trainingStep: number | undefined,
    start: number,
    end: number,
  ): Promise<{ groups: readonly GroupSummary[]; total: number }> {
    const step = trainingStep === undefined ? {} : { trainingStep };
    return this.supervisor.call("groups", { datasetId, ...step, start, end });
  }

  group(groupId: string): Promise<{ group: GroupSummary; members: readonly TrajectoryRow[] }> {
    return this.supervisor.call("group", { groupId });
  }

  trainingSteps(datasetId: string): Promise<readonly TrainingStepSummary[]> {
    return this.supervisor.call("trainingSteps", { datasetId });
  }

  async tree(groupId: string): Promise<Tree> {
    const recorded = await this.supervisor.call("tree", { groupId });
    if (recorded) return recorded;
    const { group, members } = await this.group(groupId);
    const used = members.slice(0, PREFIX_TREE_MEMBERS);
    const gathered: GroupMember[] = [];
    for (const row of used) gathered.push(groupMember(row, await this.trajectory(row.id)));
    const title =
      used.length < members.length
        ? `${group.title} (first ${used.length} of ${members.length} rollouts)`
        : group.title;
    return prefixTree(signalGroup(group, gathered), group.datasetId, title);
  }

  query(
    sql: string,
    options: { readonly limit?: number; readonly timeoutMs?: number; readonly datasetId?: string } = {},
  ): Promise<QueryResult> {
    if (sql.trim() === "") {
      return Promise.reject(
        new Failure("bad-sql", "The query is empty.", "Write one SELECT over the views in docs/sql.md."),
      );
    }
    // The store interrupts the statement itself; the supervisor only steps in when that fails.
    const timeoutMs = (options.timeoutMs ?? 30_000) + 15_000;
    return this.supervisor.call("query", { sql, ...options }, { timeoutMs }).catch((error: unknown) => {
      throw oneSentence(error);
    });
  }

  search(
    params: StoreCalls["search"]["params"],
    task?: Task<StoreCalls["search"]["progress"]>,
  ): Promise<SearchSummary> {
    return this.supervisor.call("search", params, { ...callOptions(task), everyProgress: true });
  }

  scores(trajectoryId: string): Promise<readonly ScoreSeries[]> {
    return this.supervisor.call("scores", { trajectoryId });
  }

  async putScores(series: readonly ScoreSeries[], cacheKeys: readonly string[]): Promise<void> {
    await this.supervisor.call("putScores", { series, cacheKeys });
  }

  cachedScores(cacheKeys: readonly string[]): Promise<readonly (readonly ScoreSeries[] | null)[]> {
    return this.supervisor.call("cachedScores", { cacheKeys });
  }

  parquetRows(path: string, start: number, end: number): Promise<readonly JsonObject[]> {
    return this.supervisor.call("parquetRows", { path, start, end });
  }

  exportParquet(
    datasetIds: readonly string[],
    to: string,
    task?: Task<never>,
  ): Promise<{ path: string; rows: number }> {
    return this.supervisor.call("exportParquet", { datasetIds, to: resolve(to) }, callOptions(task));
  }

  onChange(listener: (change: Change) => void): Unsubscribe {
    return this.changes.add(listener);
  }

  onWarning(listener: (note: Note) => void): Unsubscribe {
    return this.warnings.add(listener);
  }

  /** Process id of the data process, while there is one. */
  get pid(): number | undefined {
    return this.supervisor.pid;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    if (this.supervisor.pid !== undefined && this.supervisor.phase !== "starting") {
      await this.supervisor.call("close", {}, { timeoutMs: 5_000 }).catch(() => undefined);
    }
    await this.supervisor.dispose();
  }

  private onEvent(name: keyof StoreEvents, payload: unknown): void {
    switch (name) {
      case "datasetChanged":
        this.changes.tell(payload as StoreEvents["datasetChanged"]);
        return;
      case "datasetRemoved":
        this.changes.tell({ removed: (payload as StoreEvents["datasetRemoved"]).datasetId });
        return;
      case "warning":
        this.warnings.tell(payload as Note);
        return;
    }
  }

  private watchAgain(call: (method: string, params: unknown) => Promise<unknown>): void {
    if (this.watched.size === 0) return;
    // Not awaited: reading on must not wait for the whole walk.
    const mappings = this.mappings === undefined ? {} : { mappings: this.mappings };
    call("index", { paths: [...this.watched], watch: true, ...mappings }).catch((error: unknown) => {
      this.log("error", `The watched folders could not be taken up again: ${failureData(error).message}`);
    });
  }

  private restartForWatching(): void {
    if (this.disposed || this.watched.size === 0) return;
    const now = Date.now();
    while (this.restarts.length > 0 && now - (this.restarts[0] ?? 0) > RESTART_WINDOW_MS)
      this.restarts.shift();
    if (this.restarts.length >= RESTARTS) {
      this.log("error", "the data process keeps ending; folders are watched again when something is opened.");
      return;
    }
    this.restarts.push(now);
    this.supervisor.start().catch((error: unknown) => {
      this.log("error", `the data process could not be started again: ${failureData(error).message}`);
    });
  }
}

/** Makes the folder and those above it, one by one: Node's recursive way never returns on some special file systems. */
async function makeFolder(folder: string): Promise<void> {
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder));
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/** @throws Failure `storage-unusable` */
async function checkWritable(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    await access(folder, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw new Failure(
      "storage-unusable",
      `The folder for the index cannot be written: ${folder}${reason}.`,
      "Choose another storage folder.",
    );
  }
}

/** DuckDB draws the place of a mistake over several lines; a sentence names it: `... at or near "SELEC" (line 1)`. */
function oneSentence(error: unknown): unknown {
  if (!(error instanceof Failure) || !error.message.includes("\n")) return error;
  const line = /\nLINE (\d+):/.exec(error.message)?.[1];
  const [first = error.message] = error.message
    .replace("Failed to extract statements: ", "")
    .split(/\n\s*\n|\nLINE /);
  const text = first.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  return new Failure(error.code, `${text}${line === undefined ? "" : ` (line ${line})`}.`, error.hint);
}

function callOptions<P>(task: Task<P> | undefined): CallOptions<P> {
  if (!task) return {};
  return {
    ...(task.signal === undefined ? {} : { signal: task.signal }),
    ...(task.report === undefined ? {} : { onProgress: (progress: P) => task.report?.(progress) }),
  };
}
