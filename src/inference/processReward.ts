import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { prepareText, sentenceOf, tooLong, type PreparedText } from "./preparedText";
import type { Scorer } from "./scorer";
import { stepEndTokens } from "./stepMap";
import { activationOf, activationText, scoreSequences, squash } from "./textScores";
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
  readonly ends: readonly number[];
  readonly addedSeparators: number;
}

/** Per-step scores of a process reward model, all steps of a trajectory in one pass, read at the tokens that end steps. */
export const processReward: Scorer = async (model, trajectories, context) => {
  const failures: { trajectoryId: string; message: string }[] = [];
  const items: Item[] = [];
  const separator = model.files.config?.trajectory_lens?.step_separator;
  const tokenizer = await model.tokenizer();
  for (const trajectory of trajectories) {
    try {
      const item = await itemOf(trajectory, separator, tokenizer, (edit) =>
        prepareText(model, trajectory, edit),
      );
      const message = tooLong(model, item.prepared.ids.length);
      if (message === undefined) items.push(item);
      else failures.push({ trajectoryId: trajectory.id, message });
    } catch (error) {
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const { results, tokens } = await scoreSequences(
    model,
    items.map((item) => item.prepared.ids),
    context,
    false,
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
      item.prepared.spans.forEach((span, at) => {
        if (span.policy)
          values[span.step] = squash(
            result.values,
            item.ends[at]! * result.labels,
            result.labels,
            activation,
          );
      });
      const added =
        item.addedSeparators === 0
          ? ""
          : `, ${JSON.stringify(separator)} added behind ${item.addedSeparators} step${item.addedSeparators === 1 ? "" : "s"}`;
      series.push({
        trajectoryId: id,
        name: "reward",
        level: "step",
        unit: activation === "none" ? "reward" : "probability",
        values,
        modelPath: model.files.path,
        modelKind: "process-reward",
        provider: model.session.provider,
        method: `read at step-end tokens, ${activationText[activation]}, ${item.prepared.method}${added}`,
      });
    }
  });
  return { series, failures, tokens };
};

async function itemOf(
  trajectory: Trajectory,
  separator: string | undefined,
  tokenizer: TextTokenizer,
  prepare: (edit?: (text: TrajectoryText) => TrajectoryText) => Promise<PreparedText>,
): Promise<Item> {
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
