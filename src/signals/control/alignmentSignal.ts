import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { embeddingRows, missing, recordedStepRewards, rowsOf, type Row } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import { accumulateBackward } from "../kernels/backwardRecursion";
import {
  alignmentGamma,
  alignmentGammaStart,
  alignmentTerms,
  type AlignmentHeads,
  type AlignmentKind,
} from "./alignedReward";
import { nameParameter, namedNumbers, neededNumbers, observationRows, stepSymbol } from "./controlSeries";

export const barfi = derivedSignal({
  id: "barfi",
  title: "BARFI learned reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "components"],
  parameters: [
    nameParameter("auxiliary", "Auxiliary reward.", "aux_r"),
    nameParameter("phi1", "Learned offset, where the file records it.", "phi1"),
    nameParameter("phi2", "Learned factor of the primary reward, where the file records it.", "phi2"),
    nameParameter("phi3", "Learned factor of the auxiliary reward, where the file records it.", "phi3"),
    {
      name: "kind",
      description:
        "phi1 + r_p + phi3 r_aux (plain), with phi2 on r_p (scaled), or state-independent (constant).",
      type: "choice",
      choices: ["plain", "scaled", "constant"],
      default: "plain",
    },
    {
      name: "gammaParameter",
      description: "Parameter whose sigmoid is the discount.",
      type: "number",
      default: alignmentGammaStart,
    },
  ],
  presets: [
    {
      id: "grid-world",
      title: "Grid world",
      values: { kind: "plain" },
      source: "Dhawgupta/gupta2023behavior, barfi-gw/src/utils/Reward.py",
    },
    {
      id: "cart-pole",
      title: "Cart-pole and mountain car",
      values: { kind: "scaled" },
      source: "Dhawgupta/gupta2023behavior, barfi-cp and barfi-mc, src/utils/Reward.py",
    },
    {
      id: "mujoco",
      title: "MuJoCo",
      values: { kind: "constant" },
      source: "Dhawgupta/gupta2023behavior, barfi-mujoco/src/utils/Reward.py",
    },
  ],
  source: "Gupta et al. 2023, Behavior Alignment via Reward Function Optimization",
  description:
    "Blend of primary and auxiliary reward that is learned so that the policy trained on it maximises the primary return. The heads come from the file (columns phi1, phi2, phi3) or from input alignment_heads (three rows of weights, the bias last) on the step's features (embeddings or observations). A negative phi3 means that the auxiliary reward was judged harmful.",
  derive(context, parameters) {
    const primary = recordedStepRewards(context.trajectory);
    if (!primary) return missing("rewards");
    const auxiliary = neededNumbers(context, parameters, "auxiliary", "components", "the auxiliary reward");
    if ("missing" in auxiliary) return auxiliary;
    const kind = textOf(parameters, "kind") as AlignmentKind;
    const matrix = context.inputs?.arrays?.["alignment_heads"];
    let terms: readonly { readonly offset: number; readonly primary: number; readonly auxiliary: number }[];
    const phi1 = namedNumbers(context, parameters, "phi1");
    const phi3 = namedNumbers(context, parameters, "phi3");
    if (phi1 && phi3) {
      const phi2 = kind === "scaled" ? namedNumbers(context, parameters, "phi2") : undefined;
      if (kind === "scaled" && !phi2)
        return missing(
          "components",
          "Needs phi2, the learned factor of the primary reward: name its column in parameter phi2.",
        );
      terms = Array.from(primary, (_, t) => ({
        offset: kind === "constant" ? phi1[t]! - 1 : phi1[t]!,
        primary: phi2 ? phi2[t]! : 1,
        auxiliary: phi3[t]!,
      }));
    } else {
      if (!matrix || matrix.rows !== 3)
        return missing(
          "components",
          "Needs the learned heads: columns phi1 and phi3, or a model input named alignment_heads with three rows.",
        );
      const rows = rowsOf(matrix).map((row) => Float64Array.from(row));
      const embedded = embeddingRows(context);
      const features: readonly Row[] | undefined =
        "missing" in embedded ? observationRows(context) : embedded;
      if (
        kind !== "constant" &&
        (!features || features.length < primary.length || features[0]!.length !== matrix.width - 1)
      )
        return missing(
          "embeddings",
          `Needs ${matrix.width - 1} features of every step to apply the heads to: embeddings or observations of that width.`,
        );
      const heads: AlignmentHeads =
        kind === "constant"
          ? { kind, weights: rows, biases: new Float64Array(0) }
          : {
              kind,
              weights: rows.map((row) => row.subarray(0, matrix.width - 1)),
              biases: Float64Array.from(rows, (row) => row[matrix.width - 1]!),
            };
      terms = Array.from(primary, (_, t) => alignmentTerms(heads, features?.[t] ?? []));
    }
    const values = Float64Array.from(
      terms,
      (term, t) => term.offset + term.primary * primary[t]! + term.auxiliary * auxiliary[t]!,
    );
    const gamma = alignmentGamma(numberOf(parameters, "gammaParameter"));
    const negative = terms.filter(({ auxiliary: factor }) => factor < 0).length;
    const sum = (rewards: Float64Array): Float64Array =>
      accumulateBackward(rewards, gamma, new Float64Array(rewards.length));
    return {
      values,
      parts: {
        "primary reward": primary,
        "auxiliary part": Float64Array.from(terms, (term, t) => term.auxiliary * auxiliary[t]!),
        offset: Float64Array.from(terms, ({ offset }) => offset),
        "return to go": sum(values),
        "primary return to go": sum(primary),
      },
      notes: [
        `gamma ${gamma}.`,
        ...(negative > 0
          ? [
              `phi3 is negative at ${negative} of ${terms.length} steps: there the auxiliary reward is judged harmful.`,
            ]
          : []),
      ],
      convention: `${kind}, gamma ${gamma}`,
      lines(index) {
        const term = terms[index]!;
        const r = stepSymbol(context, "r_p", index, primary[index]!, "primary reward");
        const scaled: Expression =
          kind === "scaled"
            ? binary("*", symbol("phi2", term.primary, "factor of the primary reward"), r)
            : r;
        const expression = binary(
          "+",
          binary("+", symbol(kind === "constant" ? "c1-1" : "phi1", term.offset, "learned offset"), scaled),
          binary(
            "*",
            symbol("phi3", term.auxiliary, "factor of the auxiliary reward"),
            stepSymbol(context, "r_aux", index, auxiliary[index]!, "auxiliary reward"),
          ),
        );
        return [{ name: `r_phi,${index}`, expression, value: values[index]! }];
      },
    };
  },
});
