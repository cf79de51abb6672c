import { basename, dirname, relative, resolve, sep } from "node:path";
import { trainers } from "../trainers/index";
import type { CreditFunction } from "../trainers/trainer";

/** Words in function names that tell which signal a function computes, by signal id. */
const signalWords: Readonly<Record<string, RegExp>> = {
  grpo: /grpo|group/i,
  rloo: /rloo|leave_one_out/i,
  gae: /gae|generalized/i,
  "discounted-return": /return/i,
};

/** Files at the top of a Python project. */
const projectFiles = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", ".git"];

export interface CreditCodeQuestion {
  /** Id in the signal catalogue. */
  readonly signalId: string;
  /** Absolute path and format id of the trajectory's file. */
  readonly dataPath: string;
  readonly format: string;
  /** Python sources of the workspace. */
  readonly sources: readonly { readonly path: string; readonly text: string }[];
  /** Absolute paths of the workspace's folders: a project reaches no higher. */
  readonly folders: readonly string[];
  exists(path: string): Promise<boolean>;
}

export interface CreditCode {
  readonly path: string;
  readonly found: CreditFunction;
}

/**
 * The function of the workspace that computes a signal of a trajectory: written for a trainer that writes the file's
 * format, and in the project that the file lies in; of several the nearest by path. Undefined when none belongs to the
 * data, however many there are: a number must never be explained by code that did not make it.
 */
export async function creditCode(question: CreditCodeQuestion): Promise<CreditCode | undefined> {
  const { signalId, format, sources } = question;
  const kind = signalId.includes("reward") ? "reward" : "advantage";
  const word = signalWords[signalId];
  if (kind === "advantage" && word === undefined) return undefined;
  const data = dirname(resolve(question.dataPath));
  const writers = trainers.filter((trainer) => trainer.formats.includes(format));
  let best: (CreditCode & { readonly rank: number }) | undefined;
  for (const { path, text } of sources) {
    const found = writers
      .flatMap((trainer) => trainer.creditFunctions(path, text))
      .find((each) => each.kind === kind && (kind === "reward" || word?.test(each.name) === true));
    if (!found) continue;
    const rank = distance(dirname(path), data);
    if (best && rank >= best.rank) continue;
    if (isInside(data, await projectFolder(path, question))) best = { path, found, rank };
  }
  return best && { path: best.path, found: best.found };
}

/**
 * Folder of the project that a source belongs to: the nearest one above with a project file; without one, the folder
 * around the source's package (and around its `src`).
 */
async function projectFolder(
  path: string,
  { folders, exists }: Pick<CreditCodeQuestion, "folders" | "exists">,
): Promise<string> {
  const own = dirname(resolve(path));
  const top = folders.map((folder) => resolve(folder)).find((folder) => isInside(own, folder)) ?? own;
  for (let folder = own; isInside(folder, top); folder = dirname(folder)) {
    for (const name of projectFiles) if (await exists(resolve(folder, name))) return folder;
    if (dirname(folder) === folder) break;
  }
  let folder = own;
  while (folder !== top && (await exists(resolve(folder, "__init__.py")))) folder = dirname(folder);
  return folder !== top && basename(folder) === "src" ? dirname(folder) : folder;
}

const isInside = (path: string, folder: string): boolean => {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && resolve(folder, way) === path);
};

/** Folders to walk from one folder to another, up and down. */
function distance(from: string, to: string): number {
  const way = relative(from, to);
  return way === "" ? 0 : way.split(sep).length;
}
