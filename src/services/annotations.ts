import { dirname, relative, resolve, sep } from "node:path";
import type { DatasetInfo, TrainingStepSummary, TrajectoryRow } from "../model/summary";
import type { RowQuery } from "../protocol/storeCalls";
import { trainers } from "../trainers/index";
import type { CreditFunction, Trainer } from "../trainers/trainer";
import { groupEstimator } from "./defaultSignals";
import type {
  Annotations,
  CreditFunctionNote,
  DatasetNote,
  RowNote,
  ScriptNote,
} from "./annotationsContract";
import type { Datasets, Signals } from "./services";

/** Folders above a script that are searched for the datasets it writes. */
const LEVELS_UP = 3;
const SERIES_LENGTH = 20;
/** Trajectories looked at in one record (a packed sequence or tree can hold many). */
const PARTS = 64;

/** Credit functions of a source under the rules of every trainer; where two agree on a line the first one names it. */
export function creditFunctions(path: string, source: string): readonly CreditFunctionNote[] {
  const byLine = new Map<number, CreditFunctionNote>();
  for (const trainer of trainers) {
    for (const found of trainer.creditFunctions(path, source)) {
      if (!byLine.has(found.line))
        byLine.set(found.line, { ...found, trainerId: trainer.id, trainerTitle: trainer.title });
    }
  }
  return [...byLine.values()].sort((a, b) => a.line - b.line);
}

/**
 * Datasets that code at `path` most likely writes: those in or under its folder, else under the nearest folder above
 * that has any. Those in a format of the code's trainers come first, in the order in which the trainer names its
 * formats (rollouts before exports and trees), then those with rewards, then the newest.
 */
export function nearestDatasets(
  path: string,
  functions: readonly CreditFunction[],
  source: string,
  datasets: readonly DatasetInfo[],
): readonly DatasetInfo[] {
  const writers = trainers.filter(
    (trainer) => functions.length > 0 && trainer.creditFunctions(path, source).length > 0,
  );
  const formats = [...new Set(writers.flatMap((trainer: Trainer) => [...trainer.formats]))];
  const rank = (dataset: DatasetInfo): number =>
    formats.includes(dataset.format) ? formats.indexOf(dataset.format) : formats.length;
  let folder = dirname(resolve(path));
  // The root of the file system holds everything, which says nothing about who wrote what.
  for (let level = 0; level <= LEVELS_UP && dirname(folder) !== folder; level++) {
    const inside = datasets.filter((dataset) => isInside(dataset.path, folder));
    if (inside.length > 0) {
      return inside.sort(
        (a, b) =>
          rank(a) - rank(b) ||
          Number(b.rewardMean !== undefined) - Number(a.rewardMean !== undefined) ||
          b.modifiedMs - a.modifiedMs,
      );
    }
    folder = dirname(folder);
  }
  return [];
}

/** What the index has to say beside source code and beside raw lines. */
export class IndexAnnotations implements Annotations {
  constructor(
    private readonly datasets: Datasets,
    private readonly signals: Signals,
  ) {}

  async script(path: string, source: string): Promise<ScriptNote | undefined> {
    const functions = creditFunctions(path, source);
    if (functions.length === 0) return undefined;
    return { functions, datasets: nearestDatasets(path, functions, source, await this.datasets.list()) };
  }

  async dataset(datasetId: string): Promise<DatasetNote | undefined> {
    const dataset = await this.datasets.dataset(datasetId);
    if (!dataset) return undefined;
    const steps = await this.datasets.trainingSteps(datasetId);
    const newest = newestStep(steps);
    const trainingStep = newest?.trainingStep;
    const within: RowQuery = { datasetId, ...(trainingStep === undefined ? {} : { trainingStep }) };
    const best = await this.extreme(within, true);
    const worst = await this.extreme(within, false);
    const stepMeans = steps
      .filter((step) => step.trainingStep !== undefined && step.rewardMean !== undefined)
      .sort((a, b) => (a.trainingStep ?? 0) - (b.trainingStep ?? 0))
      .slice(-SERIES_LENGTH)
      .map((step) => ({ label: `step ${step.trainingStep}`, value: step.rewardMean ?? NaN }));
    const overSteps = stepMeans.length > 1;
    return {
      dataset,
      trainingStep,
      trajectories: newest?.trajectories ?? 0,
      ...(newest?.rewardMean === undefined ? {} : { rewardMean: newest.rewardMean }),
      ...(newest?.rewardStd === undefined ? {} : { rewardStd: newest.rewardStd }),
      ...(newest?.noContrastShare === undefined ? {} : { noContrastShare: newest.noContrastShare }),
      series: overSteps ? stepMeans : await this.lastRewards(datasetId),
      seriesOf: overSteps ? "training steps" : "trajectories",
      ...(best === undefined ? {} : { best }),
      ...(worst === undefined ? {} : { worst }),
    };
  }

  async record(path: string, row: number): Promise<readonly RowNote[]> {
    const notes: RowNote[] = [];
    for (let part = 0; part < PARTS; part++) {
      const found = await this.datasets.rowAt(path, row, part);
      if (!found) break;
      notes.push(await this.rowNote(found));
    }
    return notes;
  }

  private async rowNote(row: TrajectoryRow): Promise<RowNote> {
    if (row.groupId === undefined) return { row };
    const { group, members } = await this.datasets.group(row.groupId);
    const advantage = await this.advantage(row);
    const rank = placeByReward(row, members);
    return {
      row,
      group,
      ...(advantage === undefined ? {} : { advantage }),
      ...(rank === undefined ? {} : { rank }),
    };
  }

  private async advantage(row: TrajectoryRow): Promise<RowNote["advantage"]> {
    const dataset = await this.datasets.dataset(row.datasetId);
    const request = dataset && groupEstimator(dataset.format);
    // One line has room for one number: estimators of single steps are for the tracks.
    if (request?.signalId !== "grpo") return undefined;
    const { result, convention } = await this.signals.compute(row.id, request);
    if ("missing" in result) return undefined;
    const value = result.values.find((entry) => !Number.isNaN(entry));
    return value === undefined ? undefined : { value, convention, request };
  }

  private async extreme(
    within: RowQuery,
    descending: boolean,
  ): Promise<{ id: string; reward: number } | undefined> {
    const { rows } = await this.datasets.rows({ ...within, sort: "reward", descending }, 0, 1);
    const row = rows[0];
    return row && typeof row.reward === "number" && !Number.isNaN(row.reward)
      ? { id: row.id, reward: row.reward }
      : undefined;
  }

  private async lastRewards(datasetId: string): Promise<DatasetNote["series"]> {
    const query: RowQuery = { datasetId, sort: "row", descending: true };
    const { rows } = await this.datasets.rows(query, 0, SERIES_LENGTH);
    return [...rows]
      .reverse()
      .filter((row) => typeof row.reward === "number" && !Number.isNaN(row.reward))
      .map((row) => ({ label: row.title, value: row.reward ?? NaN }));
  }
}

const newestStep = (steps: readonly TrainingStepSummary[]): TrainingStepSummary | undefined =>
  steps.reduce<TrainingStepSummary | undefined>(
    (newest, step) =>
      newest === undefined || (step.trainingStep ?? -Infinity) >= (newest.trainingStep ?? -Infinity)
        ? step
        : newest,
    undefined,
  );

/** Place of a row among the recorded rewards of its group; undefined when its own reward is missing or NaN. */
function placeByReward(
  row: TrajectoryRow,
  members: readonly TrajectoryRow[],
): { place: number; of: number } | undefined {
  const own = row.reward;
  if (typeof own !== "number" || Number.isNaN(own)) return undefined;
  const rewards = members
    .map((member) => member.reward)
    .filter((reward): reward is number => typeof reward === "number" && !Number.isNaN(reward));
  return { place: 1 + rewards.filter((reward) => reward > own).length, of: rewards.length };
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return (
    way === "" || (!way.startsWith(`..${sep}`) && way !== ".." && resolve(folder, way) === resolve(path))
  );
}
