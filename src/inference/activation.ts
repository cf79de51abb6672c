import type { LoadedModel } from "./loadedModel";

/** How raw outputs become scores. */
export type Activation = "none" | "sigmoid" | "softmax" | "applied";

/**
 * The squashing that the config asks for. Two labels mean softmax (the probability of the second); one label is left
 * as it is unless the config names an activation: raw rewards have no assumed range.
 */
export function activationOf(model: LoadedModel, labels: number): Activation {
  const lens = model.files.config?.trajectory_lens;
  if (lens?.sigmoid_applied === true) return "applied";
  if (lens?.activation === "sigmoid" || lens?.activation === "softmax" || lens?.activation === "none")
    return lens.activation;
  if (lens?.sigmoid_applied === false) return "sigmoid";
  if (labels === 2) return "softmax";
  return model.files.config?.problem_type === "multi_label_classification" ? "sigmoid" : "none";
}

/** How a score came from the graph's output, for the method of a series. */
export const activationText: Readonly<Record<Activation, string>> = {
  none: "raw output",
  sigmoid: "sigmoid of the output",
  softmax: "softmax over two labels",
  applied: "sigmoid inside the model",
};

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** One score from the numbers of one position. */
export function squash(
  values: ArrayLike<number>,
  offset: number,
  labels: number,
  activation: Activation,
): number {
  if (labels === 2)
    return activation === "softmax" ? sigmoid(values[offset + 1]! - values[offset]!) : values[offset + 1]!;
  const value = values[offset]!;
  return activation === "sigmoid" ? sigmoid(value) : value;
}
