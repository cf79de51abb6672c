import { basename, dirname, relative, sep } from "node:path";
import type { Format } from "../formats/format";
import { datasetIdOf } from "./ids";
import { shownPath } from "./unpacked";

/** Where a file belongs: which dataset, and its place in it. */
export interface DatasetPlace {
  readonly datasetId: string;
  /** Folder of the run, or the file itself. */
  readonly path: string;
  readonly name: string;
  /** Pattern of the shards inside `path`, with `#` for numbers; empty for a single file. */
  readonly shards: string;
  /** Path of the file inside the dataset, with forward slashes. */
  readonly relativePath: string;
}

/** Folders that hold one training step, epoch or worker each. */
const STEP_FOLDER =
  /^(?:(?:global|train|val|eval)[_-]?)?(?:step|iter|iteration|epoch|checkpoint|rank|shard|part|version)s?[_-]?\d+(?:[_-](?:evals?|epoch[_-]?\d+))?$|^\d+$/i;

/** Stems of shards: an integer, a word of training and an integer, a padded number, or `00000-of-00010`. */
const SHARD_STEM =
  /^\d+$|(?:step|iter|iteration|epoch|rank|shard|part|batch|chunk|completions?|rollouts?|samples?|traj(?:ectory|ectories)?|tree|data|train|val|eval|test|split|gen)[_.-]?\d+$|(?:^|[_.-])ep(?:isode)?s?[_.-]?\d+$|[_.-]0\d{2,}$|[_.-]\d+-of-\d+$/i;

const numbered = (text: string): string => text.replace(/\d+/g, "#");

/** Finds the dataset of a file: a format may say, numbered shards and step folders form one, otherwise the file is alone. */
export function datasetPlace(path: string, format: Format): DatasetPlace {
  const chosen = format.datasetPath?.(path);
  if (chosen !== undefined) return place(chosen, path, format.id, chosen === path ? "" : "*");
  const name = basename(path);
  const stem = name.replace(/(?:\.[A-Za-z]\w*)+$/, "");
  const isShard = SHARD_STEM.test(stem);
  let folder = dirname(path);
  let pattern = isShard ? numbered(name) : name;
  let folders = 0;
  while (STEP_FOLDER.test(basename(folder)) && dirname(folder) !== folder) {
    pattern = `${numbered(basename(folder))}/${pattern}`;
    folder = dirname(folder);
    folders++;
  }
  if (!isShard && folders === 0) return place(path, path, format.id, "");
  return place(folder, path, format.id, pattern);
}

function place(datasetPath: string, path: string, format: string, shards: string): DatasetPlace {
  const relativePath =
    datasetPath === path ? basename(path) : relative(datasetPath, path).split(sep).join("/");
  return {
    // Where an archive happens to be unpacked does not matter.
    datasetId: datasetIdOf(shownPath(datasetPath), format, shards),
    path: datasetPath,
    name: nameOf(shownPath(datasetPath), shards),
    shards,
    relativePath,
  };
}

/** The folder's name; with the shards' own name where a folder holds several kinds (`exp_001 · train_data_step`). */
function nameOf(datasetPath: string, shards: string): string {
  const own = shards
    .split("/")
    .map((part) =>
      part
        .replace(/\.[\w.]*$/, "")
        .replace(/[_.-]?#.*$/, "")
        .replace(/^\*$/, ""),
    )
    .filter((part) => part !== "" && !/^(global_)?step|^rank/.test(part));
  const folder = basename(datasetPath);
  return own.length === 0 || own.at(-1) === folder ? folder : `${folder} · ${own.at(-1)}`;
}
