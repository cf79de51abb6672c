import { Failure } from "../model/failure";
import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { fitText, sentenceOf } from "./preparedText";
import type { Scorer } from "./scorer";
import { scoreSequences } from "./textScores";
import { textOf } from "./trajectoryText";

const DEFAULT_TEMPLATE = "{prompt}\n\nA: {a}\n\nB: {b}";

/** What was asked and what was answered, as a preference model compares them. */
function parts(trajectory: Trajectory): { prompt: string; response: string } {
  if (trajectory.flatText) return trajectory.flatText;
  const { text, spans } = textOf(trajectory, undefined);
  const first = spans.find((span) => span.policy)?.start ?? text.length;
  return { prompt: text.slice(0, first), response: text.slice(first) };
}

const filled = (template: string, values: Readonly<Record<string, string>>): string =>
  template.replace(/\{(prompt|a|b)\}/g, (_, name: string) => values[name]!);

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/**
 * Share of comparisons that a trajectory wins against the others of its group, under a model that reads two answers at
 * once. Each pair is read in both orders and the two probabilities are averaged, because such models favour a place.
 * One output is the logit of "A is better"; of two outputs the first stands for A, the second for B.
 */
export const preferencePairs: Scorer = async (model, trajectories, context) => {
  const tokenizer = await model.tokenizer();
  const template = model.files.config?.trajectory_lens?.pair_template ?? DEFAULT_TEMPLATE;
  for (const place of ["{a}", "{b}"])
    if (!template.includes(place))
      throw new Failure(
        "bad-template",
        `The pair template of ${model.files.name} has no ${place}.`,
        "Write {prompt}, {a} and {b} where the texts belong.",
      );
  const failures: { trajectoryId: string; message: string }[] = [];
  const texts = new Map<Trajectory, { prompt: string; response: string }>();
  for (const trajectory of trajectories) {
    try {
      texts.set(trajectory, parts(trajectory));
    } catch (error) {
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const pairs: { a: Trajectory; b: Trajectory; ids: readonly number[] }[] = [];
  const tooLong = new Map<string, string>();
  for (const group of groupsOf([...texts.keys()])) {
    if (group.length < 2) {
      for (const { id } of group)
        failures.push({
          trajectoryId: id,
          message: `Trajectory ${id} has nobody to be compared with: a preference model needs another rollout of the same prompt.`,
        });
    }
    for (const a of group) {
      for (const b of group) {
        if (a === b) continue;
        const { prompt, response } = texts.get(a)!;
        const text = filled(template, { prompt, a: response, b: texts.get(b)!.response });
        const fitted = fitText(model, tokenizer, tokenizer.encode(text, true), context.longText);
        if (typeof fitted === "string") for (const { id } of [a, b]) tooLong.set(id, fitted);
        else pairs.push({ a, b, ids: fitted.ids });
      }
    }
  }
  for (const [trajectoryId, message] of tooLong) failures.push({ trajectoryId, message });
  const { results, tokens } = await scoreSequences(
    model,
    pairs.map((pair) => pair.ids),
    context,
    true,
  );
  const wins = new Map<string, number[]>();
  const bad = new Map<string, string>();
  pairs.forEach(({ a, b, ids }, index) => {
    const result = results[index]!;
    if (typeof result === "string") return void bad.set(a.id, result).set(b.id, result);
    const { labels, values, perToken } = result;
    if (labels > 2) {
      const message = `${model.files.name} gives ${labels} numbers for a pair; a preference model gives one or two.`;
      return void bad.set(a.id, message).set(b.id, message);
    }
    const offset = perToken ? (ids.length - 1) * labels : 0;
    const p = sigmoid(labels === 2 ? values[offset]! - values[offset + 1]! : values[offset]!);
    wins.set(a.id, [...(wins.get(a.id) ?? []), p]);
    wins.set(b.id, [...(wins.get(b.id) ?? []), 1 - p]);
  });
  const series: ScoreSeries[] = [];
  for (const trajectory of texts.keys()) {
    const message = bad.get(trajectory.id);
    const own = wins.get(trajectory.id);
    if (message !== undefined) failures.push({ trajectoryId: trajectory.id, message });
    else if (own && !tooLong.has(trajectory.id))
      series.push({
        trajectoryId: trajectory.id,
        name: "preference",
        level: "trajectory",
        unit: "probability",
        values: Float64Array.of(own.reduce((sum, p) => sum + p, 0) / own.length),
        modelPath: model.files.path,
        modelKind: "preference-pair",
        provider: model.session.provider,
        method: `mean probability of being preferred over ${own.length / 2} other${own.length === 2 ? "" : "s"} of the group, both orders averaged`,
      });
  }
  return { series, failures, tokens };
};

/** Trajectories of one group; those without a group that answer the same prompt. */
function groupsOf(trajectories: readonly Trajectory[]): readonly (readonly Trajectory[])[] {
  const groups = new Map<string, Trajectory[]>();
  for (const trajectory of trajectories) {
    const key = trajectory.groupId ?? `prompt ${trajectory.task.prompt ?? trajectory.id}`;
    groups.set(key, [...(groups.get(key) ?? []), trajectory]);
  }
  return [...groups.values()];
}
