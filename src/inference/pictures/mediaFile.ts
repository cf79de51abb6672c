import { realpathSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";

/**
 * Absolute path of a dataset's media file, or undefined when there is none or it lies outside the dataset's folder.
 * @param folder the folder of the dataset's own file
 * @param path as the dataset names it
 */
export function mediaFile(folder: string, path: string): string | undefined {
  if (isAbsolute(path) || /^[a-z][a-z0-9+.-]*:/i.test(path)) return undefined;
  try {
    // A link inside the folder may point out of it, so the real places are compared.
    const full = realpathSync(resolve(folder, path));
    const inside = relative(realpathSync(folder), full);
    return inside === "" || inside.startsWith("..") || isAbsolute(inside) ? undefined : full;
  } catch {
    return undefined;
  }
}
