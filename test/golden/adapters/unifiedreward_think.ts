import { sampleAccuracy, verdictFormat } from "../../../src/signals/reward/judgeReply";
import { judgeAdvantages } from "../../../src/signals/reward/judgeTable";
import { InputError, type Adapter, type Golden } from "../adapter";

/** A reply as text, or as a list of messages; undefined for an empty list. */
function replyOf(value: Golden): string | undefined {
  if (!Array.isArray(value)) return String(value);
  const [first] = value as readonly Golden[];
  if (first === undefined) return undefined;
  return typeof first === "object" && first !== null
    ? String((first as { readonly [key: string]: Golden })["content"])
    : String(first);
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  run({ fn, inputs }) {
    if (fn.includes("advantage"))
      return judgeAdvantages(inputs.matrix("rewards_per_func"), inputs.number("num_generations"));
    const replies = inputs.list("completions").map(replyOf);
    if (fn.endsWith("format_reward"))
      return replies.map((reply) => (reply === undefined ? 0 : verdictFormat(reply)));
    if (!fn.endsWith("accuracy_reward")) throw new InputError("function", `known (${fn})`);
    const solutions = inputs.texts("solution");
    const script = fn.includes("open_r1") ? "qwen" : "llava";
    return replies.map((reply, i) => sampleAccuracy(reply, solutions[i], script));
  },
};
