import { Failure } from "../model/failure";
import type { StepSummary } from "../model/summary";
import type { ColumnRole, NumericColumn, Outcome, Step } from "../model/trajectory";
import type { FileHead, Format, FormatRecord, Hdf5Group, RecordContext } from "./format";

const EPISODE = /^episode_(\d+)$/;
const INFO_ROLES: Readonly<Record<string, ColumnRole>> = {
  value: "value",
  values: "value",
  value_estimate: "value",
  logprob: "logprob",
  logprobs: "logprob",
  log_prob: "logprob",
  log_probs: "logprob",
  action_log_prob: "logprob",
};
/** Attributes that name, place or count the episode rather than measure it. */

function groupOf(record: FormatRecord): Hdf5Group {
  if (record.kind !== "hdf5")
    throw new Failure(
      "unfit-record",
      "The record is not an HDF5 group.",
      "Check that the file is a Minari dataset.",
    );
  return record.group;
}

/** Length of the episode: rewards, actions and flags have one row a step. */
function stepCountOf(group: Hdf5Group): number {
  for (const name of ["rewards", "terminations", "truncations", "actions"]) {
    const rows = group.shape(name)?.[0];
    if (rows !== undefined) return rows;
  }
  throw new Failure(
    "missing-field",
    `Episode ${group.name} has neither rewards nor actions.`,
    "The file may be cut off.",
  );
}

function columnOf(
  group: Hdf5Group,
  dataset: string,
  name: string,
  role: ColumnRole,
): NumericColumn | undefined {
  const shape = group.shape(dataset);
  const data = group.numbers(dataset);
  if (shape === undefined || data === undefined) return undefined;
  const rows = shape[0] ?? 1;
  return {
    name,
    role,
    rows,
    width: rows === 0 ? shape.slice(1).reduce((product, size) => product * size, 1) : data.length / rows,
    data,
  };
}

/** Datasets of a group and of the groups below it: Dict spaces nest, Tuple spaces use `_index_i`. */
function* columnsBelow(
  group: Hdf5Group,
  prefix: string,
  role: (name: string) => ColumnRole,
): Generator<NumericColumn> {
  for (const dataset of group.datasets) {
    const column = columnOf(group, dataset, `${prefix}${dataset}`, role(dataset));
    if (column !== undefined) yield column;
  }
  for (const child of group.groups) {
    const inner = group.group(child);
    if (inner !== undefined) yield* columnsBelow(inner, `${prefix}${child}.`, role);
  }
}

const spaceName = (name: string): string => name.replace(/\._index_(\d+)/g, ".$1");

function columnsOf(group: Hdf5Group): NumericColumn[] {
  const columns: NumericColumn[] = [];
  const roles: Readonly<Record<string, ColumnRole>> = {
    observations: "observation",
    actions: "action",
    rewards: "reward",
    terminations: "terminated",
    truncations: "truncated",
  };
  for (const [name, role] of Object.entries(roles)) {
    const flat = columnOf(group, name, name, role);
    if (flat !== undefined) columns.push(flat);
    const nested = group.group(name);
    if (nested !== undefined)
      for (const column of columnsBelow(nested, `${name}.`, () => role))
        columns.push({ ...column, name: spaceName(column.name) });
  }
  const infos = group.group("infos");
  if (infos !== undefined)
    for (const column of columnsBelow(infos, "infos.", (name) => INFO_ROLES[name] ?? "info"))
      columns.push({ ...column, name: spaceName(column.name) });
  for (const dataset of group.datasets) {
    if (dataset in roles || dataset === "infos") continue;
    const column = columnOf(group, dataset, dataset, INFO_ROLES[dataset] ?? "info");
    if (column !== undefined) columns.push(column);
  }
  return columns;
}

/** Undiscounted sum of the recorded rewards; absent when there are none, NaN when one is. */
function rewardSum(group: Hdf5Group): number | undefined {
  const rewards = group.numbers("rewards");
  if (rewards === undefined) return undefined;
  let sum = 0;
  for (const reward of rewards) sum += reward;
  return sum;
}

function endOf(group: Hdf5Group): { readonly stopReason?: string; readonly truncated?: boolean } {
  const terminated = group.numbers("terminations")?.some((flag) => flag !== 0);
  const truncated = group.numbers("truncations")?.some((flag) => flag !== 0);
  return {
    ...(truncated === undefined ? {} : { truncated: truncated && terminated !== true }),
    ...(terminated === true
      ? { stopReason: "terminated" }
      : truncated === true
        ? { stopReason: "truncated" }
        : {}),
  };
}

function numberColumn(
  columns: readonly NumericColumn[],
  role: ColumnRole,
  steps: number,
): NumericColumn | undefined {
  return columns.find(
    (column) =>
      column.role === role && column.width === 1 && (column.rows === steps || column.rows === steps + 1),
  );
}

/** Advantages that the collector recorded among the infos. */
function advantageColumn(columns: readonly NumericColumn[], steps: number): NumericColumn | undefined {
  return columns.find(
    (column) => /^infos\.advantages?$/.test(column.name) && column.width === 1 && column.rows >= steps,
  );
}

function stepsOf(columns: readonly NumericColumn[], count: number): Step[] {
  const reward = numberColumn(columns, "reward", count);
  const value = numberColumn(columns, "value", count);
  const logprob = numberColumn(columns, "logprob", count);
  const terminated = numberColumn(columns, "terminated", count);
  const truncated = numberColumn(columns, "truncated", count);
  const advantage = advantageColumn(columns, count);
  return Array.from({ length: count }, (_, index): Step => {
    const at = (column: NumericColumn | undefined): number | undefined => column?.data[index];
    return {
      index,
      role: "assistant",
      kind: "act",
      ...(reward === undefined ? {} : { reward: at(reward) as number }),
      ...(value === undefined ? {} : { value: at(value) as number }),
      ...(advantage === undefined ? {} : { advantage: at(advantage) as number }),
      ...(logprob === undefined ? {} : { logprob: at(logprob) as number }),
      ...(terminated === undefined ? {} : { terminated: at(terminated) === 1 }),
      ...(truncated === undefined ? {} : { truncated: at(truncated) === 1 }),
    };
  });
}

/**
 * Parts of the reward, each summed over the episode: columns of one number a step under `infos` whose names say so
 * (`reward_angle`). An episode's attributes are no parts of its reward; they stay visible under `extra`.
 */
function rewardComponents(group: Hdf5Group, count: number): Record<string, number> {
  const components: Record<string, number> = {};
  const infos = group.group("infos");
  for (const name of infos?.datasets ?? []) {
    if (!/^rewards?_/.test(name)) continue;
    const shape = infos?.shape(name);
    if (infos === undefined || shape === undefined || shape.length > 2 || (shape[1] ?? 1) !== 1) continue;
    const column = columnOf(infos, name, `infos.${name}`, "info");
    if (column === undefined || column.rows < count) continue;
    let sum = 0;
    for (let step = 0; step < count; step++) sum += column.data[step]!;
    components[name] = sum;
  }
  return components;
}

/** Training step that a collector wrote beside the episode. */
function trainingStepOf(group: Hdf5Group): { readonly trainingStep?: number } {
  const step = group.attributes["training_step"] ?? group.attributes["iteration"];
  return typeof step === "number" && Number.isInteger(step) ? { trainingStep: step } : {};
}

/** Rewards, values and advantages per step, for the index. */
function stepSummaries(group: Hdf5Group, count: number): readonly StepSummary[] {
  const columns = [...scalarColumns(group, count)];
  const steps = stepsOf(columns, count);
  return steps.map(({ index, reward, value, advantage }) => ({
    index,
    ...(reward === undefined ? {} : { reward }),
    ...(value === undefined ? {} : { value }),
    ...(advantage === undefined ? {} : { advantage }),
  }));
}

/** The columns of one number a step that the index keeps; pictures and observations stay unread. */
function* scalarColumns(group: Hdf5Group, count: number): Generator<NumericColumn> {
  const rewards = columnOf(group, "rewards", "rewards", "reward");
  if (rewards !== undefined) yield rewards;
  const infos = group.group("infos");
  for (const name of infos?.datasets ?? []) {
    const role = INFO_ROLES[name] ?? "info";
    const shape = infos?.shape(name);
    if (
      infos === undefined ||
      (role !== "value" && !/^advantages?$/.test(name)) ||
      shape === undefined ||
      shape.length > 2 ||
      (shape[1] ?? 1) !== 1 ||
      (shape[0] ?? 0) < count
    )
      continue;
    const column = columnOf(infos, name, `infos.${name}`, role);
    if (column !== undefined) yield column;
  }
}

function episodeNumber(group: Hdf5Group, context: RecordContext): number {
  const id = group.attributes["id"];
  return typeof id === "number" ? id : Number(EPISODE.exec(context.member ?? "")?.[1] ?? context.row);
}

/** Minari datasets in HDF5: one group an episode, observations one row longer than everything else. */
export const minari: Format = {
  id: "minari",
  title: "Minari episodes",
  source: "Farama-Foundation/Minari, data/main_data.hdf5",
  containers: ["hdf5"],
  grouping: "none",
  nativeTree: false,

  detect(head: FileHead) {
    const root = head.hdf5;
    const first = root?.groups.find((name) => EPISODE.test(name));
    if (root === undefined || first === undefined) return undefined;
    const episode = root.group(first);
    if (episode === undefined) return undefined;
    const parts = new Set([...episode.datasets, ...episode.groups]);
    if (!parts.has("actions") && !parts.has("rewards")) return undefined;
    return {
      // Without its flags the group is any writer's.
      confidence:
        parts.has("terminations") && parts.has("truncations") ? 0.95 : parts.has("dones") ? 0.3 : 0.7,
      reason: "HDF5 groups episode_N with actions, rewards, terminations, truncations",
    };
  },

  members(root) {
    return root.groups
      .filter((name) => EPISODE.test(name))
      .sort((left, right) => Number(EPISODE.exec(left)?.[1]) - Number(EPISODE.exec(right)?.[1]));
  },

  datasetPath(path) {
    // `<dataset id>/data/main_data.hdf5`: the folder of the id is what people call the dataset.
    return path.replace(/[/\\]data[/\\]main_data\.hdf5$/, "");
  },

  summarise(record, context) {
    const group = groupOf(record);
    const stepCount = stepCountOf(group);
    const reward = rewardSum(group);
    return [
      {
        part: 0,
        ownId: context.member ?? group.name,
        title: `episode ${episodeNumber(group, context)}`,
        ...(reward === undefined ? {} : { reward }),
        ...trainingStepOf(group),
        ...endOf(group),
        stepCount,
        components: rewardComponents(group, stepCount),
        steps: stepSummaries(group, stepCount),
      },
    ];
  },

  read(record, place, context) {
    const group = groupOf(record);
    const count = stepCountOf(group);
    const columns = columnsOf(group);
    const reward = rewardSum(group);
    const outcome: Outcome = {
      ...(reward === undefined ? {} : { reward, rewardSource: "sum of rewards" }),
      ...endOf(group),
      components: rewardComponents(group, count),
    };
    return {
      ...place,
      format: "minari",
      task: { id: String(episodeNumber(group, context)) },
      ...trainingStepOf(group),
      steps: stepsOf(columns, count),
      columns: { steps: count, columns },
      outcome,
      extra: group.attributes,
      notes: [],
    };
  },
};
