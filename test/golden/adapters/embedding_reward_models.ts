import {
  annotatedPairs,
  classificationReward,
  preferenceProbability,
} from "../../../src/signals/reward/activePairs";
import { InputError, list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run({ fn, inputs }) {
    if (fn.startsWith("forward_siamese")) {
      const second = inputs.matrix("x2");
      return {
        prob: inputs
          .matrix("x1")
          .map((first, i) => [preferenceProbability(inputs.vector("w"), first, second[i]!)]),
      };
    }
    if (fn.startsWith("forward_mlp"))
      return {
        prob: inputs.matrix("x").map((row) => [classificationReward(inputs.vector("w"), row)]),
      };
    if (!fn.startsWith("pair_annotate")) throw new InputError("function", `known (${fn})`);
    const rewards = inputs.list("rewards");
    const pairs = inputs.list("embeddings").flatMap((prompt, i) => {
      const rows = list(prompt).map((row) => Array.from(vector(row)));
      const scores = list(rewards[i]).map((reward) => Number(Array.isArray(reward) ? reward[0] : reward));
      const all = annotatedPairs(scores);
      if (inputs.number("pairs_per_prompt") < all.length)
        throw new InputError("pairs_per_prompt", "all pairs (fewer are drawn by chance)");
      return all.map(([better, worse]) => [rows[better]!, rows[worse]!] as const);
    });
    // The order is a matter of chance there; the file has the pairs in rising order.
    const compare = (a: readonly number[], b: readonly number[]): number => {
      const k = a.findIndex((value, i) => value !== b[i]);
      return k < 0 ? 0 : a[k]! - b[k]!;
    };
    pairs.sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]));
    return { winner_loser_pairs: pairs, labels: pairs.map(() => 1) };
  },
};
