import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { Failure } from "../model/failure";
import type { LoadedModel } from "./loadedModel";
import {
  endsCall,
  fitText,
  fittedIndex,
  prepareText,
  sentenceOf,
  type FittedText,
  type PreparedText,
} from "./preparedText";
import type { ScoreContext, Scorer } from "./scorer";
import { stepEndTokens } from "./stepMap";
import { activationOf, activationText, squash } from "./activation";
import { scoreSequences, type RawScores } from "./textScores";

interface Item {
  readonly trajectory: Trajectory;
  readonly prepared: PreparedText;
  readonly fitted: FittedText;
  /** Texts up to the end of each policy step, where those are wanted. */
  readonly prefixes: readonly { readonly step: number; readonly fitted: FittedText }[];
}

/**
 * One reward per trajectory: the model's pooled output, or its output at the last token where it gives one per token.
 * On demand also the reward of everything up to the end of each turn, and the model's output at every token.
 */
export const scalarReward: Scorer = async (model, trajectories, context) => {
  const failures: { trajectoryId: string; message: string }[] = [];
  const items: Item[] = [];
  const tokenizer = await model.tokenizer();
  for (const trajectory of trajectories) {
    try {
      const prepared = await prepareText(model, trajectory);
      // Asked for here, where a tokenizer that rewrites text costs this trajectory alone.
      if (context.extras.perToken) void prepared.tokenText;
      const fit = (ids: readonly number[]): FittedText => {
        const fitted = fitText(model, tokenizer, ids, context.longText);
        if (typeof fitted === "string")
          throw new Failure("too-long", fitted, "Choose another context policy.");
        return fitted;
      };
      const ends = context.extras.prefixes ? stepEndTokens(prepared.tokens, prepared.spans) : [];
      items.push({
        trajectory,
        prepared,
        fitted: fit(prepared.ids),
        prefixes: prepared.spans.flatMap((span, i) =>
          span.policy && ends[i] !== undefined
            ? [{ step: span.step, fitted: fit(prepared.ids.slice(0, ends[i] + 1)) }]
            : [],
        ),
      });
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const sequences = items.flatMap((item) => [
    item.fitted.ids,
    ...item.prefixes.map((prefix) => prefix.fitted.ids),
  ]);
  const { results, tokens } = await scoreSequences(model, sequences, context, true);
  const series: ScoreSeries[] = [];
  let at = 0;
  for (const item of items) {
    const own = results.slice(at, at + 1 + item.prefixes.length);
    at += own.length;
    try {
      series.push(...seriesOf(model, item, own, context));
    } catch (error) {
      failures.push({ trajectoryId: item.trajectory.id, message: sentenceOf(error) });
    }
  }
  return { series, failures, tokens };
};

/** @throws Failure for results that are no reward */
function seriesOf(
  model: LoadedModel,
  { trajectory, prepared, fitted, prefixes }: Item,
  results: readonly (RawScores | string)[],
  context: ScoreContext,
): ScoreSeries[] {
  const read = (result: RawScores | string, length: number): number => {
    if (typeof result === "string") throw new Failure("bad-output", result, "Check the model.");
    if (result.labels > 2)
      throw new Failure(
        "bad-output",
        `${model.files.name} gives ${result.labels} labels; a scalar reward model gives one number (or two, of which the second is read).`,
        "Choose another model.",
      );
    const offset = result.perToken ? (length - 1) * result.labels : 0;
    return squash(result.values, offset, result.labels, activationOf(model, result.labels));
  };
  const [whole, ...rest] = results as [RawScores | string, ...(RawScores | string)[]];
  const reward = read(whole, fitted.ids.length);
  const first = whole as RawScores;
  const activation = activationOf(model, first.labels);
  const how = `${activationText[activation]}, ${prepared.method}${fitted.note}`;
  const base = {
    trajectoryId: trajectory.id,
    unit: activation === "none" ? "reward" : "probability",
    modelPath: model.files.path,
    modelKind: "scalar-reward" as const,
    provider: model.session.provider,
  };
  const series: ScoreSeries[] = [
    {
      ...base,
      name: "reward",
      level: "trajectory",
      values: Float64Array.of(reward),
      method: `${first.perToken ? "read at the last token" : "pooled by the model"}, ${how}`,
    },
  ];
  if (prefixes.length > 0) {
    const values = new Float64Array(trajectory.steps.length).fill(NaN);
    prefixes.forEach((prefix, i) => (values[prefix.step] = read(rest[i]!, prefix.fitted.ids.length)));
    series.push({
      ...base,
      name: "prefix_reward",
      level: "step",
      values,
      method: `reward of everything up to the end of the step, ${how}`,
    });
  }
  if (context.extras.perToken) {
    if (!first.perToken)
      throw new Failure(
        "bad-output",
        `${model.files.name} gives one number for a whole text, so there is none per token.`,
        "Leave out the rewards per token.",
      );
    const values = Float64Array.from(prepared.ids, (_, i) => {
      const token = fittedIndex(fitted, i);
      return token < 0 ? NaN : squash(first.values, token * first.labels, first.labels, activation);
    });
    series.push({
      ...base,
      name: "token_reward",
      level: "token",
      values,
      tokenText: prepared.tokenText,
      method: `read at every token, ${how}`,
    });
  }
  return series;
}
