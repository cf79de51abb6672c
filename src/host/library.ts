import { stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import * as vscode from "vscode";
import type { ColumnMapping } from "../model/columnMapping";
import { Failure } from "../model/failure";
import type { DatasetInfo } from "../model/summary";
import type { Note } from "../model/trajectory";
import type { Services } from "../services/services";
import type { Failures } from "./ui/failures";
import { count, counted } from "./ui/numbers";
import { settings } from "./ui/settings";

/** How long after its last new rows a dataset counts as live. */
const LIVE_MS = 30_000;

/** How long the view waits for a whole workspace before it shows what was found so far. */
const PATIENCE_MS = 400;

/** How often the walk's progress is told, at most. */
const WALK_TOLD_MS = 500;

export type LibraryChange =
  | { readonly kind: "changed"; readonly dataset: DatasetInfo; readonly addedRows: number }
  | { readonly kind: "removed"; readonly datasetId: string }
  /** Something is to be said of files that no dataset was made of. */
  | { readonly kind: "leftOut" }
  /** The walk through the workspace goes on, has ended, or was stopped. */
  | { readonly kind: "walk" }
  | { readonly kind: "all" };

/** How far the walk through the workspace has come: files that were looked at, of those found so far. */
export interface Walk {
  readonly done: number;
  readonly total: number;
  /** The user stopped it there. */
  readonly stopped: boolean;
}

/** A file that no dataset was made of, and why. */
export interface LeftOutFile {
  readonly path: string;
  readonly note: Note;
}

/**
 * What is indexed for this window. The services, and with them the data process, start with the first question, not
 * with the extension.
 */
export class Library implements vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<LibraryChange>();
  /** Fires when datasets appear, grow or go, and with "all" when everything must be asked anew. */
  readonly onChange = this.changes.event;
  private readonly grown = new Map<string, number>();
  private running: Services | undefined;
  private indexing: Promise<void> | undefined;
  /** True once the workspace has been walked for the first time. */
  private walked = false;
  private walkNow: Walk | undefined;
  private walkTold = 0;
  private stopping = new AbortController();
  private readonly timers = new Set<NodeJS.Timeout>();
  /** What was said last of a file that no dataset was made of, by its path. */
  private readonly leftOut = new Map<string, Note>();

  constructor(
    private readonly create: () => Services,
    private readonly log: vscode.LogOutputChannel,
    private readonly failures: Failures,
  ) {}

  /** The services, made on first use. */
  get services(): Services {
    if (this.running) return this.running;
    const services = this.create();
    this.running = services;
    services.datasets.onChange((change) => {
      if ("removed" in change) {
        this.changes.fire({ kind: "removed", datasetId: change.removed });
        return;
      }
      // What the first walk finds is not growing, however young; rows that come later are.
      const young = Date.now() - change.dataset.modifiedMs < LIVE_MS;
      if (this.walked && change.addedRows > 0 && young) this.markLive(change.dataset);
      this.changes.fire({ kind: "changed", dataset: change.dataset, addedRows: change.addedRows });
    });
    services.datasets.onWarning((note) => {
      this.log.warn(note.where ? `${note.message} (${note.where})` : note.message);
      this.noteLeftOut([note]);
    });
    return services;
  }

  get started(): boolean {
    return this.running !== undefined;
  }

  /** True while rows have been arriving within the last half minute. */
  isLive(datasetId: string): boolean {
    return Date.now() - (this.grown.get(datasetId) ?? -Infinity) < LIVE_MS;
  }

  /** How many datasets are growing now. */
  get liveCount(): number {
    return [...this.grown.keys()].filter((id) => this.isLive(id)).length;
  }

  /** The walk while it goes on, and after it was stopped; undefined = all was looked at, or nothing yet. */
  get walk(): Walk | undefined {
    return this.walkNow;
  }

  /** Ends the walk through the workspace; what was read by then stays, and a refresh goes on. */
  stopWalk(): void {
    this.stopping.abort();
  }

  /** Datasets as far as they are known: those found so far while the workspace is walked. */
  async found(): Promise<readonly DatasetInfo[]> {
    const ready = this.ready();
    if (this.walked) {
      await ready;
    } else {
      ready.catch(() => this.changes.fire({ kind: "walk" }));
      // A small workspace comes at once and whole.
      await Promise.race([ready, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    }
    return this.services.datasets.list();
  }

  /** What is known of one thing: at once where it is indexed already, after the walk where it is not. */
  async known<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
    const ready = this.ready();
    if (!this.walked) {
      const found = await ask().catch(() => undefined);
      if (found !== undefined) {
        ready.catch((error: unknown) => this.failures.note(error, "index the workspace"));
        return found;
      }
    }
    await ready;
    return ask();
  }

  /** Indexes the workspace once and follows it; further calls wait for the same run. */
  ready(): Promise<void> {
    this.indexing ??= this.indexRoots();
    return this.indexing;
  }

  /** Files are followed, and read with the mappings of columns that the settings hold now. */
  private indexOptions(): { readonly watch: true; readonly mappings: readonly ColumnMapping[] } {
    const { mappings, problems } = settings.columnMappings();
    for (const problem of problems) this.log.warn(problem);
    return { watch: true, mappings };
  }

  private async indexRoots(): Promise<void> {
    const roots = settings.indexAutomatically() ? settings.indexRoots() : [];
    try {
      if (roots.length > 0) {
        const started = Date.now();
        this.stopping = new AbortController();
        this.walkNow = { done: 0, total: 0, stopped: false };
        const { signal } = this.stopping;
        const result = await vscode.window.withProgress(
          { location: { viewId: "trajectoryLens.trajectories" } },
          () =>
            vscode.window.withProgress(
              { location: vscode.ProgressLocation.Window, title: "Indexing trajectories" },
              (bar) =>
                this.services.datasets.index(roots, this.indexOptions(), {
                  signal,
                  report: ({ done, total }) => {
                    bar.report({ message: `${count(done)} of ${counted(total, "file")} found` });
                    this.tellWalk({ done, total, stopped: false });
                  },
                }),
            ),
        );
        this.walkNow = undefined;
        this.noteLeftOut(result.warnings);
        for (const warning of result.warnings)
          this.log.warn(warning.where ? `${warning.message} (${warning.where})` : warning.message);
        this.log.info(
          `Indexed ${roots.join(", ")} in ${Date.now() - started} ms: ${result.datasets.length} datasets.`,
        );
      }
    } catch (error) {
      if (this.stopping.signal.aborted) {
        this.walkNow = { done: 0, total: 0, ...this.walkNow, stopped: true };
      } else {
        this.walkNow = undefined;
        // The next question tries again.
        this.indexing = undefined;
        throw error;
      }
    } finally {
      this.walked = true;
      void vscode.commands.executeCommand("setContext", "trajectoryLens.indexed", true);
      this.changes.fire({ kind: "walk" });
    }
    await this.publishPaths();
  }

  private tellWalk(walk: Walk): void {
    this.walkNow = walk;
    if (Date.now() - this.walkTold < WALK_TOLD_MS) return;
    this.walkTold = Date.now();
    this.changes.fire({ kind: "walk" });
  }

  /** Datasets, after the workspace has been indexed. */
  async list(): Promise<readonly DatasetInfo[]> {
    await this.ready();
    return this.services.datasets.list();
  }

  dataset(id: string): Promise<DatasetInfo | undefined> {
    return this.services.datasets.dataset(id);
  }

  /**
   * The dataset that holds a file, indexing the file first when it is new.
   * @throws Failure when there are no trajectories in it
   */
  async ofFile(
    path: string,
    report?: (progress: { done: number; total: number; path: string }) => void,
  ): Promise<DatasetInfo> {
    const known = await this.services.datasets.ofFile(path);
    if (known) return known;
    // The first rows of a large file are there long before it is through.
    const early = this.firstRowsOf(path);
    const indexing = this.services.datasets.index([path], this.indexOptions(), report ? { report } : {});
    const result = await Promise.race([indexing, early.rows]).finally(() => early.stop());
    if ("id" in result) {
      indexing.catch((error: unknown) => this.failures.note(error, `read the rest of ${path}`));
      void this.publishPaths();
      return result;
    }
    this.noteLeftOut(result.warnings);
    const found =
      (await this.services.datasets.ofFile(path)) ??
      result.datasets.find((dataset) => dataset.path === resolve(path)) ??
      result.datasets[0];
    if (found) {
      void this.publishPaths();
      return found;
    }
    const unmapped = result.warnings.find((warning) => warning.code === "unmapped-columns");
    if (unmapped !== undefined)
      throw new Failure(
        "unmapped-columns",
        unmapped.message,
        "Run the command Map Columns of a File on it; nothing is read by a guess.",
      );
    const why = result.warnings[0];
    const unknown = why === undefined || why.code === "unknown-format";
    throw new Failure(
      unknown ? "unknown-format" : why.code,
      why?.message ?? `No trajectories were recognised in ${path}.`,
      unknown
        ? "The formats that are recognised are listed in the README; the columns of any other table can be mapped."
        : why.code === "empty-file"
          ? "What is written to it appears here by itself."
          : "",
    );
  }

  /**
   * Files that were looked at and hold nothing that can be shown, with the reason, in the order of their paths.
   * @param limit no more than so many
   */
  async leftOutFiles(limit: number): Promise<readonly LeftOutFile[]> {
    const found: LeftOutFile[] = [];
    const byPath = [...this.leftOut].sort(([one], [other]) => one.localeCompare(other));
    for (const [path, note] of byPath) {
      if (found.length >= limit) break;
      const file = await stat(path).catch(() => undefined);
      // Mended, removed, or part of a run by now.
      if (file?.isFile() !== true || (await this.services.datasets.ofFile(path)) !== undefined)
        this.leftOut.delete(path);
      else found.push({ path, note });
    }
    return found;
  }

  /** The dataset of a file that is being indexed, as soon as it has rows. */
  private firstRowsOf(path: string): { readonly rows: Promise<DatasetInfo>; readonly stop: () => void } {
    let listener: vscode.Disposable | undefined;
    const rows = new Promise<DatasetInfo>((resolve) => {
      listener = this.onChange((change) => {
        if (change.kind !== "changed" || change.addedRows === 0) return;
        this.services.datasets.ofFile(path).then(
          (dataset) => dataset && resolve(dataset),
          // What is wrong is told by the indexing itself.
          () => undefined,
        );
      });
    });
    return { rows, stop: () => listener?.dispose() };
  }

  private noteLeftOut(notes: readonly Note[]): void {
    for (const note of notes) {
      // Whoever opened a file of no known format was told so there; the view names what looks like data.
      if (note.where === undefined || !isAbsolute(note.where) || note.code === "unknown-format") continue;
      this.leftOut.set(note.where, note);
    }
    if (this.walked && notes.length > 0) this.changes.fire({ kind: "leftOut" });
  }

  /** Adds files or folders by the user's own wish. */
  async add(paths: readonly string[]): Promise<readonly DatasetInfo[]> {
    const result = await this.services.datasets.index(paths, this.indexOptions(), {});
    await this.publishPaths();
    this.changes.fire({ kind: "all" });
    return result.datasets;
  }

  /** Everything is asked anew: the workspace is walked again and open views are told. */
  async refresh(): Promise<void> {
    this.indexing = undefined;
    await this.ready();
    this.changes.fire({ kind: "all" });
  }

  /** Ends the processes, lets `clean` remove what they kept, and starts afresh. */
  async restart(clean: () => Promise<void>): Promise<void> {
    const running = this.running;
    this.running = undefined;
    this.indexing = undefined;
    this.walked = false;
    this.grown.clear();
    this.leftOut.clear();
    await running?.dispose();
    await clean();
    this.changes.fire({ kind: "all" });
    await this.ready();
    this.changes.fire({ kind: "all" });
  }

  /** Lets menus in the explorer know which files and folders hold trajectories. */
  private async publishPaths(): Promise<void> {
    const datasets = await this.services.datasets.list();
    const paths = Object.fromEntries(datasets.map((dataset) => [dataset.path, true]));
    await vscode.commands.executeCommand("setContext", "trajectoryLens.datasetPaths", paths);
  }

  private markLive(dataset: DatasetInfo): void {
    this.grown.set(dataset.id, Date.now());
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!this.isLive(dataset.id)) this.changes.fire({ kind: "changed", dataset, addedRows: 0 });
    }, LIVE_MS + 100);
    timer.unref?.();
    this.timers.add(timer);
  }

  dispose(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.changes.dispose();
    void this.running
      ?.dispose()
      .catch((error: unknown) => this.failures.note(error, "end the child processes"));
  }
}
