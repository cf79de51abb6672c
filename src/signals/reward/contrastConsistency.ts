import { call, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, rowsOf, trajectoryNumber } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { consistency } from "./contrastInstructions";

const source =
  "Shen et al. 2024, The Trickle-down Impact of Reward (In-)consistency on RLHF; shadowkiller33/Contrast-Instruction";

/** Rewards of a pair of instructions (q, t) with their preferred responses, [instruction][response]. */
function gridOf(context: SignalContext): readonly (readonly [number, number])[] | undefined {
  const matrix = context.inputs?.arrays?.["grid"];
  if (matrix?.rows === 2 && matrix.width === 2)
    return rowsOf(matrix).map((row) => [row[0]!, row[1]!] as const);
  const names = ["score_qq", "score_qt", "score_tq", "score_tt"];
  const values = names.map((name) => trajectoryNumber(context, [name]));
  if (values.includes(undefined)) return undefined;
  const [qq, qt, tq, tt] = values as number[];
  return [
    [qq!, qt!],
    [tq!, tt!],
  ];
}

export const contrastConsistency = derivedSignal({
  id: "contrast-consistency",
  title: "Consistency of a reward model (Contrast Instructions)",
  family: "reward",
  level: "pair",
  unit: "share",
  signed: false,
  needs: ["text", "components"],
  inputs: [
    { kind: "array", name: "grid", meaning: "[2][2], rewards [instruction][response]" },
    {
      kind: "trajectory",
      name: "score_qq",
      meaning: "the same as four numbers: score_qq, score_qt, score_tq, score_tt",
    },
  ],
  parameters: [
    {
      name: "kind",
      description:
        "Response: an instruction's own response must beat the other's; instruction: a response's own instruction must beat the other's; grid: all four comparisons.",
      type: "choice",
      choices: ["response", "instruction", "grid"],
      default: "response",
    },
    {
      name: "rule",
      description: "Equal rewards lose (inference scripts) or win (reward_fusion.py).",
      type: "choice",
      choices: ["strict", "ties-win"],
      default: "strict",
    },
  ],
  presets: [
    {
      id: "response",
      title: "Response consistency",
      values: { kind: "response" },
      source: "shadowkiller33/Contrast-Instruction, code/inference_mt.py",
    },
    {
      id: "instruction",
      title: "Instruction consistency",
      values: { kind: "instruction" },
      source: "shadowkiller33/Contrast-Instruction, code/inference.py, inference_para.py, inference_sum.py",
    },
    {
      id: "fusion-rule",
      title: "Counted as in reward_fusion.py",
      values: { rule: "ties-win" },
      source: "shadowkiller33/Contrast-Instruction, code/reward_fusion.py (>= instead of >)",
    },
  ],
  source,
  description:
    "Whether a reward model prefers the response that belongs to an instruction, and the instruction that belongs to a response, on a pair of similar instructions. Constant rewards score 0 under the strict rule and 1 when ties win.",
  derive(context, parameters) {
    const grid = gridOf(context);
    if (!grid)
      return missing(
        "components",
        "Needs the four rewards of the pair (score_qq, score_qt, score_tq, score_tt: instruction, then response): score the pair with a reward model.",
      );
    const [[qq, qt], [tq, tt]] = grid as [[number, number], [number, number]];
    const kind = textOf(parameters, "kind");
    const rule = textOf(parameters, "rule") as "strict" | "ties-win";
    const pairs: readonly (readonly [number, number])[] =
      kind === "response"
        ? [[qq, qt]]
        : kind === "instruction"
          ? [[qq, tq]]
          : [
              [qq, qt],
              [tt, tq],
              [qq, tq],
              [tt, qt],
            ];
    if (pairs.flat().some((value) => Number.isNaN(value)))
      return missing("components", "One of the four rewards is not a number.");
    const { share, count } = consistency(pairs, rule);
    return {
      values: Float64Array.of(share),
      parts: { margin: Float64Array.of(Math.min(...pairs.map(([a, b]) => a - b))) },
      notes: [`${count} of ${pairs.length} comparisons are won.`],
      convention: `${kind}, ${rule}`,
      lines: () => [
        {
          name: "C",
          expression: call(
            "mean",
            ...pairs.map(([a, b], k) =>
              symbol(`win_${k + 1}`, Number(a > b || (rule === "ties-win" && a === b)), `${a} against ${b}`),
            ),
          ),
          value: share,
        },
      ],
    };
  },
});
