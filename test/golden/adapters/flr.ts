import { followUpLogit, followUpMessages } from "../../../src/signals/reward/followUp";
import { InputError, list, vector, type Adapter, type Golden } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ fn, inputs }) {
    if (fn === "convert_to_messages") return followUpMessages(inputs.texts("utterances"), "odd");
    if (fn.endsWith("_ft.convert_to_messages")) return followUpMessages(inputs.texts("utterances"), "even");
    if (fn !== "get_outputs_withprobs") throw new InputError("function", `known (${fn})`);
    const scores = inputs.list("followups").map((entry) => {
      const followUp = entry as { readonly [key: string]: Golden };
      const rows = list(followUp["logits_last_rows"], "logits_last_rows");
      return followUpLogit(vector(rows[0]), vector(followUp["followup_ids_incl_bos"]));
    });
    const positives = inputs.list("positive").length;
    return { positive: scores.slice(0, positives), negative: scores.slice(positives) };
  },
};
