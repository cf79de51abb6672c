import { call, symbol } from "../expression";
import { policyTokens } from "../agentic/latentStates";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { missing, rowsOf, type Row } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { centroidDistance, probedClass, probeLogits } from "./dimensionProbe";

const source = "Wang et al. 2025, MRMBench; wangclnlp/MRMBench";

/** Preference dimensions of MRMBench. */
const preferenceDimensions = [
  "harmlessness",
  "helpfulness",
  "correctness",
  "coherence",
  "complexity",
  "verbosity",
] as const;

/** The reward model's state of the whole text: given as such, or at the last token of the last layer. */
function stateOf(context: SignalContext): Row | Missing {
  const given = context.inputs?.arrays?.["state"];
  if (given && given.rows > 0) return rowsOf(given)[0]!;
  const states = context.inputs?.hiddenStates;
  if (!states || states.size === 0)
    return missing(
      "hiddenStates",
      "Needs the reward model's hidden state at the last token: choose it as a model exported with hidden states.",
    );
  const last = states.get(Math.max(...states.keys()))!;
  const token = policyTokens(context, last.rows).at(-1);
  return token === undefined ? missing("hiddenStates", "The response has no tokens.") : rowsOf(last)[token]!;
}

function tables(context: SignalContext, prefix: string): readonly (readonly [string, readonly Row[]])[] {
  return preferenceDimensions.flatMap((dimension) => {
    const matrix = context.inputs?.arrays?.[`${prefix}.${dimension}`];
    return matrix && matrix.rows > 0 ? [[dimension, rowsOf(matrix)] as const] : [];
  });
}

export const dimensionDistance = derivedSignal({
  id: "preference-distance",
  title: "Distance to preference dimensions (MRMBench)",
  family: "reward",
  level: "trajectory",
  unit: "distance",
  signed: false,
  needs: ["hiddenStates", "embeddings"],
  inputs: [
    {
      kind: "array",
      name: "state",
      meaning: "[1][D], hidden state of the whole text; else the last token of the last layer",
    },
    { kind: "array", name: "centroids.<dimension>", meaning: "[k][D], centroids of validation states" },
  ],
  parameters: [
    {
      name: "threshold",
      description: "Distance above which the reward is not trusted; it depends on the model's scale.",
      type: "number",
      minimum: 0,
      default: 140,
    },
  ],
  presets: [
    {
      id: "paper",
      title: "Inference-time probing, as in the paper",
      values: { threshold: 140 },
      source: "MRMBench, paper, inference-time probing (best reported threshold 140); no code",
      asDescribed: true,
    },
  ],
  source: `${source}, paper (inference-time probing); no code for this part`,
  description:
    "Smallest distance of the reward model's hidden state to the centroids of each preference dimension. The nearest dimension is the one that the reward relies on; a distance above the threshold means a reward that is not to be trusted.",
  derive(context, parameters) {
    const state = stateOf(context);
    if ("missing" in state) return state;
    const found = tables(context, "centroids");
    if (found.length === 0)
      return missing(
        "embeddings",
        "Needs the centroids of the preference dimensions (centroids.helpfulness, ...), from validation states.",
      );
    if (found.some(([, rows]) => rows[0]!.length !== state.length))
      return missing(
        "embeddings",
        "The centroids have another width than the hidden state: they belong to another model.",
      );
    const distances = found.map(([dimension, rows]) => [dimension, centroidDistance(state, rows)] as const);
    const value = Math.min(...distances.map(([, distance]) => distance));
    const nearest = distances.find(([, distance]) => distance === value);
    const threshold = numberOf(parameters, "threshold");
    return {
      values: Float64Array.of(value),
      parts: Object.fromEntries(
        distances.map(([dimension, distance]) => [dimension, Float64Array.of(distance)]),
      ),
      notes: [
        ...(nearest ? [`Relies on: ${nearest[0]}.`] : []),
        value > threshold
          ? `Above the threshold of ${threshold}: low confidence in the reward.`
          : `Within the threshold of ${threshold}.`,
      ],
      convention: `threshold ${threshold}`,
      lines: () => [
        {
          name: "d_min",
          expression: call(
            "min",
            ...distances.map(([dimension, distance]) =>
              symbol(`d_${dimension}`, distance, "distance to the nearest centroid"),
            ),
          ),
          value,
        },
      ],
    };
  },
});

export const dimensionProbeSignal = unexplainedSignal({
  id: "preference-probe",
  title: "Preference probe (MRMBench)",
  family: "reward",
  level: "trajectory",
  unit: "class",
  signed: false,
  needs: ["hiddenStates", "embeddings"],
  inputs: [
    {
      kind: "array",
      name: "state",
      meaning: "[1][D], hidden state of the whole text; else the last token of the last layer",
    },
    { kind: "array", name: "probe.<dimension>", meaning: "[1 or 3][D], linear probe without bias" },
  ],
  parameters: [
    {
      name: "dimension",
      description: "Preference dimension whose probe is shown.",
      type: "choice",
      choices: [...preferenceDimensions],
      default: "helpfulness",
    },
  ],
  presets: [
    {
      id: "released",
      title: "MRMBench, easy and hard",
      values: {},
      source:
        "wangclnlp/MRMBench, src/task1_discriminant_rm_deepspeed_cate_2.py and _3.py, RewardModel_Subtask.forward",
    },
  ],
  source: `${source}, RewardModel_Subtask.forward`,
  description:
    "Class that a linear probe without bias reads from the reward model's hidden state: above a half for one logit (easy), the largest of three (hard).",
  derive(context, parameters) {
    const state = stateOf(context);
    if ("missing" in state) return state;
    const found = tables(context, "probe");
    const own = found.find(([dimension]) => dimension === textOf(parameters, "dimension"));
    if (!own)
      return missing(
        "embeddings",
        `Needs the probe of ${textOf(parameters, "dimension")} (probe.${textOf(parameters, "dimension")}); there are ${found.map(([name]) => name).join(", ") || "none"}.`,
      );
    if (found.some(([, rows]) => rows[0]!.length !== state.length))
      return missing(
        "embeddings",
        "The probe has another width than the hidden state: it belongs to another model.",
      );
    const logits = probeLogits(state, own[1]);
    return {
      values: Float64Array.of(probedClass(logits)),
      parts: Object.fromEntries([...logits].map((logit, k) => [`logit ${k}`, Float64Array.of(logit)])),
      notes: [],
      convention: logits.length === 1 ? "easy: one logit" : "hard: largest logit",
    };
  },
});
