import { relative, resolve } from "node:path";

/** A path below the one that was given; as it is where several were, or where it is that one. */
export function placeOf(path: string, ...given: readonly string[]): string {
  const [only] = given;
  return given.length === 1 && only !== undefined ? relative(resolve(only), path) || path : path;
}
