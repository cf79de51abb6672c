import {
  crossEntropy,
  informationGains,
  scoreDistances,
  topRows,
  type EmbeddingPair,
} from "../../../src/signals/reward/activePairs";
import { spearmanByOrder } from "../../../src/signals/reward/rankCorrelation";
import { InputError, type Adapter, type Inputs } from "../adapter";

function pairsOf(inputs: Inputs, first: string, second: string): readonly EmbeddingPair[] {
  const others = inputs.matrix(second);
  return inputs.matrix(first).map((row, i): EmbeddingPair => [row, others[i]!]);
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run({ fn, inputs }) {
    const name = fn.split("::").at(-1) ?? fn;
    if (name === "spearman_correlation") return spearmanByOrder(inputs.vector("x"), inputs.vector("y"));
    if (name === "BTloss") return crossEntropy(inputs.vector("pred"), inputs.vector("target"));
    const pairs = pairsOf(inputs, "embedding1", "embedding2");
    const weights = inputs.vector("last_layer_w");
    const count = inputs.number("npairs");
    if (name === "levelset_rule") {
      const scores = scoreDistances(pairs, weights);
      const order = inputs.flag("inverse", false) ? "largest" : "smallest";
      return { selected_pair_indices: topRows(scores, count, order), score_passed_to_topk: scores };
    }
    if (!["dopt_rule", "pastaware_dopt_rule", "XtX_rule"].includes(name))
      throw new InputError("function", `known (${fn})`);
    const past = name === "pastaware_dopt_rule" ? pairsOf(inputs, "past1", "past2") : [];
    const weight = name === "XtX_rule" ? "linear" : "bradley-terry";
    const scores = informationGains(pairs, weights, weight, past);
    return { selected_pair_indices: topRows(scores, count), score_passed_to_topk: scores };
  },
};
