import type { ScoreArray } from "../model/score";
import type { Matrix, SignalInputs } from "../signals/signal";
import type { JudgeReply } from "./judgingContract";

/**
 * Tables and replies as signals take them: hidden states by layer, embeddings, judges' replies, and everything by its
 * own name (`hidden_states.LAYER` for hidden states). Where two models gave the same, the last in the list counts.
 */
export function signalInputs(tables: readonly ScoreArray[], replies: readonly JudgeReply[]): SignalInputs {
  const hidden = new Map<number, Matrix>();
  const arrays: Record<string, Matrix> = {};
  for (const { name, layer, rows, width, data } of tables) {
    const matrix: Matrix = { rows, width, data };
    if (name === "hidden_states" && layer !== undefined) hidden.set(layer, matrix);
    arrays[layer === undefined ? name : `${name}.${layer}`] = matrix;
  }
  const embeddings = arrays["embeddings"];
  return {
    arrays,
    ...(hidden.size === 0 ? {} : { hiddenStates: hidden }),
    ...(embeddings === undefined ? {} : { embeddings }),
    ...(replies.length === 0
      ? {}
      : {
          judge: replies.map(({ step, text }) => ({ ...(step === undefined ? {} : { step }), text })),
        }),
  };
}
