import { statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Format } from "../formats/format";
import { companionNames } from "./containers/companions";
import { CLOCK_GRAIN_MS } from "./reading";

/**
 * Remembers which files' rows were made of other files as well (a result, a table of tasks), so that those are read again when
 * a companion comes, changes or goes. Folders are remembered, not companions: one that is missing may have many names.
 */
export class CompanionWatch {
  /** Files with companions, by the folders in which these lie or would lie. */
  private readonly files = new Map<string, Map<string, Format>>();
  private readonly folderTimes = new Map<string, number>();
  private readonly touchedFiles = new Set<string>();
  private readonly touchedFolders = new Set<string>();

  /** From now on a file is looked after. */
  note(path: string, format: Format): void {
    if (format.companions === undefined && format.plainCompanions === undefined) return;
    for (const folder of foldersOf(path, format)) {
      const files = this.files.get(folder) ?? new Map<string, Format>();
      if (files.size === 0) this.files.set(folder, files);
      files.set(path, format);
      if (!this.folderTimes.has(folder)) this.folderTimes.set(folder, timeOf(folder));
    }
  }

  forget(path: string): void {
    const format = this.files.get(dirname(path))?.get(path);
    if (format === undefined) return;
    for (const folder of foldersOf(path, format)) {
      const files = this.files.get(folder);
      if (files?.delete(path) !== true || files.size > 0) continue;
      this.files.delete(folder);
      this.folderTimes.delete(folder);
    }
  }

  /** Folders in which companions lie or would lie. */
  get folders(): Iterable<string> {
    return this.files.keys();
  }

  /** A file has come, changed or gone. */
  touched(path: string): void {
    this.touchedFiles.add(path);
  }

  /** Names in a folder have come or gone. */
  touchedFolder(folder: string): void {
    this.touchedFolders.add(folder);
  }

  /**
   * What is to be looked at because of what was touched since: files whose companions may have changed, and folders in which
   * files of no known format may have got the file that they lacked.
   */
  *due(): Generator<{ readonly path: string } | { readonly folder: string }> {
    const named = new Map<string, Set<string>>();
    for (const path of this.touchedFiles) {
      const folder = dirname(path);
      if (!this.files.has(folder)) continue;
      if (this.hasChanged(folder)) this.touchedFolders.add(folder);
      else named.set(folder, (named.get(folder) ?? new Set()).add(basename(path)));
    }
    const folders = [...this.touchedFolders];
    this.touchedFiles.clear();
    this.touchedFolders.clear();
    const paths = new Set<string>();
    for (const folder of folders) {
      this.hasChanged(folder);
      for (const path of this.files.get(folder)?.keys() ?? []) paths.add(path);
    }
    for (const [folder, names] of named)
      for (const [path, format] of this.files.get(folder) ?? [])
        if (!paths.has(path) && companionNames(format, path).some((name) => names.has(basename(name))))
          paths.add(path);
    for (const path of paths) yield { path };
    for (const folder of folders) yield { folder };
  }

  /** Whether names in a folder have come or gone since it was asked last. */
  hasChanged(folder: string): boolean {
    const known = this.folderTimes.get(folder);
    if (known === undefined) return false;
    const now = timeOf(folder);
    this.folderTimes.set(folder, now);
    return now !== known || now < 0;
  }
}

/** The file's own folder, because its names may tell which companions there are, and those of its companions. */
function foldersOf(path: string, format: Format): ReadonlySet<string> {
  const own = dirname(path);
  return new Set([own, ...companionNames(format, path).map((name) => dirname(join(own, name)))]);
}

/** When names of a folder changed; negative when that was so shortly ago that it may change again without its time telling. */
function timeOf(folder: string): number {
  const changedMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Date.now() - changedMs < CLOCK_GRAIN_MS ? -1 : changedMs;
}
