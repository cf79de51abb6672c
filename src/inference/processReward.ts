import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { Failure } from "../model/failure";
import type { LoadedModel } from "./loadedModel";
import {
  fitText,
  fittedIndex,
  prepareText,
  sentenceOf,
  type FittedText,
  type PreparedText,
} from "./preparedText";
import type { Scorer } from "./scorer";
import { stepEndTokens } from "./stepMap";
import { activationOf, activationText, squash } from "./activation";
import { scoreSequences } from "./textScores";
import type { TextTokenizer } from "./tokenizing";
import type { StepSpan, TrajectoryText } from "./trajectoryText";

/**
 * Makes every assistant step end with the separator that the model was trained on. A special token is put behind
 * each step; a plain one (a line feed) is normally in the text and is added only behind an unfinished last step.
 */
export function withSeparators(
  text: TrajectoryText,
  separator: string,
  special: boolean,
): { text: TrajectoryText; added: number } {
  let [built, cursor, added] = ["", 0, 0];
  const spans: StepSpan[] = [];
  const lastPolicy = text.spans.findLastIndex((span) => span.policy);
  text.spans.forEach((span, index) => {
    built += text.text.slice(cursor, span.start);
    const start = built.length;
    built += text.text.slice(span.start, span.end);
    cursor = span.end;
    const missing =
      span.policy &&
      !text.text.slice(0, span.end).endsWith(separator) &&
      !text.text.startsWith(separator, span.end);
    if (missing && (special || index === lastPolicy)) {
      built += separator;
      added++;
    } else if (
      span.policy &&
      text.text.startsWith(separator, span.end) &&
      text.spans[index + 1]?.start !== span.end
    ) {
      built += separator;
      cursor += separator.length;
    }
    spans.push({ ...span, start, end: built.length });
  });
  built += text.text.slice(cursor);
  return { text: { ...text, text: built, spans }, added };
}

interface Item {
  readonly trajectory: Trajectory;
  readonly prepared: PreparedText;
  /** Token that ends each span. */
  readonly ends: readonly number[];
  readonly fitted: FittedText;
  readonly addedSeparators: number;
}

/** Per-step scores of a process reward model, all steps of a trajectory in one pass, read at the tokens that end steps. */
export const processReward: Scorer = async (model, trajectories, context) => {
  const failures: { trajectoryId: string; message: string }[] = [];
  const items: Item[] = [];
  const separator = model.files.config?.trajectory_lens?.step_separator;
  const tokenizer = await model.tokenizer();
  const labels = labelIds(model, tokenizer);
  for (const trajectory of trajectories) {
    try {
      const item = await processRewardItem(trajectory, separator, tokenizer, (edit) =>
        prepareText(model, trajectory, edit),
      );
      const fitted = fitText(model, tokenizer, item.prepared.ids, context.longText);
      if (typeof fitted === "string") failures.push({ trajectoryId: trajectory.id, message: fitted });
      else items.push({ ...item, fitted });
    } catch (error) {
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const { results, tokens } = await scoreSequences(
    model,
    items.map((item) => item.fitted.ids),
    context,
    false,
    labels,
  );
  const series: ScoreSeries[] = [];
  items.forEach((item, index) => {
    const result = results[index]!;
    const id = item.trajectory.id;
    if (typeof result === "string") failures.push({ trajectoryId: id, message: result });
    else if (!result.perToken || result.labels > 2)
      failures.push({
        trajectoryId: id,
        message: `${model.files.name} gives ${result.labels} numbers for a whole text; a process reward model gives one or two per token.`,
      });
    else {
      const activation = activationOf(model, result.labels);
      const values = new Float64Array(item.trajectory.steps.length).fill(NaN);
      const read = (token: number): number =>
        squash(result.values, token * result.labels, result.labels, activation);
      item.prepared.spans.forEach((span, at) => {
        const token = fittedIndex(item.fitted, item.ends[at]!);
        if (span.policy && token >= 0) values[span.step] = read(token);
      });
      const added =
        item.addedSeparators === 0
          ? ""
          : `, ${JSON.stringify(separator)} added behind ${item.addedSeparators} step${item.addedSeparators === 1 ? "" : "s"}`;
      const how = `${labels ? `probability of ${JSON.stringify(model.files.config?.trajectory_lens?.step_labels?.[0])} among the step labels` : activationText[activation]}, ${item.prepared.method}${added}${item.fitted.note}`;
      const base = {
        trajectoryId: id,
        unit: activation === "none" ? "reward" : "probability",
        modelPath: model.files.path,
        modelKind: "process-reward" as const,
        provider: model.session.provider,
      };
      series.push({
        ...base,
        name: "reward",
        level: "step",
        values,
        method: `read at step-end tokens, ${how}`,
      });
      if (context.extras.perToken || model.files.config?.trajectory_lens?.level === "token") {
        const all = Float64Array.from(item.prepared.ids, (_, i) => {
          const token = fittedIndex(item.fitted, i);
          return token < 0 ? NaN : read(token);
        });
        series.push({
          ...base,
          name: "token_reward",
          level: "token",
          values: all,
          tokenText: item.prepared.tokenText,
          method: `read at every token, ${how}`,
        });
      }
    }
  });
  return { series, failures, tokens };
};

/**
 * Ids of the tokens for a bad and a good step, for models that answer in their vocabulary.
 * @throws Failure `bad-step-labels` when a label is not one token
 */
function labelIds(model: LoadedModel, tokenizer: TextTokenizer): readonly [number, number] | undefined {
  const labels = model.files.config?.trajectory_lens?.step_labels;
  if (!labels) return undefined;
  const [good, bad] = labels.map((label) => {
    const ids = tokenizer.encode(label, false);
    if (ids.length === 1) return ids[0]!;
    throw new Failure(
      "bad-step-labels",
      `The step label ${JSON.stringify(label)} of ${model.files.name} is ${ids.length} tokens in its tokenizer; it must be one.`,
      "Correct stepLabels in its declaration (a space in front may be missing).",
    );
  }) as [number, number];
  return [bad, good];
}

/** The text of a trajectory with the model's step separators in it, and the token that ends each step. */
export async function processRewardItem(
  trajectory: Trajectory,
  separator: string | undefined,
  tokenizer: TextTokenizer,
  prepare: (edit?: (text: TrajectoryText) => TrajectoryText) => Promise<PreparedText>,
): Promise<Omit<Item, "fitted">> {
  let addedSeparators = 0;
  let edit: ((text: TrajectoryText) => TrajectoryText) | undefined;
  if (separator !== undefined && separator !== "") {
    const ids = tokenizer.encode(separator, false);
    const special = ids.length === 1 && tokenizer.isSpecial(ids[0]!);
    edit = (text) => {
      const edited = withSeparators(text, separator, special);
      addedSeparators = edited.added;
      return edited.text;
    };
  }
  let prepared: PreparedText;
  try {
    prepared = await prepare(edit);
  } catch (error) {
    // Files that hold token ids alone have no text to put separators into; their own step ends count.
    if (!edit || !trajectory.tokens?.ids) throw error;
    prepared = await prepare();
  }
  return { trajectory, prepared, ends: stepEndTokens(prepared.tokens, prepared.spans), addedSeparators };
}
