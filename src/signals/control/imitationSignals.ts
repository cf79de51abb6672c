import { binary, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import { embeddingRows, missing, rowsOf, type Row } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { observationRows } from "./controlSeries";
import { matchScore, percentile, referenceScores, scheduleUpdate } from "./discountSchedule";
import { cosineCosts, euclideanCosts, transportReward } from "./imitationTransport";

/** Operations that a screen may wait for. */
const mostWork = 1.5e9;

/** Frames of the episode and of the demonstrations that it is held against. */
interface Imitation {
  readonly steps: readonly Float64Array[];
  readonly demonstrations: readonly (readonly Float64Array[])[];
}

const wide = (rows: readonly Row[]): Float64Array[] => rows.map((row) => Float64Array.from(row));

function imitationOf(
  context: SignalContext,
  work: (frames: number, demonstrations: number) => number,
): Imitation | Missing {
  const embedded = embeddingRows(context);
  const own = "missing" in embedded ? observationRows(context) : embedded;
  if (!own)
    return missing(
      "embeddings",
      "Needs an embedding or observation of every step: choose an encoder, or a file with observations.",
    );
  const demonstrations = Object.entries(context.inputs?.arrays ?? {})
    .filter(([name]) => /^demonstration(_\d+)?$/u.test(name))
    .sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
    .map(([, matrix]) => wide(rowsOf(matrix)));
  if (demonstrations.length === 0)
    return missing(
      "embeddings",
      "Needs demonstrations: model inputs named demonstration_0, demonstration_1, ... with one row a frame, as wide as the episode's.",
    );
  if (work(own.length, demonstrations.length) > mostWork)
    return missing(
      "embeddings",
      `${own.length} frames against ${demonstrations.length} demonstrations are too many to compare: sample fewer frames, or give fewer demonstrations.`,
    );
  return { steps: wide(own), demonstrations };
}

const distanceParameter = {
  name: "distance",
  description: "Cost of two frames: 1 - cosine (pixels through an encoder) or Euclidean (features).",
  type: "choice",
  choices: ["cosine", "euclidean"],
  default: "cosine",
} as const;

export const transportImitation = derivedSignal({
  id: "ot-reward",
  title: "Optimal-transport imitation reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["embeddings"],
  parameters: [
    distanceParameter,
    {
      name: "scale",
      description: "Scale of the reward; the release starts at 200 and rescales after the first episode.",
      type: "number",
      default: 200,
    },
  ],
  presets: [
    {
      id: "pixels",
      title: "ADS on pixels",
      values: { distance: "cosine", scale: 200 },
      source: "dwjshift/IL_ADS, IL/agent/ot.py, ot_rewarder (sinkhorn_cosine)",
    },
    {
      id: "features",
      title: "ADS on features",
      values: { distance: "euclidean", scale: 200 },
      source: "dwjshift/IL_ADS, IL/agent/ot.py, ot_rewarder (sinkhorn_euclidean)",
    },
  ],
  source:
    "Liu et al. 2024, Imitation Learning from Observation with Automatic Discount Scheduling; dwjshift/IL_ADS, ot.py",
  description:
    "Minus the cost of each step under the entropic transport plan to the demonstration that the episode follows best. Blind to the order of the demonstration's frames. Episode and demonstration must have equally many frames.",
  derive(context, parameters) {
    const imitation = imitationOf(context, (frames, count) => 200 * frames ** 2 * count);
    if ("missing" in imitation) return imitation;
    const odd = imitation.demonstrations.findIndex((rows) => rows.length !== imitation.steps.length);
    if (odd >= 0)
      return missing(
        "embeddings",
        `The episode has ${imitation.steps.length} frames and demonstration ${odd} has ${imitation.demonstrations[odd]!.length}: they must be equal.`,
      );
    const scale = numberOf(parameters, "scale");
    const distance = textOf(parameters, "distance") as "cosine" | "euclidean";
    const { rewards, plan, costs, demonstration, total } = transportReward(
      imitation.steps,
      imitation.demonstrations,
      distance,
      scale,
    );
    return {
      values: rewards,
      parts: { "nearest frame": Float64Array.from(costs, nearest) },
      notes: [
        `Demonstration ${demonstration} of ${imitation.demonstrations.length} is followed best, with a total of ${total}.`,
      ],
      convention: `${distance}, epsilon 0.01, 100 iterations, scale ${scale}`,
      lines(index) {
        const shown = [...plan[index]!.keys()]
          .sort((a, b) => plan[index]![b]! - plan[index]![a]!)
          .slice(0, 4);
        const sum = plan[index]!.reduce((all, mass, j) => all + mass * costs[index]![j]!, 0);
        const few = shown.reduce((all, j) => all + plan[index]![j]! * costs[index]![j]!, 0);
        const terms = shown.map((j): Expression =>
          binary(
            "*",
            symbol(`P(${index},${j})`, plan[index]![j]!, "mass carried"),
            symbol(`C(${index},${j})`, costs[index]![j]!, "cost of the two frames"),
          ),
        );
        return [
          {
            name: `r_${index}`,
            expression: binary(
              "*",
              symbol("-scale", -scale, "minus the scale"),
              symbol("sum P C", sum, "mass times cost over the demonstration's frames"),
            ),
            value: rewards[index]!,
          },
          {
            name: "sum P C",
            expression: {
              kind: "call",
              name: "sum",
              arguments: [...terms, symbol("other frames", sum - few, "the rest")],
            },
            value: few + (sum - few),
          },
        ];
      },
    };
  },
});

/** The nearest frame of a demonstration, the first of equally near ones. */
function nearest(row: Float64Array): number {
  let best = 0;
  for (let j = 1; j < row.length; j++) if (row[j]! < row[best]!) best = j;
  return best;
}

export const discountScheduling = unexplainedSignal({
  id: "ads-progress",
  title: "Progress along the demonstrations (ADS)",
  family: "control",
  level: "step",
  unit: "steps",
  signed: false,
  needs: ["embeddings"],
  parameters: [
    distanceParameter,
    {
      name: "progress",
      description: "Progress so far, in steps; 0 = a fifth of the horizon, where the schedule starts.",
      type: "integer",
      minimum: 0,
      default: 0,
    },
    {
      name: "alpha",
      description: "What the discount's product over the progress is.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.2,
    },
    {
      name: "threshold",
      description: "Share of the demonstrations' own score that must be reached.",
      type: "number",
      default: 0.9,
    },
    {
      name: "mostSteps",
      description: "Largest growth in one update.",
      type: "integer",
      minimum: 1,
      default: 5,
    },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: {},
      source: "dwjshift/IL_ADS, IL/modules/ads.py (alpha 0.2, threshold 0.9, percentiles 50 and 90)",
    },
  ],
  source:
    "Liu et al. 2024, Imitation Learning from Observation with Automatic Discount Scheduling; IL/modules/ads.py",
  description:
    "For every prefix of the episode the longest increasing run of nearest demonstration frames, over demonstrations at the 90th percentile, beside what demonstrations reach against each other; the notes give the progress and the discount that the schedule moves to. Needs two demonstrations.",
  derive(context, parameters) {
    const imitation = imitationOf(context, (frames, count) => frames ** 3 * count ** 2);
    if ("missing" in imitation) return imitation;
    const { steps, demonstrations } = imitation;
    const horizon = steps.length;
    if (demonstrations.length < 2 || demonstrations.some((rows) => rows.length !== horizon))
      return missing(
        "embeddings",
        `Needs at least two demonstrations of ${horizon} frames, as many as the episode has.`,
      );
    const start = numberOf(parameters, "progress") || Math.trunc(0.2 * horizon);
    if (start === 0 || start > horizon)
      return missing(
        "embeddings",
        `Progress ${start} does not lie in the episode's ${horizon} frames: choose parameter progress.`,
      );
    const costsOf = textOf(parameters, "distance") === "cosine" ? cosineCosts : euclideanCosts;
    const pairs = demonstrations.flatMap((a, i) =>
      demonstrations.flatMap((b, j) => (i === j ? [] : [costsOf(a, b)])),
    );
    const reference = referenceScores(pairs, 50);
    const costs = demonstrations.map((rows) => costsOf(steps, rows));
    const match = Float64Array.from(steps, (_, k) => {
      const own = costs.map((matrix) => matchScore(matrix, k + 1));
      return percentile(own, 90);
    });
    const update = scheduleUpdate(start, costs, reference, {
      horizon,
      alpha: numberOf(parameters, "alpha"),
      threshold: numberOf(parameters, "threshold"),
      mostSteps: numberOf(parameters, "mostSteps"),
      percent: 90,
    });
    return {
      values: match,
      parts: { "demonstrations' score": reference },
      notes: [`Progress ${start} becomes ${update.progress} of ${horizon}: discount ${update.discount}.`],
      convention: `alpha ${numberOf(parameters, "alpha")}, threshold ${numberOf(parameters, "threshold")}`,
    };
  },
});
