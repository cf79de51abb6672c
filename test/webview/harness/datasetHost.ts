import type {
  DatasetInfo,
  GroupSummary,
  TrainingStepSummary,
  TrajectoryRow,
} from "../../../src/model/summary";
import type { RowQuery } from "../../../src/protocol/storeCalls";
import type { FromDatasetView } from "../../../src/protocol/webviewMessages";
import { HOSTILE, spread } from "./scenarios";
import type { Answer } from "./viewHost";

const GROUP = 8;

interface Shape {
  readonly total: number;
  readonly perStep: number;
  readonly numeric?: boolean;
  readonly hostile?: boolean;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  run: { total: 12 * 256, perStep: 256 },
  single: { total: 64, perStep: 64 },
  million: { total: 1_000_000, perStep: 10_000 },
  control: { total: 500, perStep: 500, numeric: true },
  hostile: { total: 16, perStep: 16, hostile: true },
  nothing: { total: 0, perStep: 1 },
};

/** A row from its number alone, so that a million of them need no memory. */
function rowAt(index: number, shape: Shape): TrajectoryRow {
  const step = Math.floor(index / shape.perStep);
  const group = Math.floor(index / GROUP);
  const base = {
    id: `t${index}`,
    datasetId: "d",
    path: "/runs/rollouts/40.jsonl",
    row: index,
    part: 0,
    stepCount: 3 + Math.floor(spread(index) * 9),
  };
  if (shape.numeric)
    return {
      ...base,
      title: `episode ${index}`,
      reward: -1200 + index * 2 + 300 * spread(index),
      truncated: true,
      stepCount: 200,
      components: {},
    };
  const kind = spread(group * 3 + 1);
  const ease = Math.min(0.95, 0.15 + step * 0.06);
  const reward = kind < 0.12 ? 0 : kind > 0.93 ? 1 : spread(index * 5 + 2) < ease ? 1 : 0;
  const last = index === shape.total - 1;
  return {
    ...base,
    title: shape.hostile
      ? HOSTILE
      : last
        ? `the last of ${shape.total} rows`
        : `3 7 8 ${group % 9} -> ${24 + (group % 5)}, sample ${index % GROUP}`,
    groupId: `g${group}`,
    memberIndex: index % GROUP,
    groupSize: GROUP,
    trainingStep: step,
    reward,
    success: reward === 1,
    ...(spread(index + 7) < 0.04
      ? { truncated: true, stopReason: "length" }
      : { truncated: false, stopReason: "stop" }),
    advantage: (reward - ease) / (0.5 + spread(group)),
    tokenCount: 60 + Math.floor(spread(index + 3) * 200),
    responseCharacters: 200 + Math.floor(spread(index + 4) * 800),
    components: {
      format: spread(index + 9) < 0.9 ? 1 : 0,
      correct: reward,
      arithmetic: Math.min(1, reward + 0.02 * spread(index)),
      [shape.hostile ? HOSTILE : "length penalty"]: index % 11 === 0 ? null : -spread(index) / 10,
    },
  };
}

function matches(row: TrajectoryRow, query: RowQuery, flat: (group: string) => boolean): boolean {
  return (
    (query.text === undefined || row.title.toLowerCase().includes(query.text.toLowerCase())) &&
    (query.success === undefined || row.success === query.success) &&
    (query.truncated === undefined || row.truncated === query.truncated) &&
    (query.groupId === undefined || row.groupId === query.groupId) &&
    (query.trainingStep === undefined || row.trainingStep === query.trainingStep) &&
    (query.trainingStepFrom === undefined || (row.trainingStep ?? -1) >= query.trainingStepFrom) &&
    (query.trainingStepTo === undefined || (row.trainingStep ?? -1) <= query.trainingStepTo) &&
    (query.noContrast !== true || (row.groupId !== undefined && flat(row.groupId)))
  );
}

/** Plays the dataset editor's host over generated rows. */
export function playDataset(name: string, answer: Answer): (message: FromDatasetView) => void {
  const shape = SHAPES[name];
  if (!shape) throw new Error(`There is no scenario ${name}.`);
  const small = shape.total <= 10_000;
  const all = small ? Array.from({ length: shape.total }, (_, index) => rowAt(index, shape)) : [];
  const rewardsOf = (group: number): number[] =>
    Array.from({ length: GROUP }, (_, member) => rowAt(group * GROUP + member, shape).reward as number);
  const flat = (group: string): boolean => new Set(rewardsOf(Number(group.slice(1)))).size === 1;
  const groupCount = shape.numeric ? 0 : Math.ceil(shape.total / GROUP);
  const groupAt = (group: number): GroupSummary => {
    const rewards = rewardsOf(group);
    const mean = rewards.reduce((sum, reward) => sum + reward, 0) / GROUP;
    return {
      groupId: `g${group}`,
      datasetId: "d",
      trainingStep: Math.floor((group * GROUP) / shape.perStep),
      title: rowAt(group * GROUP, shape).title,
      size: GROUP,
      rewardCount: GROUP,
      rewardMean: mean,
      rewardStd: Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / (GROUP - 1)),
      rewardMin: Math.min(...rewards),
      rewardMax: Math.max(...rewards),
      successes: rewards.filter((reward) => reward === 1).length,
    };
  };
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const stepSummary = (step: number): TrainingStepSummary => {
    const rows = Array.from({ length: Math.min(256, shape.perStep) }, (_, index) =>
      rowAt(step * shape.perStep + index, shape),
    );
    const groups = [...new Set(rows.map((row) => row.groupId!))];
    return {
      datasetId: "d",
      trainingStep: step,
      trajectories: shape.perStep,
      groups: shape.perStep / GROUP,
      rewardMean: mean(rows.map((row) => row.reward as number)),
      successRate: mean(rows.map((row) => (row.success ? 1 : 0))),
      truncatedShare: mean(rows.map((row) => (row.truncated ? 1 : 0))),
      noContrastShare: mean(groups.map((group) => (flat(group) ? 1 : 0))),
      meanTokens: mean(rows.map((row) => row.tokenCount!)),
      meanSteps: mean(rows.map((row) => row.stepCount)),
      componentMeans: Object.fromEntries(
        Object.keys(rows[0]!.components).map((component) => [
          component,
          mean(rows.map((row) => row.components[component]).filter((value) => value !== null) as number[]),
        ]),
      ),
    };
  };
  const dataset: DatasetInfo = {
    id: "d",
    path: "/runs/rollouts",
    name: shape.numeric ? "pendulum.hdf5" : "rollouts",
    format: "verl-rollout",
    formatTitle: shape.numeric ? "Minari" : "verl rollouts",
    files: 12,
    bytes: 48_231_993,
    trajectories: shape.total,
    steps: shape.total * 7,
    groups: groupCount,
    trainingSteps: shape.numeric ? 0 : Math.ceil(shape.total / shape.perStep),
    components:
      shape.numeric || shape.total === 0
        ? []
        : ["format", "correct", "arithmetic", shape.hostile ? HOSTILE : "length penalty"],
    nativeTree: false,
    numeric: shape.numeric ?? false,
    modifiedMs: 0,
    warnings: shape.hostile
      ? [{ code: "torn-line", message: HOSTILE }]
      : name === "run"
        ? [
            {
              code: "torn-line",
              message: "40.jsonl ends in the middle of a row; the row is left out until it is complete.",
              where: "/runs/rollouts/40.jsonl:17",
            },
          ]
        : [],
  };
  const order = (query: RowQuery): readonly TrajectoryRow[] => {
    const rows = all.filter((row) => matches(row, query, flat));
    const key = query.sort ?? "row";
    const value = (row: TrajectoryRow): number =>
      ({
        row: row.row,
        reward: row.reward,
        steps: row.stepCount,
        tokens: row.tokenCount,
        length: row.responseCharacters,
        advantage: row.advantage,
        trainingStep: row.trainingStep,
      })[key] ?? -Infinity;
    return rows.sort(
      (a, b) => (query.descending ? value(b) - value(a) : value(a) - value(b)) || a.row - b.row,
    );
  };
  return (message) => {
    switch (message.type) {
      case "ready":
        return answer({
          type: "dataset",
          dataset,
          trainingSteps:
            shape.numeric || shape.total === 0
              ? []
              : Array.from({ length: dataset.trainingSteps }, (_, step) => stepSummary(step)),
          live: name === "run",
        });
      case "rows": {
        if (!small) {
          const rows = Array.from(
            { length: Math.max(0, Math.min(message.end, shape.total) - message.start) },
            (_, offset) => rowAt(message.start + offset, shape),
          );
          return answer({ type: "rows", id: message.id, start: message.start, rows, total: shape.total });
        }
        const rows = order(message.query);
        return answer({
          type: "rows",
          id: message.id,
          start: message.start,
          rows: rows.slice(message.start, message.end),
          total: rows.length,
        });
      }
      case "group": {
        const group = Number(message.groupId.slice(1));
        const rewards = rewardsOf(group);
        const middle = mean(rewards);
        const spreadOf = Math.sqrt(
          rewards.reduce((sum, reward) => sum + (reward - middle) ** 2, 0) / (GROUP - 1),
        );
        return answer({
          type: "group",
          groupId: message.groupId,
          members: rewards.map((_, index) => ({
            id: `t${group * GROUP + index}`,
            text: index === 0 ? "7 - 2 = 5\n8 - 5 = 3" : `7 - 2 = 5\n8 * ${index} = ${8 * index}`,
            shared: index === 0 ? 0 : 12,
            before: 0,
          })),
          advantages: [
            {
              title: "verl",
              convention: "GRPO · verl · std n-1, eps 1e-6",
              values: rewards.map((reward) => (reward - middle) / (spreadOf + 1e-6)),
            },
            {
              title: "verl-dr-grpo",
              convention: "GRPO · verl-dr-grpo · no std",
              values: rewards.map((reward) => reward - middle),
            },
          ],
        });
      }
      case "groups": {
        const numbers = Array.from({ length: groupCount }, (_, group) => group).filter(
          (group) =>
            message.trainingStep === undefined ||
            Math.floor((group * GROUP) / shape.perStep) === message.trainingStep,
        );
        const groups = numbers.slice(message.start, message.end).map(groupAt);
        return answer({
          type: "groups",
          id: message.id,
          start: message.start,
          groups,
          total: numbers.length,
          rewards: Object.fromEntries(
            groups.slice(0, 40).map((group) => [group.groupId, rewardsOf(Number(group.groupId.slice(1)))]),
          ),
        });
      }
    }
  };
}
