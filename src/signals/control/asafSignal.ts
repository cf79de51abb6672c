import { binary } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, stepNumbers } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { bufferWindowStarts } from "./asaf";
import { stepSymbol } from "./controlSeries";

export const asafScore = derivedSignal({
  id: "asaf-score",
  title: "ASAF log ratio",
  family: "control",
  level: "step",
  unit: "nats",
  signed: true,
  needs: ["logprobs"],
  parameters: [
    {
      name: "window",
      description: "Steps of a window; 0 = the whole episode.",
      type: "integer",
      minimum: 0,
      default: 0,
    },
    { name: "stride", description: "Steps between windows.", type: "integer", minimum: 1, default: 1 },
  ],
  presets: [
    {
      id: "full",
      title: "ASAF (whole episodes)",
      values: { window: 0 },
      source: "ubisoft/ubisoft-laforge-asaf, irl/asaf.py (asaf-full)",
    },
    {
      id: "w100",
      title: "ASAF-w100",
      values: { window: 100, stride: 1 },
      source: "ubisoft/ubisoft-laforge-asaf, main.py --alg_name asaf-wX",
    },
    {
      id: "one",
      title: "ASAF-1",
      values: { window: 1, stride: 1 },
      source: "ubisoft/ubisoft-laforge-asaf, main.py --alg_name asaf-1X",
    },
  ],
  source:
    "Barde et al. 2020, Adversarial Soft Advantage Fitting; ubisoft/ubisoft-laforge-asaf, ASAFLearner.fit",
  description:
    "Log-probability of the taken action under the policy in training minus under the generator. The sum over a window is the logit of the structured discriminator; parts hold the sum and the discriminator's value of the window that starts at each step.",
  derive(context, parameters) {
    const fresh = stepNumbers(context, ["new_logprob", "logprob_new"]);
    const old = stepNumbers(context, ["old_logprob", "logprob_old"]) ?? recordedLogprobs(context);
    if (!fresh || !old)
      return missing(
        "logprobs",
        "Needs log-probabilities of the taken actions under two policies: series new_logprob, and old_logprob or the recorded ones.",
      );
    const values = fresh.map((value, t) => value - old[t]!);
    const window = numberOf(parameters, "window") || values.length;
    const starts =
      values.length === 0 || values.length < window
        ? []
        : bufferWindowStarts(values.length, window, numberOf(parameters, "stride"));
    const logits = new Float64Array(values.length).fill(NaN);
    for (const start of starts)
      logits[start] = values.subarray(start, start + window).reduce((sum, v) => sum + v, 0);
    return {
      values,
      parts: { "window logit": logits, discriminator: logits.map((logit) => 1 / (1 + Math.exp(-logit))) },
      notes:
        starts.length === 0 && values.length > 0
          ? [`The episode is shorter than one window of ${window} steps.`]
          : [],
      convention:
        window === values.length
          ? "whole episode"
          : `windows of ${window}, stride ${numberOf(parameters, "stride")}`,
      lines: (index) => [
        {
          name: `f_${index}`,
          expression: binary(
            "-",
            stepSymbol(context, "log q_new", index, fresh[index]!, "log-probability, policy in training"),
            stepSymbol(context, "log q_old", index, old[index]!, "log-probability, generator"),
          ),
          value: values[index]!,
        },
      ],
    };
  },
});

function recordedLogprobs(context: SignalContext): Float64Array | undefined {
  const { steps, columns } = context.trajectory;
  const column = columns?.columns.find(({ role, width }) => role === "logprob" && width === 1);
  if (column && column.rows >= columns!.steps)
    return Float64Array.from(column.data.subarray(0, columns!.steps));
  return steps.some(({ logprob }) => typeof logprob === "number")
    ? Float64Array.from(steps, ({ logprob }) => logprob ?? NaN)
    : undefined;
}
