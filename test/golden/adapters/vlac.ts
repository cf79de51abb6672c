import {
  criticPairs,
  decimalReading,
  doneValues,
  negativeRate,
  progressValues,
  referenceFrames,
  referencePrompt,
  trajectoryCritic,
  valueOrderCorrelation,
  type TokenAlternatives,
  type ValueRule,
} from "../../../src/signals/reward/progressCritic";
import { InputError, list, type Adapter, type Golden, type Inputs } from "../adapter";

function ruleOf(value: Golden): ValueRule {
  if (value === undefined || value === true) return "simple";
  return value === "mix_f" ? "mix_f" : "inverse";
}

/** Python's float() of a number or a text. */
function float(value: Golden): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || (Number.isNaN(number) && typeof value === "string"))
    throw new Error(`"${String(value)}" is not a number.`);
  return number;
}

function critic(inputs: Inputs): unknown {
  const options = {
    skip: inputs.number("skip", 1),
    frameSkip: inputs.flag("frame_skip", true),
    reverse: inputs.flag("reverse_eval", false),
    scale: inputs.number("addition_scale", 1),
    bias: inputs.number("bias", 0),
    positiveClip: inputs.number("positive_clip", 0),
    negativeClip: inputs.number("negative_clip", 0),
    related: inputs.flag("related_critic", false),
    rule: ruleOf(inputs.get("value_simple")),
  };
  const references = inputs.has("ref_image_list") ? inputs.texts("ref_image_list") : [];
  const shown =
    references.length > 0
      ? [...referenceFrames(references.length, inputs.number("ref_num", 9)).map((i) => references[i]!), "f0"]
      : [];
  const answers = inputs.list("model_answers").map((answer) => {
    if (!inputs.flag("think", false)) return float(answer);
    const after = String(answer).split("</think>")[1];
    if (after === undefined) throw new Error("The answer has no end of thinking.");
    return float(after);
  });
  const { critics, values } = trajectoryCritic(answers, options);
  return {
    pairs: criticPairs(inputs.number("n_frames"), options).map(([a, b]) => [...shown, `f${a}`, `f${b}`]),
    critic_list: critics,
    value_list: values,
  };
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-9 },
  run({ fn, inputs }) {
    switch (fn.replace(/\(.*$/u, "")) {
      case "critic_to_value_simple":
        return progressValues(inputs.list("critic_list").map(float), ruleOf(inputs.get("simple")));
      case "compute_voc":
        return { voc: valueOrderCorrelation(inputs.vector("values_list")) };
      case "compute_negative_rate":
        return { negative_rate: negativeRate(inputs.vector("critic_list")) };
      case "get_trajectory_critic":
        return critic(inputs);
      case "get_trajectory_done":
        return {
          done_list: doneValues(inputs.list("model_answers").map(float), inputs.number("threshold", 0)),
        };
      case "results_format": {
        const tokens = inputs.list("tokens").map((entry): TokenAlternatives => {
          const { token, top_logprobs } = entry as { readonly [key: string]: Golden };
          return {
            token: String(token),
            alternatives: list(top_logprobs) as unknown as TokenAlternatives["alternatives"],
          };
        });
        return { answer: decimalReading(tokens) };
      }
      case "trojectory_example_prompt":
        return { prompt: referencePrompt(inputs.number("n"), inputs.text("task")) };
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
