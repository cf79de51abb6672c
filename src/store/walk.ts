import { closeSync, openSync, readSync, type Dirent, type Stats } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../model/failure";
import { inOrder } from "./inOrder";
import { knowSiblings } from "./siblings";

/** Folders that hold code, caches and version control, never rollouts. */
const SKIPPED_FOLDERS = new Set([
  "node_modules",
  ".git",
  ".hg",
  ".svn",
  ".venv",
  "venv",
  ".tox",
  ".nox",
  "__pycache__",
  ".mypy_cache",
  ".pytest_cache",
  ".ruff_cache",
  "dist",
  "build",
  ".cache",
  ".vscode",
  ".vscode-test",
  ".vscode-server",
  ".idea",
  "site-packages",
  ".ipynb_checkpoints",
  ".next",
  ".gradle",
]);

/** Names that are never data, so that a walk over a repository does not open them. */
const SKIPPED_FILES =
  /\.(?:py|pyc|pyi|ipynb|ts|tsx|js|mjs|cjs|jsx|map|css|scss|html?|md|rst|png|jpe?g|gif|webp|svg|ico|mp4|webm|mov|wav|mp3|pdf|woff2?|ttf|so|dll|dylib|exe|o|a|c|cc|cpp|h|hpp|cu|rs|go|java|sh|bat|toml|lock|ya?ml|ini|cfg|safetensors|onnx|bin|gguf|xz|7z|whl|jar|duckdb|wal|vsix|lockb|tsbuildinfo)$/i;
/** YAML is configuration, unless it is called by a number as the steps of ART's oldest logs are. */
const NUMBERED_YAML = /^\d+\.ya?ml$/i;
/** So are weights in `.bin`, unless they are called as prime-rl calls its batches. */
const BATCH_NAMES = /^(?:rank_\d+|rollouts)\.bin$/i;
const SKIPPED_NAMES = new Set([
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "vocab.json",
  "generation_config.json",
  "launch.json",
  "tasks.json",
  "settings.json",
]);

export interface FoundFile {
  readonly path: string;
  readonly stats: Stats;
}

export interface WalkListener {
  problem(path: string, error: unknown): void;
  /** A folder is about to be listed; `mtimeMs` was read before listing it. */
  folder?(path: string, mtimeMs: number): void;
  /** Whether to go into a folder below; default: yes. */
  enter?(path: string): boolean;
  /** Whether to go into the folder to which a symbolic link leads; default: no. */
  follow?(link: string): boolean;
}

/** Files under a path that might hold data, in order. */
export async function* walk(path: string, listener: WalkListener): AsyncGenerator<FoundFile> {
  let entries;
  try {
    const own = await stat(path);
    if (own.isFile()) {
      yield { path, stats: own };
      return;
    }
    if (!own.isDirectory()) return;
    listener.folder?.(path, own.mtimeMs);
    const listedMs = Date.now();
    entries = await readdir(path, { withFileTypes: true });
    knowSiblings(path, own.mtimeMs, listedMs, entries);
  } catch (error) {
    listener.problem(path, error);
    return;
  }
  const ordered = inOrder(entries, (left, right) => compareNames(left.name, right.name));
  for (let some = take(ordered, TOGETHER); some.length > 0; some = take(ordered, TOGETHER)) {
    const looks = await Promise.all(
      some.map((entry) =>
        couldHoldData(entry) ? look(join(path, entry.name), entry.isSymbolicLink(), listener) : undefined,
      ),
    );
    for (const [index, entry] of some.entries()) {
      const seen = looks[index];
      const below = join(path, entry.name);
      if (seen?.isFile() === true) yield { path: below, stats: seen };
      else if (
        !SKIPPED_FOLDERS.has(entry.name) &&
        (entry.isDirectory() || (seen?.isDirectory() === true && listener.follow?.(below) === true)) &&
        listener.enter?.(below) !== false
      )
        yield* walk(below, listener);
    }
  }
}

/** Sizes asked for at the same time: one after another would wait for the disk each time. */
const TOGETHER = 64;

/** `2.jsonl` before `10.jsonl`. */
const compareNames = new Intl.Collator("en", { numeric: true }).compare;

function take<T>(values: Iterator<T>, count: number): T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = values.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

function couldHoldData(entry: Dirent): boolean {
  return (entry.isFile() || entry.isSymbolicLink()) && isCandidate(entry.name);
}

/** True for folders that hold code, caches and version control. */
export const isSkippedFolder = (name: string): boolean => SKIPPED_FOLDERS.has(name) || name === "__MACOSX";

/** False for names that are never data. */
export function isCandidate(name: string): boolean {
  return (
    (!SKIPPED_FILES.test(name) || NUMBERED_YAML.test(name) || BATCH_NAMES.test(name)) &&
    !SKIPPED_NAMES.has(name)
  );
}

async function look(path: string, isLink: boolean, listener: WalkListener): Promise<Stats | undefined> {
  try {
    return isLink ? await stat(path) : await lstat(path);
  } catch (error) {
    listener.problem(path, path.includes("\ufffd") ? unreadableName(path) : error);
    return undefined;
  }
}

/** Names are bytes to some file systems; those that are no UTF-8 reach nobody who reads names as text. */
function unreadableName(path: string): Failure {
  return new Failure(
    "unreadable-name",
    `${path} cannot be opened: its name is not UTF-8.`,
    "Give it another name.",
  );
}

const DATA_NAME = /\.(?:jsonl?|ndjson|parquet|hdf5|h5|arrow|npz|npy|pkl|pt|eval|csv|zip|db)(?:\.gz|\.zst)?$/i;

/** True when the first bytes could be a container that we read, so that other files cost one small read. */
export function couldBeData(path: string): boolean {
  const bytes = Buffer.alloc(512);
  let file;
  try {
    file = openSync(path, "r");
  } catch {
    // Why it cannot be opened is told of names that promise data.
    return DATA_NAME.test(path);
  }
  try {
    const got = readSync(file, bytes, 0, bytes.length, 0);
    if (got === 0) return true;
    const text = bytes.toString("latin1", 0, got).replace(/^(?:\u00ef\u00bb\u00bf)?[\u0000\s]*/, "");
    return (
      /^(?:[{[<]|null\s|\u00ff\u00fe|\u00fe\u00ff|PAR1|\u0089HDF|version https:\/\/git-lfs|SQLite format 3\u0000|PK\u0003\u0004|\u001f\u008b|\u0028\u00b5\u002f\u00fd|\u0080[\u0002-\u0005]|(?:[\u0090-\u009f]|\u00dc..|\u00dd.{4})[\u0090-\u009f\u00dc\u00dd]|\u0093NUMPY|ARROW1|\u00ff{4}|MATLAB)/s.test(
        text,
      ) || /\.(?:tfrecord\S*|jsonl?|ndjson|csv|tsv|txt|pkl|log|ya?ml|tar)$/i.test(path)
    );
  } finally {
    closeSync(file);
  }
}
