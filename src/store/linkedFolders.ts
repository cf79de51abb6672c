import { realpathSync, statSync } from "node:fs";
import { sep } from "node:path";

/**
 * Which symbolic links to folders are gone into: runs often lie on another disk, with a link to them in the project. A link is passed over
 * that leads to what is read anyway: back into the folders that were asked for, around them (where it would never end), or to
 * where another link has led.
 */
export class LinkedFolders {
  /** Folders that are read as a whole, as they were asked for, with where they lie. */
  private readonly roots = new Map<string, string>();
  private readonly targets = new Map<string, string>();

  /** From now on a folder is read as a whole. */
  addRoot(path: string): void {
    const real = realPath(path);
    if (real !== undefined && statSync(real, { throwIfNoEntry: false })?.isDirectory() === true)
      this.roots.set(path, real);
  }

  /** Whether to go into the folder to which a link leads. */
  enters(link: string): boolean {
    const target = realPath(link);
    if (target === undefined) return false;
    const known = this.targets.get(link);
    if (known === target) return true;
    for (const [other, real] of this.targets) {
      if (other === link || !overlap(real, target)) continue;
      if (realPath(other) === real) return false;
      this.targets.delete(other);
    }
    // A folder that was asked for by way of this very link is no other place.
    for (const [path, root] of this.roots)
      if (path !== link && !path.startsWith(withSeparator(link)) && overlap(root, target)) return false;
    this.targets.set(link, target);
    return true;
  }
}

const overlap = (one: string, other: string): boolean =>
  one === other || one.startsWith(withSeparator(other)) || other.startsWith(withSeparator(one));

const withSeparator = (path: string): string => (path.endsWith(sep) ? path : path + sep);

/** Where a path leads; undefined when it leads nowhere. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
