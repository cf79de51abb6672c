import { placeGains } from "../../../src/signals/agentic/igpo";
import { answerScore } from "../../../src/signals/agentic/igpoAnswer";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  text: true,
  run({ fn, inputs }) {
    const solution = inputs.text("solution_str");
    const kind = inputs.text("val_type", "f1") as "f1" | "em" | "noformatf1";
    const score = answerScore(solution, inputs.text("ground_truth"), inputs.text("data_source", ""), kind);
    if (fn === "compute_f1") return score;
    if (fn !== "compute_score") throw new InputError("function", `known (${fn})`);
    const width = Number(/every (\d+) characters/u.exec(inputs.text("tokenizer"))?.[1] ?? NaN);
    if (Number.isNaN(width)) throw new InputError("tokenizer", '"every N characters are one token"');
    const gains = inputs.list("info_gain_reward") as readonly number[];
    return placeGains(solution, gains, score, (text) => Math.ceil([...text].length / width));
  },
};
