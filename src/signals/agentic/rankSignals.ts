import { unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, Preset, SignalContext } from "../signal";
import { rankMetrics, rankVelocity, type RankVelocity } from "./erv";
import { layerRows, policyTokens } from "./latentStates";

/** Paper and repository of VERL. */
export const rankSource =
  "Huang et al. 2025, VERL: effective rank, velocity and acceleration of hidden states; hf618/VERL, verl/trainer/metrics_utils.py";

export const windowParameters: readonly Parameter[] = [
  {
    name: "layer",
    description: "Layer whose hidden states count; -1 = the last one there is.",
    type: "integer",
    minimum: -1,
    default: -1,
  },
  { name: "stride", description: "Tokens between window ends.", type: "integer", minimum: 1, default: 40 },
  { name: "limit", description: "Only the last tokens count.", type: "integer", minimum: 1, default: 512 },
  {
    name: "variant",
    description:
      "The optimised code gives nothing under two strides of tokens; the original one does not have that rule.",
    type: "choice",
    choices: ["optimized", "original"],
    default: "optimized",
  },
];
const windowPresets: readonly Preset[] = [
  { id: "train-sh", title: "VERL, train.sh", values: { stride: 40 }, source: "hf618/VERL, train.sh" },
  {
    id: "yaml",
    title: "VERL, configuration file",
    values: { stride: 20 },
    source: "hf618/VERL, trainer configuration",
  },
];

/** Geometry of a response's hidden states under the window parameters. */
export interface RankMeasures {
  readonly velocity: RankVelocity;
  readonly metrics: ReturnType<typeof rankMetrics>;
  readonly tokens: readonly number[];
  readonly count: number;
}

/** Measures the context's response. */
export function measureRank(context: SignalContext, parameters: ParameterValues): RankMeasures | Missing {
  const layer = numberOf(parameters, "layer");
  const found = layerRows(context, layer < 0 ? "last" : layer, policyTokens);
  if ("missing" in found) return found;
  const { states } = found.layers[0]!;
  return {
    metrics: rankMetrics(states),
    velocity: rankVelocity(
      states,
      numberOf(parameters, "stride"),
      numberOf(parameters, "limit"),
      textOf(parameters, "variant") as "optimized" | "original",
    ),
    tokens: found.tokens.slice(-numberOf(parameters, "limit")),
    count: found.count,
  };
}

export const effectiveRankSignal = unexplainedSignal({
  id: "effective-rank",
  title: "Effective rank of hidden states",
  family: "agentic",
  level: "trajectory",
  unit: "directions",
  signed: true,
  needs: ["hiddenStates"],
  inputs: [{ kind: "hiddenStates", name: "", meaning: "one layer, a row per token" }],
  parameters: [
    {
      name: "measure",
      description: "Effective rank (ER), its mean velocity (ERV) or its mean acceleration (ERA).",
      type: "choice",
      choices: ["ER", "ERV", "ERA"],
      default: "ER",
    },
    ...windowParameters,
  ],
  presets: windowPresets,
  source: rankSource,
  description:
    "How many directions the hidden states of the response really use, exp of the entropy of their singular values, and how that number changes over growing windows. One token gives 0, identical tokens 1, as released.",
  derive(context, parameters) {
    const measured = measureRank(context, parameters);
    if ("missing" in measured) return measured;
    const { metrics, velocity } = measured;
    const values = { ER: metrics.effectiveRank, ERV: velocity.erv, ERA: velocity.era };
    return {
      values: Float64Array.of(values[textOf(parameters, "measure") as keyof typeof values]),
      parts: {
        ER: Float64Array.of(values.ER),
        ERV: Float64Array.of(values.ERV),
        ERA: Float64Array.of(values.ERA),
        curvature: Float64Array.of(metrics.curvature),
        "spectrum entropy": Float64Array.of(metrics.spectrumEntropy),
      },
      notes:
        velocity.ranks.length < 2
          ? [
              `${velocity.ranks.length} windows: velocity and acceleration are 0 for lack of windows, as released.`,
            ]
          : [],
      convention: `windows of ${numberOf(parameters, "stride")} tokens over the last ${numberOf(parameters, "limit")}`,
    };
  },
});

export const rankWindows = unexplainedSignal({
  id: "effective-rank-windows",
  title: "Effective rank by window",
  family: "agentic",
  level: "token",
  unit: "directions",
  signed: false,
  needs: ["hiddenStates"],
  inputs: [{ kind: "hiddenStates", name: "", meaning: "one layer, a row per token" }],
  parameters: windowParameters,
  presets: windowPresets,
  source: rankSource,
  description:
    "Effective rank of all response tokens up to a window's end, at that token; its velocity (against the mean of the windows before) and acceleration beside it. Other tokens have none.",
  derive(context, parameters) {
    const measured = measureRank(context, parameters);
    if ("missing" in measured) return measured;
    const { velocity, tokens, count } = measured;
    const values = new Float64Array(count).fill(NaN);
    const speed = values.slice();
    const change = values.slice();
    velocity.ranks.forEach((rank, k) => {
      const token = tokens[(k + 1) * numberOf(parameters, "stride")]!;
      values[token] = rank;
      if (k > 0) speed[token] = velocity.velocities[k - 1]!;
      if (k > 1) change[token] = velocity.accelerations[k - 2]!;
    });
    return {
      values,
      parts: { velocity: speed, acceleration: change },
      notes: [],
      convention: "growing windows",
    };
  },
});
