import { dirname } from "node:path";
import type { Note } from "../model/trajectory";

/** A file that was looked at and is not in the index. */
export interface LeftAlone {
  /** The state of the file in which that was decided. */
  readonly state: string;
  readonly note: Note | undefined;
  /** True for data that no format took. */
  readonly unknown: boolean;
}

/** Files that were looked at and left alone, so that they are looked at again only when they have changed. */
export class FilesLeftAlone {
  private readonly byPath = new Map<string, LeftAlone>();

  get(path: string): LeftAlone | undefined {
    return this.byPath.get(path);
  }

  has(path: string): boolean {
    return this.byPath.has(path);
  }

  set(path: string, left: LeftAlone): void {
    this.byPath.set(path, left);
  }

  delete(path: string): void {
    this.byPath.delete(path);
  }

  paths(): IterableIterator<string> {
    return this.byPath.keys();
  }

  notes(): Note[] {
    return [...this.byPath.values()].flatMap(({ note }) => (note === undefined ? [] : [note]));
  }

  /** From now on the data of no known format in a folder counts as never looked at; none does when there are more than `most`. */
  takeUnknownIn(folder: string, most: number): string[] {
    const paths = [...this.byPath.keys()].filter((path) => dirname(path) === folder);
    if (paths.length > most) return [];
    const unknown = paths.filter((path) => this.byPath.get(path)?.unknown === true);
    for (const path of unknown) this.byPath.set(path, { ...(this.byPath.get(path) as LeftAlone), state: "" });
    return unknown;
  }
}
