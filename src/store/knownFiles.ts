import type { FileEntry } from "./fileEntry";

/** The files that the index holds, by path, and how many of them each dataset has. */
export class KnownFiles {
  private readonly byPath = new Map<string, FileEntry>();
  private readonly counts = new Map<string, number>();

  add(file: FileEntry): void {
    this.delete(file.path);
    this.byPath.set(file.path, file);
    this.counts.set(file.datasetId, this.countOf(file.datasetId) + 1);
  }

  delete(path: string): void {
    const file = this.byPath.get(path);
    if (file === undefined) return;
    this.byPath.delete(path);
    const left = this.countOf(file.datasetId) - 1;
    if (left === 0) this.counts.delete(file.datasetId);
    else this.counts.set(file.datasetId, left);
  }

  get(path: string): FileEntry | undefined {
    return this.byPath.get(path);
  }

  has(path: string): boolean {
    return this.byPath.has(path);
  }

  /** Files of a dataset. */
  countOf(datasetId: string): number {
    return this.counts.get(datasetId) ?? 0;
  }

  paths(): IterableIterator<string> {
    return this.byPath.keys();
  }

  values(): IterableIterator<FileEntry> {
    return this.byPath.values();
  }
}
