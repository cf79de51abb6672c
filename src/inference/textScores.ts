import { Failure } from "../model/failure";
import { planBatches } from "./batching";
import { breathe } from "./breathe";
import type { LoadedModel } from "./loadedModel";
import { padTokenId } from "./modelConfig";
import type { ScoreContext } from "./scorer";
import { asFloats, specText, type TensorSpec } from "./tensors";
import { canPad, textFeeds } from "./textBatch";

/** The output that holds a reward model's score. @throws Failure when there is none */
function scoreOutput(model: LoadedModel): TensorSpec {
  const declared = model.files.config?.trajectory_lens?.output;
  const outputs = model.session.outputs;
  const found =
    declared !== undefined
      ? model.session.output(declared)
      : (outputs.find((spec) => /^(scores?|rewards?|values?|logits)$/.test(spec.name)) ?? outputs[0]);
  if (!found) {
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} has no output “${declared ?? "score"}”; it has ${outputs.map(specText).join("; ") || "none"}.`,
      "Correct config.json's trajectory_lens.output.",
    );
  }
  return found;
}

/** Raw scores of one sequence: per token where the model gives them, else a single row of labels. */
export interface RawScores {
  readonly perToken: boolean;
  readonly labels: number;
  /** [tokens * labels] or [labels] */
  readonly values: Float64Array;
}

/**
 * Runs a reward model over sequences, equal ones once.
 * @param columns labels to keep, for models whose output is a whole vocabulary
 * @returns one entry per sequence: its scores, or one sentence about what went wrong
 */
export async function scoreSequences(
  model: LoadedModel,
  sequences: readonly (readonly number[])[],
  context: ScoreContext,
  pooled: boolean,
  columns?: readonly number[],
): Promise<{ results: readonly (RawScores | string)[]; tokens: number }> {
  const firstOf = new Map<string, number>();
  const same = sequences.map((ids, index) => {
    const key = ids.join(" ");
    if (!firstOf.has(key)) firstOf.set(key, index);
    return firstOf.get(key)!;
  });
  const unique = [...new Set(same)];
  const output = scoreOutput(model);
  // A head that reads the last token finds it by the padding id; without one, only equal lengths go together.
  const padding = canPad(model) && (!pooled || padTokenId(model.files.config) !== undefined);
  const plan = planBatches(
    unique.map((index) => sequences[index]!.length),
    { maxTokens: context.maxBatchTokens, padding },
  );
  const results = new Array<RawScores | string>(sequences.length);
  let [tokens, done] = [0, 0];
  for (const batch of plan) {
    await breathe(context.signal);
    const members = batch.members.map((member) => unique[member]!);
    const rows = members.map((index) => sequences[index]!);
    try {
      const outputs = await model.session.run(textFeeds(model, rows, batch.width), [output.name]);
      const tensor = outputs[output.name]!;
      const values = asFloats(tensor);
      members.forEach((index, row) => {
        results[index] = cutRow(
          model,
          output,
          values,
          tensor.dims,
          rows.length,
          batch.width,
          row,
          rows[row]!.length,
          columns,
        );
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      for (const index of members) results[index] = error.message;
    }
    tokens += rows.reduce((sum, row) => sum + row.length, 0);
    done += members.length;
    context.onProgress(
      Math.floor((sequences.length * done) / unique.length),
      `${tokens.toLocaleString("en")} tokens`,
    );
  }
  return { results: same.map((index) => results[index]!), tokens };
}

function cutRow(
  model: LoadedModel,
  output: TensorSpec,
  values: ArrayLike<number>,
  dims: readonly number[],
  rows: number,
  width: number,
  row: number,
  length: number,
  columns?: readonly number[],
): RawScores | string {
  // [rows, 1] is one number per text also when the text is one token: a fixed second dimension counts labels.
  const perToken =
    dims.length >= 2 && dims[1] === width && (dims.length === 3 || typeof output.shape[1] !== "number");
  const labels = dims.length === 3 ? dims[2]! : perToken ? 1 : (dims[1] ?? 1);
  if (dims[0] !== rows || dims.length > 3 || (dims.length === 3 && dims[1] !== width)) {
    return `${model.files.name} returned ${output.name} of shape [${dims.join(", ")}]; expected [${rows}, ${width}], [${rows}, ${width}, labels] or [${rows}, labels].`;
  }
  const kept = columns ?? Array.from({ length: labels }, (_, label) => label);
  if (kept.some((label) => label >= labels))
    return `${model.files.name} returned ${output.name} of shape [${dims.join(", ")}], which has no column ${Math.max(...kept)} for its step labels.`;
  const start = perToken ? row * width * labels : row * labels;
  const cut = Float64Array.from(
    { length: (perToken ? length : 1) * kept.length },
    (_, i) => values[start + Math.floor(i / kept.length) * labels + kept[i % kept.length]!]!,
  );
  const bad = cut.findIndex((value) => Number.isNaN(value));
  if (bad >= 0)
    return `${model.files.name} returned NaN at ${perToken ? `token ${Math.floor(bad / kept.length)}` : "the end"}, so its scores are not used.`;
  return { perToken, labels: kept.length, values: cut };
}
