import { stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { Failure } from "../model/failure";
import type { ColumnMapping } from "../model/columnMapping";
import type { DatasetInfo } from "../model/summary";
import type { Note } from "../model/trajectory";
import type { SearchProgress, SearchSummary, StoreCalls, StoreEvents } from "../protocol/storeCalls";
import { setExpansionFolder } from "./containers/compressed";
import { closeIndex, isDamage, openIndex, removeIndex, type IndexDatabase } from "./indexDatabase";
import { Indexer } from "./indexer";
import { IndexWriter } from "./indexWriter";
import { Queries } from "./queries";
import { SLICE_MS, Slices } from "./slices";
import { Scores } from "./scores";
import { search } from "./search";
import { Follower } from "./tail";
import { TrajectoryReader } from "./trajectories";
import { eachInTurns, LARGE_AT_ONCE, LARGE_BYTES, Turns } from "./turns";
import { archiveOf, setUnpackFolder, shownNote, shownPath } from "./unpacked";
import { couldBeData, type FoundFile } from "./walk";
import { WorkerPool } from "./workerPool";

/** Telling of growth more often than this would cost more than it shows. */
const TELL_MS = 300;
/** Files taken in at the same time: what they add in the meantime shares a transaction. */
const FILES_AT_ONCE = 256;
/** The first files are taken in alone until somebody was told of their rows, but for no longer than this. */
const FIRST_FILES = 16;
const FIRST_MS = 1_000;

export type Emit = <K extends keyof StoreEvents>(name: K, payload: StoreEvents[K]) => void;

/** The open index with everything that works on it. */
export class Store {
  private readonly added = new Map<string, number>();
  private readonly lastTold = new Map<string, number>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  /** Called when somebody was told of rows. */
  private readonly onTold = new Set<() => void>();

  private constructor(
    readonly database: IndexDatabase,
    private readonly pool: WorkerPool,
    private readonly emit: Emit,
    readonly queries: Queries,
    readonly trajectories: TrajectoryReader,
    readonly scores: Scores,
    private readonly writer: IndexWriter,
  ) {
    this.indexer = new Indexer(database, writer, pool, {
      changed: (datasetId, addedRows) => this.changed(datasetId, addedRows),
      removed: (datasetId) => emit("datasetRemoved", { datasetId }),
      warning: (note) => emit("warning", shownNote(note)),
    });
    this.follower = new Follower(this.indexer, (note) => emit("warning", note));
  }

  private readonly indexer: Indexer;
  private readonly follower: Follower;

  /** @param workerEntry module that serves summarise jobs as a worker thread; without it all parsing runs here */
  static async open(folder: string, workerEntry: URL | undefined, emit: Emit): Promise<Store> {
    setExpansionFolder(join(folder, "expanded"));
    setUnpackFolder(join(folder, "unpacked"));
    const database = await openIndex(folder);
    try {
      return await Store.over(database, workerEntry, emit);
    } catch (error) {
      // Damage that shows only when the tables are read: the index holds nothing that the files do not.
      if (!isDamage(error)) throw error;
      closeIndex(database);
      removeIndex(database.path);
      return Store.over({ ...(await openIndex(folder)), rebuilt: true }, workerEntry, emit);
    }
  }

  private static async over(
    database: IndexDatabase,
    workerEntry: URL | undefined,
    emit: Emit,
  ): Promise<Store> {
    const writer = await IndexWriter.create(database.writer);
    const pool = new WorkerPool(workerEntry);
    const store = new Store(
      database,
      pool,
      emit,
      new Queries(database.reader, database.instance),
      new TrajectoryReader(database.reader),
      new Scores(writer, database.reader),
      writer,
    );
    await store.indexer.load();
    return store;
  }

  async close(): Promise<void> {
    this.follower.close();
    for (const timer of this.timers.values()) clearTimeout(timer);
    await this.pool.close();
    await this.queries.counter.save(this.writer).catch(() => undefined);
    await this.writer.transaction(async () => undefined).catch(() => undefined);
    closeIndex(this.database);
  }

  async dataset(id: string): Promise<DatasetInfo | null> {
    const entry = this.indexer.datasets.get(id);
    return entry === undefined ? null : this.queries.dataset(entry);
  }

  async datasets(): Promise<DatasetInfo[]> {
    return this.queries.datasets(this.indexer.datasets.values());
  }

  async datasetOfFile(path: string): Promise<DatasetInfo | null> {
    await this.indexer.loadFiles();
    const wanted = resolve(path);
    // Of an archive with several datasets, the one that was found first.
    const file =
      this.indexer.files.get(wanted) ??
      [...this.indexer.files.values()].find((one) => archiveOf(one.path) === wanted);
    const entry = file === undefined ? undefined : this.indexer.datasets.get(file.datasetId);
    return entry === undefined ? null : this.queries.dataset(entry);
  }

  /** Looks for a pattern in the texts of steps; see `StoreCalls.search`. */
  search(
    params: StoreCalls["search"]["params"],
    progress: (progress: SearchProgress) => void,
    signal: AbortSignal,
  ): Promise<SearchSummary> {
    return search(this.database.instance, this.pool, params, progress, signal);
  }

  /** Indexes paths; see `StoreCalls.index`. */
  async index(
    given: readonly string[],
    watch: boolean,
    progress: (progress: { done: number; total: number; path: string }) => void,
    signal: AbortSignal,
    mappings?: readonly ColumnMapping[],
  ): Promise<{ datasets: DatasetInfo[]; warnings: Note[] }> {
    if (mappings !== undefined) this.indexer.useMappings(mappings);
    await this.indexer.loadFiles();
    const paths = given.map((path) => resolve(path));
    const asked = new Set<string>();
    for (const path of paths) {
      try {
        if ((await stat(path)).isFile()) asked.add(path);
      } catch {
        throw new Failure("unknown-path", `There is nothing at ${path}.`, "Check the path.");
      }
    }
    let done = 0;
    let total = 0;
    // Files are taken in while the folders are still being listed: a run of 100,000 files shows its first rows at once.
    const found = this.found(paths, watch);
    let ended = false;
    const large = new Turns(LARGE_AT_ONCE);
    const slices = new Slices(SLICE_MS);
    let looked = 0;
    const seen = new Set<string>();
    let goOn = (): void => undefined;
    const first = new Promise<void>((resolve) => (goOn = resolve));
    this.onTold.add(goOn);
    let timer: NodeJS.Timeout | undefined;
    const work = async (): Promise<void> => {
      for (let taken = 0; !ended; taken++) {
        // The first files alone, until their rows are there: what is done meanwhile would hold them up.
        if (taken > 0) await first;
        await slices.turn();
        const { value: file, done: atEnd } = await found.next();
        if (atEnd === true || file === undefined) {
          ended = true;
          break;
        }
        total++;
        seen.add(file.path);
        timer ??= setTimeout(goOn, FIRST_MS);
        if (signal.aborted)
          throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on where it stopped.");
        const isLarge = file.stats.size > LARGE_BYTES;
        const take = async (): Promise<void> => {
          if (asked.has(file.path) || !this.indexer.isNew(file.path) || couldBeData(file.path)) {
            await this.indexer.refresh(file.path, file.stats, asked.has(file.path), signal);
            await this.indexer.refreshCompanions(file.path, signal);
          }
        };
        await (isLarge ? large.run(take) : take());
        done++;
        if (++looked === FIRST_FILES && this.timers.size === 0) goOn();
        if (done % 50 === 0 || (ended && done === total) || isLarge)
          progress({ done, total, path: file.path });
      }
    };
    const some = (count: number): Promise<unknown> => Promise.all(Array.from({ length: count }, work));
    try {
      await Promise.all([
        some(FIRST_FILES).finally(goOn),
        first.then(() => some(FILES_AT_ONCE - FIRST_FILES)),
      ]);
    } finally {
      clearTimeout(timer);
      this.onTold.delete(goOn);
    }
    // Files of an archive are where the archive is.
    const isUnder = (path: string): boolean =>
      paths.some((root) => {
        const shown = shownPath(path);
        return shown === root || shown.startsWith(root.endsWith(sep) ? root : root + sep);
      });
    await this.indexer.archives.forgetUnder(isUnder);
    await this.forgetMissing(paths, seen);
    this.tellAll();
    if (watch) this.follower.start();
    const ids = new Set(
      [...this.indexer.files.values()].filter((file) => isUnder(file.path)).map((file) => file.datasetId),
    );
    const datasets = await this.queries.datasets(
      [...this.indexer.datasets.values()].filter((entry) => ids.has(entry.datasetId)),
    );
    await this.queries.counter.save(this.writer);
    const loose = this.indexer.leftAlone
      .notes()
      .filter((note) => note.where === undefined || isUnder(note.where));
    return {
      datasets,
      warnings: [...datasets.flatMap((dataset) => dataset.warnings), ...loose.map(shownNote)],
    };
  }

  private async *found(paths: readonly string[], watch: boolean): AsyncGenerator<FoundFile> {
    for (const path of paths) yield* this.follower.files(path, watch);
  }

  /** Forgets files that the index holds under these paths and that are gone from the disk; those just seen are not. */
  private async forgetMissing(paths: readonly string[], seen: ReadonlySet<string>): Promise<void> {
    const unseen = [...this.indexer.files.paths()].filter(
      (path) => !seen.has(path) && paths.some((root) => path === root || path.startsWith(root + sep)),
    );
    await eachInTurns(unseen, FILES_AT_ONCE, async (path) => {
      try {
        await stat(path);
      } catch {
        await this.indexer.refresh(path, undefined, false);
      }
    });
  }

  private changed(datasetId: string, addedRows: number): void {
    this.added.set(datasetId, (this.added.get(datasetId) ?? 0) + addedRows);
    if (this.timers.has(datasetId)) return;
    const wait = (this.lastTold.get(datasetId) ?? Number.NEGATIVE_INFINITY) + TELL_MS - performance.now();
    const timer = setTimeout(() => void this.tell(datasetId), Math.max(0, wait));
    this.timers.set(datasetId, timer);
  }

  private tellAll(): void {
    for (const [datasetId, timer] of this.timers) {
      clearTimeout(timer);
      void this.tell(datasetId);
    }
  }

  private async tell(datasetId: string): Promise<void> {
    this.timers.delete(datasetId);
    const addedRows = this.added.get(datasetId) ?? 0;
    this.added.delete(datasetId);
    const entry = this.indexer.datasets.get(datasetId);
    if (entry === undefined) return;
    try {
      const started = performance.now();
      const dataset = await this.queries.dataset(entry);
      this.emit("datasetChanged", { dataset, addedRows });
      for (const goOn of this.onTold) goOn();
      // Large datasets take longer to count, so they are counted less often.
      this.lastTold.set(datasetId, performance.now() + 10 * (performance.now() - started));
    } catch {
      // The index is being closed.
    }
  }
}
