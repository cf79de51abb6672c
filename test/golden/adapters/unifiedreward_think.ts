import { normaliseGroups } from "../../../src/signals/kernels/groupNormalisation";
import { verdictAccuracy, verdictFormat } from "../../../src/signals/reward/judgeReply";
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
    if (fn.includes("advantage")) {
      const rewards = Float64Array.from(inputs.matrix("rewards_per_func"), (row) =>
        row.reduce((sum, value) => sum + value, 0),
      );
      const size = inputs.number("num_generations");
      const groups = Int32Array.from(rewards, (_, row) => Math.floor(row / size));
      const { advantages } = normaliseGroups(rewards, groups, Math.ceil(rewards.length / size), {
        baseline: "mean",
        std: "sample",
        spreadOver: "group",
        epsilon: 1e-4,
        singleton: "nan",
        zeroSpread: "divide",
        nan: "propagate",
        precision: "float64",
      });
      return { rewards, advantages };
    }
    const replies = inputs.list("completions").map(replyOf);
    if (fn.endsWith("format_reward"))
      return replies.map((reply) => (reply === undefined ? 0 : verdictFormat(reply)));
    if (!fn.endsWith("accuracy_reward")) throw new InputError("function", `known (${fn})`);
    const solutions = inputs.texts("solution");
    return replies.map((reply, i) => {
      if (reply === undefined || reply === "") return 0;
      const solution = solutions[i];
      // Without a solution the Qwen variant gives a tenth.
      if (solution === undefined) return fn.includes("open_r1") ? 0.1 : 0;
      return verdictAccuracy(reply, solution);
    });
  },
};
