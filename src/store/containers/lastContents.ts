import { statSync } from "node:fs";

/**
 * What the last files of a kind hold, in memory: detection, indexing and showing read the same file one after another. A file
 * that has changed since is another one.
 */
export class LastContents<T> {
  private readonly kept = new Map<string, T>();

  /** @param most files that stay in memory at once */
  constructor(private readonly most: number) {}

  /** Content of a file as it is now; `undefined` when it has to be read, for which room is made. */
  find(path: string): { readonly key: string; readonly content: T | undefined } {
    const stats = statSync(path);
    const key = `${path}\n${stats.size}\n${stats.mtimeMs}`;
    const content = this.kept.get(key);
    // Two large contents at once would double what this takes.
    if (content === undefined && this.kept.size >= this.most)
      this.kept.delete(this.kept.keys().next().value ?? "");
    else if (content !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, content);
    }
    return { key, content };
  }

  keep(key: string, content: T): T {
    this.kept.set(key, content);
    return content;
  }
}
