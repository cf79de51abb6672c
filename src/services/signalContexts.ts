import { Failure } from "../model/failure";
import type { DatasetInfo, TrajectoryRow } from "../model/summary";
import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type {
  DatasetRow,
  Group,
  GroupMember,
  Need,
  ParameterValues,
  Signal,
  SignalContext,
  SignalInputs,
} from "../signals/signal";
import { datasetRow, groupMember, signalGroup } from "./groups";
import type { ScoreArrays } from "./scoreArrays";
import { signalInputs } from "./signalInputs";
import type { Datasets } from "./services";

/** Inputs for which a batch-relative signal needs the other members in full, not only their rewards. */
const FULL_MEMBER_NEEDS: ReadonlySet<Need> = new Set([
  "rewards",
  "values",
  "logprobs",
  "refLogprobs",
  "entropies",
  "tokenMask",
  "stateKeys",
  "hiddenStates",
  "embeddings",
  "text",
  "observations",
  "actions",
  "judge",
]);
/** Inputs that are model series: a group signal that needs one reads those of every member. */
const SERIES_NEEDS: ReadonlySet<Need> = new Set(["values", "logprobs", "refLogprobs", "entropies"]);
/** Inputs that rows of the index hold: a signal that needs no others never reads a trajectory from its file. */
const ROW_NEEDS: ReadonlySet<Need> = new Set(["group", "batch", "outcomeReward", "components", "dataset"]);
/** Trajectories and groups kept in memory, newest use last: tracks of one trajectory come together. */
const KEPT_TRAJECTORIES = 24;
const KEPT_GROUPS = 16;
/** Training steps and whole runs kept: signals of one list ask for the same ones again and again. */
const KEPT_BATCHES = 4;
const KEPT_DATASETS = 2;
/** Rows asked for at once when a whole training step is gathered. */
const ROWS = 5_000;

/** What a caller that works through a list knows already. */
export interface Known {
  /** The trajectory's row: spares reading the file for signals of rewards alone. */
  readonly row?: TrajectoryRow;
  /** Groups by id, complete but without their trajectories. */
  readonly groups?: ReadonlyMap<string, Group>;
  /** True when no model has scored anything. */
  readonly unscored?: boolean;
}

/** Gathers what signals declare that they need from the index and the files. */
export class SignalContexts {
  private readonly trajectories = new Map<string, Promise<Trajectory>>();
  private readonly groups = new Map<string, Promise<Group>>();
  private readonly batches = new Map<string, Promise<readonly Group[]>>();
  private readonly datasetRows = new Map<string, Promise<readonly DatasetRow[]>>();

  constructor(
    private readonly datasets: Datasets,
    /** What models gave that is no series; absent where nothing is kept. */
    private readonly tables?: ScoreArrays,
  ) {}

  /** Drops what is kept: a file that grew or was rewritten may hold other text under the same id. */
  forget(): void {
    this.trajectories.clear();
    this.groups.clear();
    this.batches.clear();
    this.datasetRows.clear();
  }

  trajectory(id: string): Promise<Trajectory> {
    return kept(this.trajectories, KEPT_TRAJECTORIES, id, () => this.datasets.trajectory(id));
  }

  /** What the signal declares that it needs, and nothing else. */
  async gather(
    trajectoryId: string,
    signal: Signal,
    parameters: ParameterValues,
    known: Known = {},
  ): Promise<SignalContext> {
    const { row, groups, unscored } = known;
    const needs = new Set(signal.needs);
    // Most conventions stay within the group; only one that says "batch" pays for the whole training step.
    if (Object.values(parameters).includes("batch")) needs.add("batch");
    // What a signal of the user's own looks at in the trajectory is not known.
    const rowsSuffice =
      signal.family !== "user" && needs.size > 0 && [...needs].every((need) => ROW_NEEDS.has(need));
    const trajectory = row && rowsSuffice ? fromRow(row) : await this.trajectory(trajectoryId);
    const series: readonly ScoreSeries[] =
      rowsSuffice || unscored ? [] : await this.datasets.scores(trajectoryId);
    const { groupId } = trajectory;
    const grouped = groupId !== undefined && (needs.has("group") || needs.has("batch"));
    const full = signal.needs.some((need) => FULL_MEMBER_NEEDS.has(need));
    const given = grouped && !full ? groups?.get(groupId) : undefined;
    const scored = full && !unscored && readsSeries(signal);
    const group = given ?? (grouped ? await this.group(groupId, full, scored) : undefined);
    const tree = groupId !== undefined && needs.has("tree") ? await this.datasets.tree(groupId) : undefined;
    const batch = group && needs.has("batch") ? await this.batch(trajectory, group) : undefined;
    const inputs = rowsSuffice ? undefined : await this.inputs(trajectoryId);
    return {
      trajectory,
      scores: series,
      ...(inputs === undefined ? {} : { inputs }),
      ...(group === undefined ? {} : { group }),
      ...(tree === undefined ? {} : { tree }),
      ...(batch === undefined ? {} : { batch }),
      ...(needs.has("dataset") ? { dataset: await this.dataset(trajectory.datasetId) } : {}),
    };
  }

  /** All rows of a dataset, in the file's order. */
  dataset(datasetId: string): Promise<readonly DatasetRow[]> {
    return kept(this.datasetRows, KEPT_DATASETS, datasetId, async () =>
      (await allRows(this.datasets, { datasetId })).map(datasetRow),
    );
  }

  /** What models and judges gave for a trajectory; undefined when there is nothing. */
  private async inputs(trajectoryId: string): Promise<SignalInputs | undefined> {
    if (!this.tables) return undefined;
    const [tables, replies] = [await this.tables.of(trajectoryId), await this.tables.replies(trajectoryId)];
    return tables.length + replies.length === 0 ? undefined : signalInputs(tables, replies);
  }

  /**
   * @param full with the members' trajectories and what models gave for them
   * @param scored with the members' series too; these are not kept, because a score may be added at any time
   */
  private async group(groupId: string, full: boolean, scored: boolean): Promise<Group> {
    const group = await this.keptGroup(groupId, full);
    if (!scored) return group;
    const members: GroupMember[] = [];
    for (const member of group.members) {
      const scores = await this.datasets.scores(member.trajectoryId);
      members.push(scores.length === 0 ? member : { ...member, scores });
    }
    return { ...group, members };
  }

  private keptGroup(groupId: string, full: boolean): Promise<Group> {
    return kept(
      this.groups,
      KEPT_GROUPS,
      `${full ? `full ${this.tables?.version ?? 0}` : "rows"} ${groupId}`,
      async () => {
        const { group, members } = await this.datasets.group(groupId);
        const gathered: GroupMember[] = [];
        for (const row of members) {
          const member = groupMember(row, full ? await this.trajectory(row.id) : undefined);
          const inputs = full ? await this.inputs(row.id) : undefined;
          gathered.push(inputs === undefined ? member : { ...member, inputs });
        }
        return signalGroup(group, gathered);
      },
    );
  }

  /** All groups of the trajectory's training step, in the file's order; its own group is the one given. */
  private async batch(trajectory: Trajectory, own: Group): Promise<readonly Group[]> {
    const { datasetId, trainingStep } = trajectory;
    const groups = await kept(this.batches, KEPT_BATCHES, `${datasetId} ${trainingStep ?? ""}`, () =>
      stepGroups(this.datasets, datasetId, trainingStep),
    );
    return groups.map((group) => (group.groupId === own.groupId ? own : group));
  }
}

/** Whether a signal reads series that models produced. */
const readsSeries = ({ needs, inputs }: Signal): boolean =>
  needs.some((need) => SERIES_NEEDS.has(need)) ||
  inputs?.some(({ kind }) => kind === "step" || kind === "token" || kind === "trajectory") === true;

/** An indexed dataset. @throws Failure `unknown-dataset` */
export async function datasetById(datasets: Datasets, id: string): Promise<DatasetInfo> {
  const found = await datasets.dataset(id);
  if (found) return found;
  throw new Failure("unknown-dataset", `There is no dataset ${id}.`, "Index its files again.");
}

/** Rows that a query finds, in the file's order. */
export async function allRows(
  datasets: Datasets,
  query: { readonly datasetId: string; readonly trainingStep?: number },
): Promise<readonly TrajectoryRow[]> {
  const found: TrajectoryRow[] = [];
  for (let start = 0; ; start += ROWS) {
    const { rows, total } = await datasets.rows({ ...query, sort: "row" }, start, start + ROWS);
    found.push(...rows);
    if (rows.length === 0 || found.length >= total) return found;
  }
}

/** All groups of one training step without their trajectories; the whole dataset where it has no training steps. */
export async function stepGroups(
  datasets: Datasets,
  datasetId: string,
  trainingStep: number | undefined,
): Promise<readonly Group[]> {
  const step = trainingStep === undefined ? {} : { trainingStep };
  const groups = new Map<string, GroupMember[]>();
  for (const row of await allRows(datasets, { datasetId, ...step })) {
    if (row.groupId === undefined) continue;
    const members = groups.get(row.groupId);
    if (members) members.push(groupMember(row));
    else groups.set(row.groupId, [groupMember(row)]);
  }
  return [...groups].map(([groupId, members]) => ({ groupId, members, ...step }));
}

/** A trajectory without steps: what a signal of outcome rewards looks at. */
export function fromRow(row: TrajectoryRow): Trajectory {
  return {
    id: row.id,
    datasetId: row.datasetId,
    format: "",
    source: { path: row.path, row: row.row, part: row.part },
    task: {},
    steps: [],
    outcome: {
      components: row.components,
      ...(row.reward === undefined ? {} : { reward: row.reward }),
      ...(row.success === undefined ? {} : { success: row.success }),
      ...(row.truncated === undefined ? {} : { truncated: row.truncated }),
    },
    extra: {},
    notes: [],
    ...(row.groupId === undefined ? {} : { groupId: row.groupId }),
    ...(row.trainingStep === undefined ? {} : { trainingStep: row.trainingStep }),
    ...(row.advantage === undefined ? {} : { advantage: row.advantage }),
  };
}

function kept<T>(
  map: Map<string, Promise<T>>,
  limit: number,
  key: string,
  load: () => Promise<T>,
): Promise<T> {
  const known = map.get(key);
  map.delete(key);
  const value = known ?? load();
  map.set(key, value);
  if (!known) value.catch(() => map.get(key) === value && map.delete(key));
  for (const oldest of map.keys()) {
    if (map.size <= limit) break;
    map.delete(oldest);
  }
  return value;
}

/** The groups all of whose members are among the rows, so that the index need not be asked for them. */
export function completeGroups(rows: readonly TrajectoryRow[]): ReadonlyMap<string, Group> {
  const members = new Map<string, TrajectoryRow[]>();
  for (const row of rows) {
    if (row.groupId === undefined) continue;
    const list = members.get(row.groupId);
    if (list) list.push(row);
    else members.set(row.groupId, [row]);
  }
  const groups = new Map<string, Group>();
  for (const [groupId, list] of members) {
    const [first] = list;
    if (!first || list.length !== first.groupSize || list.some((row) => row.memberIndex === undefined))
      continue;
    list.sort((a, b) => (a.memberIndex ?? 0) - (b.memberIndex ?? 0));
    groups.set(groupId, {
      groupId,
      members: list.map((row) => groupMember(row)),
      ...(first.trainingStep === undefined ? {} : { trainingStep: first.trainingStep }),
      ...(first.groupGuess === undefined ? {} : { guess: first.groupGuess }),
    });
  }
  return groups;
}
