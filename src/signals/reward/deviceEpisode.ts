/** One episode as AndroidWorld records it; NaN = the run failed with an exception. */
export interface DeviceEpisode {
  readonly template: string | null;
  readonly success: number;
  /** Steps. */
  readonly length: number;
  /** Seconds. */
  readonly seconds: number;
  readonly exception: boolean;
}

/**
 * Success of an episode (google-research/android_world, android_world/suite_utils.py, _run_task): the verdict of the
 * environment when the agent said that it was done, else 0; NaN after an exception.
 */
export function episodeSuccess(verdict: number, declaredDone: boolean, exception: boolean): number {
  if (exception) return NaN;
  return declaredDone ? verdict : 0;
}

/**
 * Steps that a task is given (_allocate_step_budget): ten per unit of complexity, cut to a whole number.
 *
 * @throws Error without a complexity
 */
export function stepBudget(complexity: number | null | undefined): number {
  if (complexity === null || complexity === undefined)
    throw new Error("The task has no complexity, so it has no step budget.");
  return Math.trunc(10 * complexity);
}

/** Rows to columns (episode_runner.py, _transpose_lod_to_dol): a key absent on a step leaves no gap, so columns differ. */
export function columnsOfSteps<T>(
  steps: readonly Readonly<Record<string, T>>[],
): Readonly<Record<string, readonly T[]>> {
  const columns: Record<string, T[]> = {};
  for (const step of steps)
    for (const [key, value] of Object.entries(step)) (columns[key] ??= []).push(value);
  return columns;
}

/** Columns to rows (transpose_dol_to_lod): cut to the shortest column, which misaligns columns with gaps. */
export function stepsOfColumns<T>(
  columns: Readonly<Record<string, readonly T[]>>,
): readonly Readonly<Record<string, T>>[] {
  const entries = Object.entries(columns);
  const length = entries.length === 0 ? 0 : Math.min(...entries.map(([, values]) => values.length));
  return Array.from({ length }, (_, t) =>
    Object.fromEntries(entries.map(([key, values]) => [key, values[t]!])),
  );
}

/** Results of one task template. */
export interface TemplateResult {
  readonly template: string;
  /** Episodes without an exception. */
  readonly complete: number;
  readonly success: number;
  readonly length: number;
  /** Seconds of all episodes. */
  readonly seconds: number;
  readonly failed: number;
}

const mean = (values: readonly number[]): number => {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
};

/** Results by template in alphabetical order (process_episodes); failed episodes are no failures of the agent. */
export function templateResults(episodes: readonly DeviceEpisode[]): readonly TemplateResult[] {
  const templates = new Map<string, DeviceEpisode[]>();
  for (const episode of episodes) {
    if (episode.template === null) continue;
    const known = templates.get(episode.template);
    if (known) known.push(episode);
    else templates.set(episode.template, [episode]);
  }
  return [...templates]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([template, own]) => ({
      template,
      complete: own.filter(({ success }) => !Number.isNaN(success)).length,
      success: mean(own.map(({ success }) => success)),
      length: mean(own.map(({ length }) => length)),
      seconds: own.reduce((sum, { seconds }) => sum + (Number.isNaN(seconds) ? 0 : seconds), 0),
      failed: own.filter(({ exception }) => exception).length,
    }));
}

/**
 * Seed of an instance of a task (create_suite): SHA-256 of "seed_name_number", modulo 2^32.
 *
 * @param sha256 hexadecimal digest of a text
 */
export function instanceSeed(
  seed: number,
  template: string,
  instance: number,
  sha256: (text: string) => string,
): number {
  // The last eight digits are the number modulo 2^32.
  return Number.parseInt(sha256(`${seed}_${template}_${instance}`).slice(-8), 16);
}

/**
 * Task of a checkpoint's file name (checkpointer.py, sort_key), by which files are sorted; the number after it is never
 * read, because the extension is still attached.
 */
export function templateOf(file: string): string {
  const cut = file.lastIndexOf("_");
  return cut < 0 ? file : file.slice(0, cut);
}
