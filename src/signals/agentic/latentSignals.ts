import { call, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { groupMembers, memberContexts } from "../series/modelInputs";
import { numberOf, optionalNumberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext } from "../signal";
import { fusedScores, quantile } from "./latentSelection";
import { chunkMeans, latentChange, latentSteps, type LatentChange } from "./latentTrajectory";
import { layerRows, thinkingTokens } from "./latentStates";

const source =
  "Vilas et al. 2025, Tracing the Traces; martinagvilas/LT-signals, src/internal_representations/compute_internal_representations.py";

const chunkParameter: Parameter = {
  name: "chunk",
  description: "Tokens per segment; the last one may be short.",
  type: "integer",
  minimum: 1,
  default: 500,
};
const chunkPresets = [100, 300, 500, 700].map((chunk) => ({
  id: `chunk-${chunk}`,
  title: `LT signals, segments of ${chunk} tokens`,
  values: { chunk },
  source: `martinagvilas/LT-signals, compute_internal_representations.py${chunk === 500 ? "" : " (ablation)"}`,
}));

interface Change {
  readonly layers: readonly LatentChange[];
  readonly mean: LatentChange;
  readonly segments: number;
}

function changeOf(context: SignalContext, parameters: ParameterValues): Change | Missing {
  const found = layerRows(context, "all", thinkingTokens);
  if ("missing" in found) return found;
  const chunk = numberOf(parameters, "chunk");
  const until = optionalNumberOf(parameters, "segments") ?? Infinity;
  const segmented = found.layers.map(({ states }) => chunkMeans(states, chunk).slice(0, until));
  const layers = segmented.map(latentChange);
  const average = (read: (change: LatentChange) => number): number =>
    layers.reduce((sum, change) => sum + read(change), 0) / layers.length;
  return {
    layers,
    segments: segmented[0]!.length,
    mean: {
      net: average(({ net }) => net),
      cumulative: average(({ cumulative }) => cumulative),
      aligned: average(({ aligned }) => aligned),
    },
  };
}

type Measure = keyof LatentChange;

/** Scores of the members that have hidden states, with their accuracy where the file tells. */
function membersOf(
  context: SignalContext,
  parameters: ParameterValues,
): readonly {
  readonly own: boolean;
  readonly change: LatentChange;
  readonly accuracy: number | undefined;
}[] {
  const members = memberContexts(context);
  if ("missing" in members) return [];
  return members.flatMap((member) => {
    const change = changeOf(member, parameters);
    if ("missing" in change) return [];
    const { success, reward } = member.trajectory.outcome;
    return [
      {
        own: member === context,
        change: change.mean,
        accuracy:
          typeof success === "boolean" ? Number(success) : typeof reward === "number" ? reward : undefined,
      },
    ];
  });
}

export const latentChangeSignal = derivedSignal({
  id: "latent-change",
  title: "Latent-trajectory change",
  family: "agentic",
  level: "trajectory",
  unit: "distance",
  signed: true,
  needs: ["hiddenStates", "group"],
  inputs: [
    {
      kind: "hiddenStates",
      name: "",
      meaning: "all layers, a row per token; of every member for percentiles",
    },
  ],
  parameters: [
    {
      name: "measure",
      description:
        "Net change per step, length of the way, mean cosine of a step with the whole way, or the three fused (weights |Pearson r| with accuracy over the group).",
      type: "choice",
      choices: ["net", "cumulative", "aligned", "fused"],
      default: "net",
    },
    chunkParameter,
    {
      name: "segments",
      description: "Only the first segments count, for an early choice; empty = all.",
      type: "integer",
      minimum: 2,
      default: null,
    },
    {
      name: "acceptShare",
      description: "Quantile of the group's scores at which an answer is accepted.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.5,
    },
  ],
  presets: [
    ...chunkPresets,
    {
      id: "early",
      title: "LT signals, early choice (2000 tokens)",
      values: { segments: 4 },
      source:
        "martinagvilas/LT-signals, notebooks (the signals at step 4; the forest that chooses on them is not here)",
    },
    {
      id: "fused",
      title: "LT signals, fused score",
      values: { measure: "fused" },
      source: "martinagvilas/LT-signals, notebooks, compute_fused_metric (here every member calibrates)",
    },
  ],
  source,
  description:
    "How far the hidden states of the reasoning travel between means of segments, averaged over layers: net change over the number of steps (the docstring says segments), length of the way, and alignment of the steps. Large net and aligned and small cumulative change speak for a right answer. Fewer than two segments have none.",
  derive(context, parameters) {
    const change = changeOf(context, parameters);
    if ("missing" in change) return change;
    const measure = textOf(parameters, "measure");
    const members = membersOf(context, parameters);
    const scores = scoresOf(members, measure);
    const own = scores[members.findIndex((member) => member.own)];
    const value = measure === "fused" ? (own ?? NaN) : change.mean[measure as Measure];
    const notes: string[] = [];
    if (change.segments < 2)
      notes.push(
        `${change.segments} segments: a change needs two; take a smaller chunk for short reasoning.`,
      );
    const known = scores.filter((score) => !Number.isNaN(score));
    if (known.length > 1 && !Number.isNaN(value)) {
      const line = quantile(known, numberOf(parameters, "acceptShare"));
      const below = known.filter((score) => score <= value).length;
      const passes = measure === "cumulative" ? value <= line : value >= line;
      notes.push(
        `Percentile ${(100 * below) / known.length} of ${known.length} members; accept line ${line}: ${passes ? "accepted" : "not accepted"}.`,
      );
    }
    const notKnown = measure === "fused" && Number.isNaN(value);
    if (notKnown)
      notes.push(
        "The fused score needs a group with hidden states, with both right and wrong answers, and scores that differ.",
      );
    return {
      values: Float64Array.of(value),
      parts: {
        net: Float64Array.of(change.mean.net),
        cumulative: Float64Array.of(change.mean.cumulative),
        aligned: Float64Array.of(change.mean.aligned),
      },
      ...(members.length > 0 ? { group: groupMembers(context) } : {}),
      notes,
      convention: `${measure}, segments of ${numberOf(parameters, "chunk")} tokens, mean over ${change.layers.length} layers`,
      lines: () => [
        measure === "fused"
          ? { name: "score", expression: symbol("fused", value, "weighted z-scores over the group"), value }
          : {
              name: measure,
              expression: call(
                "mean",
                ...change.layers.map((layer, k) =>
                  symbol(`${measure}_${k + 1}`, layer[measure as Measure], "one layer"),
                ),
              ),
              value,
            },
      ],
    };
  },
});

function scoresOf(members: ReturnType<typeof membersOf>, measure: string): readonly number[] {
  if (measure !== "fused") return members.map(({ change }) => change[measure as Measure]);
  const usable = members.flatMap(({ change, accuracy }, i) =>
    accuracy === undefined || Number.isNaN(change.net) ? [] : [{ ...change, accuracy, i }],
  );
  const fused = usable.length < 2 ? [] : [...fusedScores(usable, [...usable.keys()])];
  const out = members.map(() => NaN);
  usable.forEach(({ i }, k) => (out[i] = fused[k] ?? NaN));
  return out;
}

export const latentPath = unexplainedSignal({
  id: "latent-path",
  title: "Latent path by segment",
  family: "agentic",
  level: "token",
  unit: "distance",
  signed: false,
  needs: ["hiddenStates"],
  inputs: [{ kind: "hiddenStates", name: "", meaning: "all layers, a row per token" }],
  parameters: [chunkParameter],
  presets: chunkPresets,
  source: `${source.split(", src")[0]!}, compute_step_vectors.py`,
  description:
    "Length of the step that the mean hidden state makes into each segment of the reasoning, averaged over layers, shown on the segment's tokens; the first segment has none. The distance from the first segment stands beside it.",
  derive(context, parameters) {
    const found = layerRows(context, "all", thinkingTokens);
    if ("missing" in found) return found;
    const chunk = numberOf(parameters, "chunk");
    const { net, step } = latentSteps(found.layers.map(({ states }) => chunkMeans(states, chunk)));
    const values = new Float64Array(found.count).fill(NaN);
    const fromStart = values.slice();
    found.tokens.forEach((token, k) => {
      const segment = Math.floor(k / chunk);
      if (segment === 0) return;
      values[token] = step[segment - 1]!;
      fromStart[token] = net[segment - 1]!;
    });
    return {
      values,
      parts: { "distance from the first segment": fromStart },
      notes: [`${Math.ceil(found.tokens.length / chunk)} segments.`],
      convention: `segments of ${chunk} tokens`,
    };
  },
});
