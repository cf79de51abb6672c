import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { prepareText, sentenceOf, tooLong, type PreparedText } from "./preparedText";
import type { Scorer } from "./scorer";
import { activationOf, activationText, scoreSequences, squash } from "./textScores";

/** One reward per trajectory: the model's pooled output, or its output at the last token where it gives one per token. */
export const scalarReward: Scorer = async (model, trajectories, context) => {
  const failures: { trajectoryId: string; message: string }[] = [];
  const items: { trajectory: Trajectory; prepared: PreparedText }[] = [];
  for (const trajectory of trajectories) {
    try {
      const prepared = await prepareText(model, trajectory);
      const message = tooLong(model, prepared.ids.length);
      if (message === undefined) items.push({ trajectory, prepared });
      else failures.push({ trajectoryId: trajectory.id, message });
    } catch (error) {
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const { results, tokens } = await scoreSequences(
    model,
    items.map((item) => item.prepared.ids),
    context,
    true,
  );
  const series: ScoreSeries[] = [];
  items.forEach(({ trajectory, prepared }, index) => {
    const result = results[index]!;
    if (typeof result === "string") {
      failures.push({ trajectoryId: trajectory.id, message: result });
      return;
    }
    if (result.labels > 2) {
      failures.push({
        trajectoryId: trajectory.id,
        message: `${model.files.name} gives ${result.labels} labels; a scalar reward model gives one number (or two, of which the second is read).`,
      });
      return;
    }
    const activation = activationOf(model, result.labels);
    const offset = result.perToken ? (prepared.ids.length - 1) * result.labels : 0;
    series.push({
      trajectoryId: trajectory.id,
      name: "reward",
      level: "trajectory",
      unit: activation === "none" ? "reward" : "probability",
      values: Float64Array.of(squash(result.values, offset, result.labels, activation)),
      modelPath: model.files.path,
      modelKind: "scalar-reward",
      provider: model.session.provider,
      method: `${result.perToken ? "read at the last token" : "pooled by the model"}, ${activationText[activation]}, ${prepared.method}`,
    });
  });
  return { series, failures, tokens };
};
