import { formatById } from "../formats/index";
import { mappingOfFormatId } from "../model/columnMapping";
import type { DatasetInfo, TrajectoryRow } from "../model/summary";
import type { Trajectory } from "../model/trajectory";
import { AdvantageComparison } from "../signals/compare/comparison";
import { signals } from "../signals/index";
import type { Group, SignalContext } from "../signals/signal";
import { trainerOfFormat } from "./defaultSignals";
import { groupMember } from "./groups";
import { runSettings } from "./runSettings";
import type { CompareReport, CompareRequest, Comparisons, Datasets, Task } from "./services";
import { allRows, datasetById, fromRow } from "./signalContexts";
import { loadedRows } from "./trajectoryBatches";

/** Rows after which conventions that fit none of them are given up, and so are rows of a dataset that records nothing. */
const SAMPLE = 200;

/** Recorded advantages of a dataset beside those of every known convention, one group at a time. */
export class DatasetComparisons implements Comparisons {
  constructor(private readonly datasets: Datasets) {}

  async compare(
    request: CompareRequest,
    task?: Task<{ done: number; total: number }>,
  ): Promise<CompareReport> {
    const started = performance.now();
    const dataset = await datasetById(this.datasets, request.datasetId);
    const rows = await allRows(this.datasets, { datasetId: dataset.id });
    const run = await runSettings(dataset.path);
    const scored = (await this.datasets.query("SELECT 1 FROM scores LIMIT 1")).rows.length > 0;
    // Of conventions that fit equally well, that of the trainer which writes the format is named first.
    const usual = trainerOfFormat(dataset.format)?.presets ?? {};
    const comparison = AdvantageComparison.of(signals, run, usual, request.tolerance, request.misfits);
    const maybeNone = !(await this.recordsAdvantages(dataset, rows));
    let narrowed = false;
    let seen = 0;
    const batches = batchesOf(rows);
    // Members without their trajectories: what conventions over the batch look at.
    const light = new Map<readonly TrajectoryRow[], Group>();
    const groupsAround = new Map<readonly TrajectoryRow[], readonly Group[]>();
    for (const batch of batches) {
      const groups: Group[] = [];
      for (const members of batch) {
        const group = groupOf(members);
        groupsAround.set(members, groups);
        if (group === undefined) continue;
        light.set(members, group);
        groups.push(group);
      }
    }
    for await (const { members, trajectories } of loadedRows(
      this.datasets,
      batches.flat(),
      "The comparison",
      task,
    )) {
      for (const context of await this.contexts(
        dataset,
        scored,
        members,
        trajectories,
        light.get(members),
        groupsAround.get(members) ?? [],
      ))
        comparison.add(context);
      seen += members.length;
      if (maybeNone && comparison.rows === 0 && seen >= SAMPLE) break;
      if (!narrowed && comparison.rows >= SAMPLE) {
        comparison.narrow();
        narrowed = true;
      }
    }
    return {
      ...comparison.result(),
      dataset,
      trajectories: rows.length,
      seconds: (performance.now() - started) / 1000,
      run,
    };
  }

  /**
   * Whether the index or the format says that there are advantages. Where neither does, the first rows tell: reading a whole
   * run for numbers that are not there would take as long as comparing them.
   */
  private async recordsAdvantages(dataset: DatasetInfo, rows: readonly TrajectoryRow[]): Promise<boolean> {
    const format = formatById(dataset.format);
    if (format === undefined || format.recordsAdvantage !== undefined) return true;
    if (mappingOfFormatId(dataset.format) !== undefined) return true;
    if (rows.some(({ advantage }) => advantage !== undefined)) return true;
    const found = await this.datasets.query("SELECT 1 FROM steps WHERE advantage IS NOT NULL LIMIT 1", {
      datasetId: dataset.id,
    });
    return found.rows.length > 0;
  }

  /** One context per member that may record an advantage, its group loaded in full. */
  private async contexts(
    dataset: DatasetInfo,
    scored: boolean,
    members: readonly TrajectoryRow[],
    loaded: readonly Trajectory[],
    light: Group | undefined,
    batch: readonly Group[],
  ): Promise<readonly SignalContext[]> {
    const group = light && groupOf(members, loaded);
    const tree = group && dataset.nativeTree ? await this.datasets.tree(group.groupId) : undefined;
    const whole = group && batch.map((each) => (each === light ? group : each));
    return Promise.all(
      loaded.map(async (trajectory, index) => ({
        // The index may know an advantage or a reward of the row that the format keeps out of the trajectory.
        trajectory: { ...fromRow(members[index]!), ...trajectory },
        scores: scored ? await this.datasets.scores(trajectory.id) : [],
        ...(group ? { group, batch: whole! } : {}),
        ...(tree ? { tree } : {}),
      })),
    );
  }
}

/** Rows by training step, and within it by group; a row without a group is alone. In the file's order. */
function batchesOf(rows: readonly TrajectoryRow[]): readonly (readonly (readonly TrajectoryRow[])[])[] {
  const steps = new Map<number | undefined, Map<string, TrajectoryRow[]>>();
  for (const row of rows) {
    const groups = steps.get(row.trainingStep) ?? new Map<string, TrajectoryRow[]>();
    steps.set(row.trainingStep, groups);
    const key = row.groupId === undefined ? `row ${row.id}` : `group ${row.groupId}`;
    const members = groups.get(key);
    if (members) members.push(row);
    else groups.set(key, [row]);
  }
  return [...steps.values()].map((groups) => [...groups.values()]);
}

function groupOf(members: readonly TrajectoryRow[], loaded: readonly Trajectory[] = []): Group | undefined {
  const [first] = members;
  if (first?.groupId === undefined) return undefined;
  return {
    groupId: first.groupId,
    members: members.map((row, index) => groupMember(row, loaded[index])),
    ...(first.trainingStep === undefined ? {} : { trainingStep: first.trainingStep }),
    ...(first.groupGuess === undefined ? {} : { guess: first.groupGuess }),
  };
}
