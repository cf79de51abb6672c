import { progressValues } from "../../../src/signals/agentic/spaProgress";
import { list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const labels = inputs.matrix("gpt_unmask");
    const outcomes = inputs.vector("agent_final_reward");
    const rows = inputs.list("logits").map((logits, i) =>
      progressValues(
        list(logits).map((row) => vector(row)),
        labels[i]!.map((label) => (label === -100 ? 0 : 1)),
        inputs.vector("weight"),
        inputs.number("bias"),
      ),
    );
    return {
      turn_values: rows.map((row) => row.turnValues),
      predictions: rows.map((row) => row.prediction),
      mse_loss: rows.reduce((sum, row, i) => sum + (row.prediction - outcomes[i]!) ** 2, 0) / rows.length,
    };
  },
};
