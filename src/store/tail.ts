import { watch, type FSWatcher, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Note } from "../model/trajectory";
import type { Indexer } from "./indexer";
import { LinkedFolders } from "./linkedFolders";
import { eachInTurns, LARGE_AT_ONCE, LARGE_BYTES, Turns } from "./turns";
import { couldBeData, isCandidate, walk, type FoundFile } from "./walk";

/** Poll at least this often: growth has to show within 2 s, also where the system tells nothing (NFS). */
const POLL_MS = 1_000;
/** When asking for sizes and times takes long, it takes at most this share of the time. */
const POLL_SHARE = 0.05;
const LONGEST_POLL_MS = 30_000;
/** Reading files again because of their companions takes at most about this share of the time. */
const COMPANION_SHARE = 0.1;
/** Files that have not changed for this long are looked at every tenth round. */
const QUIET_MS = 10 * 60_000;
const QUIET_ROUNDS = 10;
const WATCHED_FOLDERS = 500;
/** What the system tells within this time is looked at together. */
const TOLD_MS = 50;
/** A folder changed this recently may change again within the clock's grain, so it is listed again. */
const GRAIN_MS = 2_000;
/** Times asked for at the same time: one after another would wait for the disk, or for this thread, each time. */
const ASKED_AT_ONCE = 64;
/** Files taken in or forgotten at the same time: what they change in the meantime shares a transaction. */
const FILES_AT_ONCE = 256;

/**
 * Follows folders and files: new, grown, rewritten and removed ones reach the index. The system's own watcher gives
 * speed where it works; polling sizes and times gives certainty everywhere.
 */
export class Follower {
  private readonly folders = new Map<string, number>();
  private readonly watchers = new Map<string, FSWatcher>();
  private readonly lastChange = new Map<string, { mtimeMs: number; size: number }>();
  private readonly told = new Set<string>();
  private toldTimer: NodeJS.Timeout | undefined;
  private timer: NodeJS.Timeout | undefined;
  private round = 0;
  private running = false;
  private again = false;
  private closed = false;
  /** How long the last round waited for sizes and times. */
  private askingMs = 0;
  private readingCompanions = false;
  private companionsAfter = 0;
  private following = false;
  private readonly links = new LinkedFolders();
  private readonly large = new Turns(LARGE_AT_ONCE);

  constructor(
    private readonly indexer: Indexer,
    private readonly onProblem: (note: Note) => void,
  ) {}

  /** The files under a path that may hold data, as they are found; remembers the folders when they are to be followed. */
  files(path: string, follow: boolean, newFoldersAlone = false): AsyncGenerator<FoundFile> {
    if (!newFoldersAlone) this.links.addRoot(path);
    return walk(path, {
      follow: (link: string) => this.links.enters(link),
      ...(newFoldersAlone ? { enter: (folder: string) => !this.folders.has(folder) } : {}),
      problem: (where: string, error: unknown) => {
        this.onProblem({
          code: "unreadable-path",
          message: `${where} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
          where,
        });
      },
      folder: (folder: string, mtimeMs: number) => {
        if (follow) this.folders.set(folder, Date.now() - mtimeMs < GRAIN_MS ? -1 : mtimeMs);
      },
    });
  }

  /** Starts following what was listed so far; idempotent. */
  start(): void {
    this.following = true;
    this.watchFolders();
    this.schedule(POLL_MS);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.toldTimer);
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  private schedule(ms: number): void {
    if (this.closed || !this.following) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.poll(), ms);
    this.timer.unref();
  }

  /** Watches the folders that hold data, so that most changes are seen at once. */
  private watchFolders(): void {
    const wanted = new Set<string>();
    for (const path of this.indexer.files.paths()) {
      wanted.add(dirname(path));
      if (wanted.size >= WATCHED_FOLDERS) break;
    }
    for (const [folder, watcher] of this.watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, (_event, name) => this.hear(folder, name));
        watcher.on("error", () => {
          watcher.close();
          this.watchers.delete(folder);
        });
        this.watchers.set(folder, watcher);
      } catch {
        // No watcher to be had (too many, or a file system without): polling sees it.
      }
    }
  }

  /** The system tells of one name in a folder: that file alone is looked at, however many others there are. */
  private hear(folder: string, name: string | null): void {
    if (name === null) {
      this.schedule(TOLD_MS);
      return;
    }
    this.told.add(join(folder, name));
    this.toldTimer ??= setTimeout(() => void this.lookAtTold(), TOLD_MS);
  }

  private async lookAtTold(): Promise<void> {
    this.toldTimer = undefined;
    const paths = [...this.told];
    this.told.clear();
    await eachInTurns(paths, FILES_AT_ONCE, async (path) => {
      if (this.closed) return;
      this.indexer.companions.touched(path);
      let stats;
      try {
        stats = await stat(path);
      } catch {
        this.lastChange.delete(path);
        await this.refresh(path, undefined);
        return;
      }
      // A new folder: the next round lists the one around it.
      if (stats.isDirectory()) this.schedule(TOLD_MS);
      if (!stats.isFile() || !isCandidate(basename(path))) return;
      // Beside a file that was followed alone, others are none of ours.
      if (this.indexer.isNew(path) && (!this.folders.has(dirname(path)) || !couldBeData(path))) return;
      this.lastChange.set(path, { mtimeMs: stats.mtimeMs, size: stats.size });
      await this.refresh(path, stats);
    });
    if (this.closed) return;
    this.watchFolders();
    void this.followCompanions();
  }

  /** Reads files again whose companions have come, changed or gone, without holding up the others. */
  private async followCompanions(): Promise<void> {
    if (this.readingCompanions || performance.now() < this.companionsAfter) return;
    this.readingCompanions = true;
    const started = performance.now();
    try {
      for (const due of this.indexer.companions.due()) {
        if (this.closed) return;
        if ("path" in due)
          await this.indexer
            .refreshCompanions(due.path)
            .catch((error: unknown) => this.fail(due.path, error));
        else
          await this.indexer
            .refreshUnknown(due.folder)
            .catch((error: unknown) => this.fail(due.folder, error));
      }
    } finally {
      this.readingCompanions = false;
      // A table that all episodes of a run share grows with each: reading them again must not be all that is done.
      this.companionsAfter = performance.now() + (performance.now() - started) / COMPANION_SHARE;
    }
  }

  private async poll(): Promise<void> {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    this.askingMs = 0;
    try {
      this.round++;
      await this.pollFolders();
      this.pollCompanions();
      await this.pollFiles();
      if (this.closed) return;
      this.watchFolders();
      void this.followCompanions();
    } catch (error) {
      this.onProblem({
        code: "follow-failed",
        message: `Following the folders stumbled: ${error instanceof Error ? error.message : String(error)}.`,
      });
    } finally {
      this.running = false;
      // Reading what has changed is no reason to look later for what changes next.
      const wait = Math.min(LONGEST_POLL_MS, Math.max(POLL_MS, this.askingMs / POLL_SHARE));
      this.schedule(this.again ? TOLD_MS : wait);
      this.again = false;
    }
  }

  /** Sizes and times of files and folders; undefined for what is not there. */
  private async *statsOf(paths: readonly string[]): AsyncGenerator<readonly [string, Stats | undefined]> {
    for (let start = 0; start < paths.length; start += ASKED_AT_ONCE) {
      const asked = performance.now();
      const some = await Promise.all(
        paths
          .slice(start, start + ASKED_AT_ONCE)
          .map(async (path) => [path, await stat(path).catch(() => undefined)] as const),
      );
      this.askingMs += performance.now() - asked;
      yield* some;
    }
  }

  private async pollFolders(): Promise<void> {
    for await (const [folder, stats] of this.statsOf([...this.folders.keys()])) {
      if (this.closed) return;
      if (stats === undefined) {
        this.folders.delete(folder);
        continue;
      }
      if (stats.mtimeMs === this.folders.get(folder)) continue;
      this.indexer.companions.touchedFolder(folder);
      // Lists the folder and what is new below it; known folders below have their own turn.
      await eachInTurns(this.files(folder, true, true), FILES_AT_ONCE, async ({ path, stats: found }) => {
        if (this.indexer.isNew(path) && couldBeData(path)) await this.refresh(path, found);
      });
    }
  }

  /** Folders of companions that were not walked: those around a file that is followed alone. */
  private pollCompanions(): void {
    for (const folder of this.indexer.companions.folders)
      if (!this.folders.has(folder) && this.indexer.companions.hasChanged(folder))
        this.indexer.companions.touchedFolder(folder);
  }

  private async pollFiles(): Promise<void> {
    const now = Date.now();
    const isDue = (path: string): boolean => {
      const last = this.lastChange.get(path);
      return last === undefined || now - last.mtimeMs <= QUIET_MS || this.round % QUIET_ROUNDS === 0;
    };
    const asked = this.statsOf(this.indexer.followedFiles().filter(isDue));
    await eachInTurns(asked, FILES_AT_ONCE, async ([path, stats]) => {
      if (this.closed) return;
      const last = this.lastChange.get(path);
      if (stats === undefined) {
        this.lastChange.delete(path);
        await this.refresh(path, undefined);
        return;
      }
      if (last !== undefined && (last.mtimeMs !== stats.mtimeMs || last.size !== stats.size))
        this.indexer.companions.touched(path);
      this.lastChange.set(path, { mtimeMs: stats.mtimeMs, size: stats.size });
      await this.refresh(path, stats);
    });
  }

  private async refresh(path: string, stats: Stats | undefined): Promise<void> {
    const look = (): Promise<void> => this.indexer.refresh(path, stats, false);
    const isLarge = stats !== undefined && stats.size > LARGE_BYTES;
    await (isLarge ? this.large.run(look) : look()).catch((error: unknown) => this.fail(path, error));
  }

  private fail(path: string, error: unknown): void {
    this.onProblem({
      code: "follow-failed",
      message: `${path} could not be read anew: ${error instanceof Error ? error.message : String(error)}.`,
      where: path,
    });
  }
}
