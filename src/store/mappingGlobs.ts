import picomatch from "picomatch";
import type { ColumnMapping } from "../model/columnMapping";

/** Compiled globs; there are as many as the settings hold. */
const matchers = new Map<string, (path: string) => boolean>();
const KEPT = 256;

function matcherOf(glob: string): (path: string) => boolean {
  const known = matchers.get(glob);
  if (known !== undefined) return known;
  const pattern = glob.replaceAll("\\", "/");
  // A pattern that does not start at the root may begin in any folder; one without a slash is a name.
  const anywhere = pattern.startsWith("/") || /^[A-Za-z]:\//.test(pattern) ? pattern : `**/${pattern}`;
  const matcher = picomatch(anywhere, { dot: true, nonegate: true });
  matchers.set(glob, matcher);
  if (matchers.size > KEPT) matchers.delete(matchers.keys().next().value ?? "");
  return matcher;
}

/** The first mapping whose glob matches the file's absolute path. */
export function mappingFor(mappings: readonly ColumnMapping[], path: string): ColumnMapping | undefined {
  const normal = path.replaceAll("\\", "/");
  return mappings.find(({ files }) => matcherOf(files)(normal));
}
