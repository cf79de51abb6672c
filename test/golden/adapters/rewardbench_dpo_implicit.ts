import {
  implicitResponseReward,
  responseLogprob,
  type LogprobKind,
} from "../../../src/signals/reward/responseLogprob";
import { list, vector, type Adapter, type Golden } from "../adapter";

const rowsOf = (logits: Golden): readonly (readonly Float64Array[])[] =>
  list(logits, "logits").map((rows) => list(rows).map((row) => vector(row)));

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ inputs }) {
    const kind: LogprobKind = inputs.flag("average_log_prob", false)
      ? "average"
      : inputs.flag("norm_log_prob", false)
        ? "norm"
        : "sum";
    const labels = inputs.matrix("labels");
    if (!inputs.has("ref_logits"))
      return {
        logps: rowsOf(inputs.get("logits")).map((rows, i) => responseLogprob(rows, labels[i]!, kind)),
      };
    const reference = rowsOf(inputs.get("ref_logits"));
    return {
      logratio: rowsOf(inputs.get("policy_logits")).map((rows, i) =>
        implicitResponseReward(rows, reference[i]!, labels[i]!, kind),
      ),
    };
  },
};
