import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ColumnMapping } from "../model/columnMapping";
import { Failure, failureData } from "../model/failure";
import type { DatasetInfo, TrajectoryRow } from "../model/summary";
import type { Note } from "../model/trajectory";
import { parseTemplates } from "../services/judgeTemplates";
import { parseDeclarations } from "../services/modelRegistry";
import { createServices } from "../services/openServices";
import type { Services } from "../services/services";
import type { Sheet } from "./csv";
import { interruption } from "./interruption";
import { clearProgress, shownTask } from "./progress";

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  /** Rows with headings instead of text for people. */
  readonly csv?: boolean;
  /** Tables as wide as they get, also on a terminal. */
  readonly wide?: boolean;
  readonly storage?: string;
  readonly verbose?: boolean;
  /** File with `trajectoryLens.models` and `trajectoryLens.judge.templates`, as in VS Code's settings. */
  readonly modelsFile?: string;
  /** Files that define signals. They are code and run with the user's rights. */
  readonly signalFile?: readonly string[];
}

/** What a command gives back: a document for `--json`, text for people, and for some rows for `--csv`. */
export interface Output {
  readonly document: unknown;
  /** @param width columns of the terminal that tables have to fit; undefined where nothing has to */
  text(width?: number): string;
  sheet?(): Sheet;
}

/** An indexed path. */
export interface Opened {
  readonly services: Services;
  readonly datasets: readonly DatasetInfo[];
  readonly warnings: readonly Note[];
  /** Folder that keeps the index, and the scores in it. */
  readonly storage: string;
}

/** Milliseconds that a command has to end by itself when it is interrupted. */
const GRACE_MS = 500;

/** Folder for indexes and caches: `--storage`, TRAJECTORY_LENS_STORAGE, or the user's cache folder. */
export function storageFolder(options: CommonOptions): string {
  const chosen = options.storage ?? process.env["TRAJECTORY_LENS_STORAGE"];
  if (chosen) return resolve(chosen);
  const cache = process.env["XDG_CACHE_HOME"];
  return join(cache ? resolve(cache) : join(homedir(), ".cache"), "trajectory-lens");
}

/**
 * Indexes the paths (only what changed since last time) and runs `use` on them; ends the child processes afterwards.
 * Each set of paths has an index of its own, so that queries see these paths and nothing else.
 * @throws Failure `unknown-path` or `unknown-format`
 */
export async function withIndex<T>(
  paths: readonly string[],
  options: CommonOptions & { readonly mappings?: readonly ColumnMapping[] },
  use: (opened: Opened) => Promise<T>,
): Promise<T> {
  const absolute = paths.map((path) => resolve(path));
  for (const path of absolute) {
    const stats = await stat(path).catch(() => undefined);
    if (stats === undefined)
      throw new Failure("unknown-path", `There is no file or folder at ${path}.`, "Check the path.");
    if (!stats.isFile() && !stats.isDirectory())
      throw new Failure(
        "no-file",
        `${path} is a pipe, a socket or a device, which cannot be read by place.`,
        "Write what it gives into a file.",
      );
  }
  const key = createHash("sha256").update(absolute.join("\n")).digest("hex").slice(0, 16);
  const storage = join(storageFolder(options), key);
  return withServices({ ...options, storage }, async (services) => {
    const { datasets, warnings } = await services.datasets.index(
      absolute,
      { watch: false, ...(options.mappings === undefined ? {} : { mappings: options.mappings }) },
      shownTask(({ done, total, path }) => `indexing ${done} of ${total}: ${path.slice(-60)}`),
    );
    clearProgress();
    if (datasets.length === 0) {
      const reason = warnings[0];
      throw new Failure(
        "unknown-format",
        `No trajectories were found in ${absolute.join(", ")}${reason ? `: ${reason.message}` : "."}`,
        reason === undefined
          ? "List the formats that can be read with `trajectory-lens formats`."
          : ["lfs-pointer", "html-page", "empty-file", "conflict-markers"].includes(reason.code)
            ? "Then index it again."
            : "If its columns hold rollouts, say which is which with `index --mapping FILE.json` (docs/formats.md); `trajectory-lens formats` lists what is known.",
      );
    }
    return use({ services, datasets, warnings, storage });
  });
}

/** Runs `use` with services whose logs go to standard error when asked for. */
export async function withServices<T>(
  options: CommonOptions,
  use: (services: Services) => Promise<T>,
): Promise<T> {
  const declared =
    options.modelsFile === undefined ? undefined : await readSettings(resolve(options.modelsFile));
  for (const problem of declared?.problems ?? []) console.error(`warning: ${problem}`);
  const services = createServices({
    ...(declared === undefined
      ? {}
      : { models: () => declared.declarations, judgeTemplates: () => declared.templates }),
    serverKey: () => Promise.resolve(process.env["TRAJECTORY_LENS_SERVER_KEY"]),
    storageFolder: storageFolder(options),
    distFolder: dirname(fileURLToPath(import.meta.url)),
    userSignalFiles: () => Promise.resolve((options.signalFile ?? []).map((file) => resolve(file))),
    log: (level, message) => {
      if (options.verbose || level === "error") console.error(`${level}: ${message}`);
    },
  });
  const interrupted = new Promise<never>((_done, failed) => {
    const stop = (): void => failed(new Failure("cancelled", "Cancelled.", ""));
    // What hears of the interruption itself ends in its own way; the rest is not waited for.
    const soon = (): void => void setTimeout(stop, GRACE_MS);
    if (interruption.aborted) soon();
    else interruption.addEventListener("abort", soon, { once: true });
  });
  try {
    const used = use(services);
    // Once interrupted nobody waits for it.
    used.catch(() => undefined);
    return await Promise.race([used, interrupted]);
  } finally {
    clearProgress();
    await services.dispose();
  }
}

/** Declared models and judges' prompts of a settings file; a bare list counts as the models. @throws Failure */
async function readSettings(path: string) {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch {
    throw new Failure(
      "bad-settings",
      `${path} cannot be read as JSON.`,
      "Give a file with trajectoryLens.models as in VS Code's settings, without comments.",
    );
  }
  const settings = (Array.isArray(json) ? { "trajectoryLens.models": json } : json) as Readonly<
    Record<string, unknown>
  >;
  const models = parseDeclarations(settings["trajectoryLens.models"], (place) =>
    resolve(dirname(path), place),
  );
  const judges = parseTemplates(settings["trajectoryLens.judge.templates"]);
  return {
    declarations: models.declarations,
    templates: judges.templates,
    problems: [...models.problems, ...judges.problems],
  };
}

/** All rows of the datasets, or the one with the id, in file order. @throws Failure `unknown-id` */
export async function chosenRows(
  opened: Opened,
  id: string | undefined,
  limit = Infinity,
): Promise<readonly TrajectoryRow[]> {
  const { services, datasets } = opened;
  if (id !== undefined) return [await rowOf(opened, id)];
  const rows: TrajectoryRow[] = [];
  const window = 2_000;
  for (const dataset of datasets) {
    for (let start = 0; rows.length < limit; start += window) {
      const end = Math.min(start + window, start + limit - rows.length);
      const page = await services.datasets.rows({ datasetId: dataset.id, sort: "row" }, start, end);
      rows.push(...page.rows);
      if (page.rows.length === 0 || start + page.rows.length >= page.total) break;
    }
  }
  return rows;
}

/** @throws Failure `unknown-id` */
export async function rowOf({ services, datasets }: Opened, id: string): Promise<TrajectoryRow> {
  const row = await services.datasets.row(id).catch((error: unknown) => {
    if (failureData(error).code === "unknown-trajectory") return undefined;
    throw error;
  });
  if (row) return row;
  throw new Failure(
    "unknown-id",
    `There is no trajectory "${id}" in ${datasets.map((dataset) => dataset.path).join(", ")}.`,
    'List the ids with `trajectory-lens query PATH --sql "SELECT id FROM trajectories"`.',
  );
}
