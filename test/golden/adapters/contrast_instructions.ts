import {
  consistency,
  distinctNeighbours,
  fusedReward,
  hullCorners,
  pairLoss,
  principalPlane,
  type Neighbour,
} from "../../../src/signals/reward/contrastInstructions";
import { InputError, list, type Adapter, type Golden, type Inputs } from "../adapter";

function neighbours(inputs: Inputs, name: string): readonly Neighbour[] {
  return inputs.list(name).map((entry) => {
    const [text, similarity] = list(entry, name);
    return { text: String(text), similarity: Number(similarity) };
  });
}

/** A reward, bare or in the lists around it. */
function bare(value: Golden): number {
  return Array.isArray(value) ? bare((value as readonly Golden[])[0]) : Number(value);
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-9 },
  run({ fn, inputs }) {
    if (fn.startsWith("RewardTrainer.compute_loss")) {
      const table = inputs.object("reward_of_text");
      const fused = (own: string, near: readonly Neighbour[]): number =>
        fusedReward(
          bare(table[own]),
          near,
          near.map(({ text }) => bare(table[text])),
        );
      const j = fused(inputs.text("sentence_j"), distinctNeighbours(neighbours(inputs, "retrieved_j")));
      // As released only the j side is freed of repeated texts.
      const k = fused(inputs.text("sentence_k"), neighbours(inputs, "retrieved_k"));
      return { reward_j: [j], reward_k: [k], loss: pairLoss(j, k) };
    }
    if (fn.includes("tail loop")) {
      const pairs = inputs.list("pairs").map((pair): readonly [number, number] => {
        const [a, b] = list(pair, "pairs");
        return [bare(a), bare(b)];
      });
      const { count, share } = consistency(pairs, fn.includes("reward_fusion") ? "ties-win" : "strict");
      return { count, consistency: share };
    }
    if (!fn.startsWith("DA_convex.py")) throw new InputError("function", `known (${fn})`);
    const points = principalPlane(inputs.matrix("embeddings"));
    return {
      vertices_sorted: hullCorners(points),
      pca_abs: points.map(([x, y]) => [Math.abs(x), Math.abs(y)]),
    };
  },
};
