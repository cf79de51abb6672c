import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { causalPass } from "./causalPass";
import type { TokenStatistics } from "./distribution";
import { contextLength } from "./modelConfig";
import { endsCall, prepareText, sentenceOf, tooLong, type PreparedText } from "./preparedText";
import type { Scorer, ScoreContext } from "./scorer";
import { stepOfTokens } from "./stepMap";

interface Item {
  readonly trajectory: Trajectory;
  readonly prepared: PreparedText;
  /** 1 where the policy wrote the token. */
  readonly own: Uint8Array;
  readonly windows: readonly Window[];
}

/** Tokens [start, end) are run together; those from `from` on get their numbers here. */
interface Window {
  readonly start: number;
  readonly end: number;
  readonly from: number;
}

const SERIES: readonly { readonly name: keyof TokenStatistics; readonly unit: string }[] = [
  { name: "logprob", unit: "nats" },
  { name: "entropy", unit: "nats" },
  { name: "rank", unit: "rank (1 = likeliest)" },
];

/**
 * Log-probability, entropy and rank of the tokens that the policy wrote, under a causal language model at
 * temperature 1. Prompt, tool and template tokens are NaN: nobody chose them.
 */
export const policyScores: Scorer = async (model, trajectories, context) => {
  const failures: { trajectoryId: string; message: string }[] = [];
  const items: Item[] = [];
  for (const trajectory of trajectories) {
    try {
      items.push(
        itemOf(trajectory, await prepareText(model, trajectory), contextLength(model.files.config), context),
      );
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const fitting = items.filter((item) => {
    const message = item.windows.length === 0 ? tooLong(model, item.prepared.ids.length) : undefined;
    if (message !== undefined) failures.push({ trajectoryId: item.trajectory.id, message });
    return message === undefined;
  });
  const windows = fitting.flatMap((item) => item.windows.map((window) => ({ item, window })));
  const wanted = windows.map(({ item, window }) => {
    const mask = item.own.slice(window.start, window.end);
    mask.fill(0, 0, window.from - window.start);
    return mask;
  });
  const { statistics, computedTokens } = await causalPass(
    model,
    windows.map(({ item, window }) => item.prepared.ids.slice(window.start, window.end)),
    wanted,
    {
      signal: context.signal,
      maxBatchTokens: context.maxBatchTokens,
      sharePrefixes: context.sharePrefixes,
      onBatch: (done, total) =>
        context.onProgress(
          Math.floor((trajectories.length * done) / Math.max(total, 1)),
          `${done.toLocaleString("en")} of ${total.toLocaleString("en")} tokens`,
        ),
    },
  );
  const series: ScoreSeries[] = [];
  let at = 0;
  for (const item of fitting) {
    const parts = item.windows.map((window) => ({ window, result: statistics[at++]! }));
    const unscored = [...item.own].some(
      (flag, i) =>
        flag === 1 &&
        i > 0 &&
        !parts.some(
          ({ window, result }) =>
            i >= window.from && i < window.end && !Number.isNaN(result.logprob[i - window.start]!),
        ),
    );
    if (unscored) {
      failures.push({
        trajectoryId: item.trajectory.id,
        message: `${model.files.name} returned NaN where it should give a log-probability, so its numbers are not used.`,
      });
      continue;
    }
    for (const { name, unit } of SERIES)
      series.push(seriesOf(item, name, unit, parts, model.files.path, model.session.provider));
  }
  return { series, failures, tokens: computedTokens };
};

function itemOf(
  trajectory: Trajectory,
  prepared: PreparedText,
  limit: number | undefined,
  context: ScoreContext,
): Item {
  const length = prepared.ids.length;
  return {
    trajectory,
    prepared,
    own: ownTokens(trajectory, prepared),
    windows: windowsOf(length, limit, context.longText),
  };
}

/** Which tokens the policy wrote: the file's own mask, else the tokens of assistant steps. */
function ownTokens(trajectory: Trajectory, prepared: PreparedText): Uint8Array {
  const mask = trajectory.tokens?.mask;
  if (prepared.fromFile && mask?.length === prepared.ids.length) return mask;
  const steps = stepOfTokens(prepared.tokens, prepared.spans);
  return Uint8Array.from(steps, (span) => (span >= 0 && prepared.spans[span]!.policy ? 1 : 0));
}

/** One window where the text fits; overlapping halves where it may slide; none where it is refused. */
function windowsOf(length: number, limit: number | undefined, longText: "refuse" | "slide"): Window[] {
  if (limit === undefined || length <= limit) return [{ start: 0, end: length, from: 0 }];
  if (longText === "refuse") return [];
  const windows: Window[] = [{ start: 0, end: limit, from: 0 }];
  const stride = Math.max(1, Math.floor(limit / 2));
  while (windows.at(-1)!.end < length) {
    const from = windows.at(-1)!.end;
    const end = Math.min(length, from + stride);
    windows.push({ start: end - limit, end, from });
  }
  return windows;
}

function seriesOf(
  item: Item,
  name: keyof TokenStatistics,
  unit: string,
  parts: readonly { readonly window: Window; readonly result: TokenStatistics }[],
  modelPath: string,
  provider: ScoreSeries["provider"],
): ScoreSeries {
  const values = new Float64Array(item.prepared.ids.length).fill(NaN);
  for (const { window, result } of parts)
    values.set(result[name].subarray(window.from - window.start), window.from);
  const slid = parts.length > 1 ? `, ${parts.length} overlapping windows (longer than the context)` : "";
  return {
    trajectoryId: item.trajectory.id,
    name,
    level: "token",
    unit,
    values,
    tokenText: item.prepared.tokenText,
    modelPath,
    modelKind: "policy-lm",
    provider,
    method: `temperature 1, ${item.prepared.method}, prompt masked${slid}`,
  };
}
