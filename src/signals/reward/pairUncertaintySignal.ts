import { binary, number, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { groupMembers, missing, rowsOf } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import {
  comparisonGain,
  comparisonNoise,
  leafPrior,
  pairVariance,
  posteriorCovariance,
} from "./pairUncertainty";

/** Comparisons made so far as pairs of leaves: a model input, or the field `compared_with` of the members. */
function comparisonsOf(
  context: SignalContext,
  leaves: readonly string[],
): readonly (readonly [number, number])[] {
  const matrix = context.inputs?.arrays?.["comparisons"];
  const inside = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < leaves.length;
  if (matrix && matrix.width >= 2)
    return rowsOf(matrix).flatMap((row): (readonly [number, number])[] =>
      inside(row[0]!) && inside(row[1]!) && row[0] !== row[1] ? [[row[0]!, row[1]!]] : [],
    );
  return (context.group?.members ?? []).flatMap(
    ({ trajectoryId, trajectory }): (readonly [number, number])[] => {
      const told = trajectory?.extra["compared_with"];
      const others = Array.isArray(told) ? told : [told];
      return others.flatMap((other): (readonly [number, number])[] => {
        const pair = [
          leaves.indexOf(trajectoryId),
          typeof other === "string" ? leaves.indexOf(other) : -1,
        ] as const;
        return pair[0] >= 0 && pair[1] >= 0 && pair[0] !== pair[1] ? [pair] : [];
      });
    },
  );
}

export const pairUncertainty = derivedSignal({
  id: "pair-uncertainty",
  title: "Uncertainty of comparisons on a prefix tree",
  family: "reward",
  level: "pair",
  unit: "variance",
  signed: false,
  needs: ["tree", "group", "text"],
  inputs: [
    { kind: "array", name: "comparisons", meaning: "[n][2], leaves that were compared" },
    {
      kind: "trajectory",
      name: "compared_with",
      meaning: "ids of the trajectories that this one was compared with",
    },
  ],
  parameters: [
    {
      name: "edgeVariance",
      description: "Prior variance that each prefix edge adds.",
      type: "number",
      minimum: 1e-12,
      default: 1,
    },
    {
      name: "weigh",
      description: "Every edge weighs the same, or by its tokens.",
      type: "choice",
      choices: ["edges", "tokens"],
      default: "edges",
    },
    {
      name: "beta",
      description: "Inverse temperature of the labels.",
      type: "number",
      minimum: 1e-12,
      default: 1,
    },
  ],
  presets: [
    {
      id: "own-design",
      title: "Gaussian prefix tree (own design)",
      values: {},
      source:
        "Qiu et al. 2024, Reward Generalization in RLHF: A Topological Perspective; no code, so a Gaussian counterpart",
      asDescribed: true,
    },
  ],
  source:
    "Qiu et al. 2024, Reward Generalization in RLHF: A Topological Perspective, arXiv 2402.10184; own Gaussian counterpart",
  description:
    "Posterior variance of the reward difference of every two responses of a prefix tree: rewards are Gaussian, and share the variance of the prefix edges that they have in common. Pairs run through the leaves in order: (0, 1), (0, 2), ...; the pair whose label would teach most is named.",
  derive(context, parameters) {
    const { tree } = context;
    if (!tree) return missing("tree");
    const prior = leafPrior(
      tree,
      numberOf(parameters, "edgeVariance"),
      textOf(parameters, "weigh") as "edges" | "tokens",
    );
    const { leaves } = prior;
    if (leaves.length < 2)
      return missing("tree", "A comparison needs two responses; the tree has fewer leaves.");
    const compared = comparisonsOf(context, leaves);
    const noise = comparisonNoise(numberOf(parameters, "beta"));
    const covariance = posteriorCovariance(prior.covariance, compared, noise);
    const pairs: (readonly [number, number])[] = [];
    for (let a = 0; a < leaves.length; a++) for (let b = a + 1; b < leaves.length; b++) pairs.push([a, b]);
    const values = Float64Array.from(pairs, ([a, b]) => pairVariance(covariance, a, b));
    let best = 0;
    values.forEach((value, k) => {
      if (value > values[best]!) best = k;
    });
    const [a, b] = pairs[best]!;
    return {
      values,
      parts: {
        "prior variance": Float64Array.from(pairs, ([i, j]) => pairVariance(prior.covariance, i, j)),
        "shared edges": Float64Array.from(pairs, ([i, j]) => prior.sharedEdges[i]![j]!),
        "gain of a label": values.map((value) => comparisonGain(value, noise)),
      },
      ...(context.group ? { group: groupMembers(context) } : {}),
      notes: [
        `${leaves.length} responses, ${compared.length} comparisons so far.`,
        `Next pair to label: ${leaves[a]!} against ${leaves[b]!}.`,
        "A Gaussian counterpart of the paper's network, by own design; the paper has no code.",
      ],
      convention: `edge variance ${numberOf(parameters, "edgeVariance")}, noise ${noise}`,
      lines(index) {
        const [i, j] = pairs[index]!;
        const own = (row: number, column: number) =>
          symbol(`S_${row},${column}`, covariance[row]![column]!, "posterior covariance", {
            trajectoryId: leaves[row]!,
          });
        const sum = binary("-", binary("+", own(i, i), own(j, j)), binary("*", number(2), own(i, j)));
        return [
          {
            name: `d_${i},${j}`,
            expression: { kind: "call", name: "max", arguments: [number(0), sum] },
            value: values[index]!,
          },
        ];
      },
    };
  },
});
