import { responseLogprob, type LogprobKind } from "../../../src/signals/reward/responseLogprob";
import { list, vector, type Adapter, type Golden, type Inputs } from "../adapter";

function logprobs(inputs: Inputs, logits: Golden, kind: LogprobKind): readonly number[] {
  const labels = inputs.matrix("labels");
  return list(logits, "logits").map((rows, i) =>
    responseLogprob(
      list(rows).map((row) => vector(row)),
      labels[i]!,
      kind,
    ),
  );
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ inputs }) {
    const kind = inputs.flag("average_log_prob", false)
      ? "average"
      : inputs.flag("norm_log_prob", false)
        ? "norm"
        : "sum";
    if (!inputs.has("ref_logits")) return { logps: logprobs(inputs, inputs.get("logits"), kind) };
    const policy = logprobs(inputs, inputs.get("policy_logits"), kind);
    const reference = logprobs(inputs, inputs.get("ref_logits"), kind);
    return { logratio: policy.map((value, i) => value - reference[i]!) };
  },
};
