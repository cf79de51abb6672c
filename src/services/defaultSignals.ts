import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { formatById } from "../formats/index";
import { signals as catalogue } from "../signals/index";
import { trainers } from "../trainers/index";
import type { Trainer } from "../trainers/trainer";
import type { RunSettings } from "./runSettings";
import type { SignalRequest } from "./services";

/** Signals that only show what the file records, in the order of the tracks. */
const RECORDED = [
  "recorded-reward",
  "recorded-value",
  "recorded-advantage",
  "recorded-return",
  "logprob",
  "entropy",
];

/** The trainer whose conventions a format's numbers follow: the first of the catalogue that writes the format. */
export const trainerOfFormat = (format: string): Trainer | undefined =>
  trainers.find((trainer) => trainer.formats.includes(format));

/**
 * How the trainer of a format turns a group into advantages: over the edges of the tree where the file records one,
 * else over the rewards of the group. Undefined where no known trainer writes the format.
 */
export function groupEstimator(format: string): SignalRequest | undefined {
  if (formatById(format)?.nativeTree) return { signalId: "spo-tree", presetId: "spo-rloo" };
  const presetId = trainerOfFormat(format)?.presets["grpo"];
  return presetId === undefined ? undefined : { signalId: "grpo", presetId };
}

/**
 * The tracks to show first: what the file records, then what models made of it, then the estimator that the trainer
 * of the format uses: group-relative where there are groups, returns and GAE for numeric episodes.
 * @param run discount and trace decay that the run was trained with, where it says so
 */
export function defaultRequests(
  trajectory: Trajectory,
  scores: readonly ScoreSeries[],
  run: RunSettings = {},
): readonly SignalRequest[] {
  const requests: SignalRequest[] = [];
  for (const signalId of RECORDED) {
    const signal = catalogue.find((candidate) => candidate.id === signalId);
    if (!signal) continue;
    const parameters = Object.fromEntries(
      signal.parameters.map((parameter) => [parameter.name, parameter.default]),
    );
    // Model scores have tracks of their own: what is asked here is what the file itself holds.
    const result = signal.compute({ trajectory }, parameters);
    if (!("missing" in result)) requests.push({ signalId });
  }
  requests.push(...modelRequests(scores));
  const trainer = trainerOfFormat(trajectory.format);
  const estimator = groupEstimator(trajectory.format);
  if (trajectory.groupId !== undefined && estimator) requests.push(estimator);
  if (trajectory.columns) {
    const { gamma, lambda } = run;
    const discount = gamma === undefined ? {} : { gamma };
    requests.push({ signalId: "return", parameters: discount });
    const hasValues =
      trajectory.columns.columns.some((column) => column.role === "value") ||
      scores.some((series) => series.name === "value");
    const gae = trainer?.presets["gae"];
    if (hasValues)
      requests.push({
        signalId: "gae",
        ...(gae === undefined ? {} : { presetId: gae }),
        parameters: { ...discount, ...(lambda === undefined ? {} : { lambda }) },
      });
  }
  return requests.filter((request) => catalogue.some((signal) => signal.id === request.signalId));
}

/** One track for each series that a model produced. */
function modelRequests(scores: readonly ScoreSeries[]): SignalRequest[] {
  const names = new Set(scores.map((series) => series.name));
  return [...names].map((name) => ({ signalId: "model-score", parameters: { name } }));
}
