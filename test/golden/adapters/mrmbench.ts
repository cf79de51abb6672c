import {
  batchLoss,
  loggedLoss,
  probedRow,
  probeHits,
  probeLogits,
} from "../../../src/signals/reward/dimensionProbe";
import { InputError, list, vector, type Adapter, type Inputs } from "../adapter";

const rowsOf = (inputs: Inputs): readonly Float64Array[] =>
  inputs.list("logits").map((row) => (Array.isArray(row) ? vector(row) : Float64Array.of(Number(row))));

const correct = (inputs: Inputs): number => probeHits(rowsOf(inputs), inputs.vector("labels"));

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run({ fn, inputs }) {
    if (fn.endsWith("evaluation_accuracy")) return { correct: correct(inputs) };
    if (fn.endsWith("evaluation_reward"))
      return {
        accuracy: correct(inputs) / inputs.list("labels").length,
        eval_loss: loggedLoss(inputs.vector("batch_losses")),
      };
    if (!fn.endsWith("forward")) throw new InputError("function", `known (${fn})`);
    const ids = inputs.matrix("input_ids");
    const labels = inputs.vector("labels");
    const head = inputs.matrix("head");
    const logits = inputs.list("hidden").map((states, i) => {
      const rows = list(states);
      return probeLogits(vector(rows[probedRow(ids[i]!, inputs.number("pad_id"))]), head);
    });
    const loss = batchLoss(logits, labels);
    return { logits: head.length === 1 ? logits.map((row) => row[0]) : logits, loss };
  },
};
