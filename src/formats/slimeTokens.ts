import type { PlainValue } from "../model/plain";
import type { TokenColumns } from "../model/trajectory";
import { numbersIn, plainNumber } from "./plainFields";

type Fields = ReadonlyMap<string, PlainValue>;

/** Arrays of a sample that have one number a response token, by the names of the model. */
const ROLLOUT_SERIES = [
  ["rollout_log_probs", "logprob"],
  ["teacher_log_probs", "teacher_logprob"],
] as const;
const TRAIN_SERIES = [
  ["log_probs", "trainer_logprob"],
  ["ref_log_probs", "ref_logprob"],
  ["values", "value"],
  ["advantages", "advantage"],
  ["returns", "return"],
  ["teacher_log_probs", "teacher_logprob"],
  ["rollout_log_probs", "logprob"],
] as const;

/** Fields that become tokens and their numbers. */
export const TOKEN_FIELDS: ReadonlySet<string> = new Set([
  "tokens",
  "loss_mask",
  "loss_masks",
  "response_length",
  "response_lengths",
  "total_lengths",
  ...ROLLOUT_SERIES.map(([name]) => name),
  ...TRAIN_SERIES.map(([name]) => name),
]);

/**
 * Tokens of a sample of slime: ids of prompt and response; the mask and all numbers are of the response alone and are
 * aligned with its end. A sample without a mask trains its whole response.
 * @param train the sample of the training dump that belongs to it, if there is one
 */
export function slimeTokens(sample: Fields, train: Fields | undefined): TokenColumns | undefined {
  const ids = numbersIn(sample.get("tokens"))?.data() ?? numbersIn(train?.get("tokens"))?.data();
  if (ids === undefined) return undefined;
  const count = ids.length;
  const response =
    plainNumber(sample.get("response_length")) ??
    plainNumber(sample.get("response_lengths")) ??
    plainNumber(train?.get("response_lengths"));
  const start = typeof response === "number" ? Math.max(0, count - response) : 0;
  const mask = new Uint8Array(count);
  const recorded =
    numbersIn(sample.get("loss_mask") ?? undefined)?.data() ??
    numbersIn(sample.get("loss_masks") ?? undefined)?.data() ??
    numbersIn(train?.get("loss_masks") ?? undefined)?.data();
  if (recorded === undefined) mask.fill(1, start);
  else {
    const from = count - recorded.length;
    for (const [index, value] of recorded.entries())
      if (from + index >= 0) mask[from + index] = value === 0 ? 0 : 1;
  }
  const series: Record<string, Float64Array> = {};
  const take = (fields: Fields, names: readonly (readonly [string, string])[]): void => {
    for (const [name, own] of names) {
      const values = numbersIn(fields.get(name) ?? undefined);
      if (values === undefined || values.shape.length !== 1 || series[own] !== undefined) continue;
      const data = values.data();
      if (data.length > count || data.length === 0) continue;
      const aligned = new Float64Array(count).fill(Number.NaN);
      aligned.set(data, count - data.length);
      series[own] = aligned;
    }
  };
  take(sample, ROLLOUT_SERIES);
  if (train !== undefined) take(train, TRAIN_SERIES);
  else if (sample.has("rollout_position") || sample.has("advantages")) take(sample, TRAIN_SERIES);
  return { count, ids: Int32Array.from(ids), mask, series };
}
