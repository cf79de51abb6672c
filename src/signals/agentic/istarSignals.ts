import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { ExplanationLine, SignalContext } from "../signal";
import type { GroupSteps } from "./groupSteps";
import { istarCombined, istarGrpo, istarReinforce, istarRloo } from "./istar";
import { betaParameter, istarRows, istarSource, referenceParameter } from "./istarSteps";
import type { RowMode } from "./twoLevelAdvantage";
import type { TwoLevel } from "./twoLevelExplanation";

function rowsOn(context: SignalContext, steps: GroupSteps, values: ArrayLike<number>): Float64Array {
  const out = new Float64Array(context.trajectory.steps.length).fill(NaN);
  for (const row of steps.own) out[steps.rows[row]!.step.index] = values[row]!;
  return out;
}

/** Advantage of a row, as value minus baseline, over the deviation where one divides. */
function partLine(
  name: string,
  letter: string,
  part: TwoLevel["episode"],
  value: number,
  row: number,
  mode: RowMode,
  epsilon: number,
): ExplanationLine {
  const difference: Expression = binary(
    "-",
    symbol(letter, value, "value of this step's row"),
    symbol(`b(${letter})`, part.baselines[row]!, "baseline over the first rows of the trajectories"),
  );
  const spread = part.spreads[row]!;
  return {
    name,
    expression:
      mode === "mean_norm"
        ? difference
        : binary(
            "/",
            difference,
            binary("+", symbol(`std(${letter})`, Number.isNaN(spread) ? 1 : spread), symbol("eps", epsilon)),
          ),
    value: part.advantages[row]!,
  };
}

export const istar = derivedSignal({
  id: "istar",
  title: "iStar advantage",
  family: "agentic",
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["group", "logprobs", "refLogprobs", "outcomeReward"],
  inputs: [
    {
      kind: "token",
      name: "rm_logprob",
      meaning: "log-probability under the reward language model, of every member",
    },
    {
      kind: "step",
      name: "step_log_ratio",
      meaning: "sum of the log-ratios over a step, where tokens are not recorded",
    },
  ],
  parameters: [
    {
      name: "estimator",
      description: "How both parts are made relative to the group.",
      type: "choice",
      choices: ["rloo", "grpo", "reinforce", "combined"],
      default: "rloo",
    },
    {
      name: "mode",
      description: "Of grpo: subtract the mean, or divide by the deviation (n-1) as well.",
      type: "choice",
      choices: ["mean_norm", "mean_std_norm"],
      default: "mean_norm",
    },
    betaParameter,
    referenceParameter,
    { name: "stepWeight", description: "Weight of the step part.", type: "number", default: 1 },
    {
      name: "episodeWeight",
      description: "Weight of the episode part; 0 = process only (rloo).",
      type: "number",
      default: 1,
    },
    {
      name: "epsilon",
      description: "Added to the deviation (grpo).",
      type: "number",
      minimum: 0,
      default: 1e-6,
    },
  ],
  presets: [
    {
      id: "script",
      title: "iStar, released script (RLOO)",
      values: { estimator: "rloo" },
      source: "Tongyi-ConvAI/Qwen-Character, run_webshop.sh (algorithm.adv_estimator=istar_rloo)",
    },
    {
      id: "process-only",
      title: "iStar RLOO, process only",
      values: { estimator: "rloo", episodeWeight: 0 },
      source: "istar/core_istar.py, compute_istar_rloo_advantage, use_process_only",
    },
    {
      id: "grpo",
      title: "iStar GRPO",
      values: { estimator: "grpo" },
      source: "istar/core_istar.py, compute_istar_grpo_advantage",
    },
    {
      id: "reinforce",
      title: "iStar REINFORCE++ with baseline",
      values: { estimator: "reinforce" },
      source: "istar/core_istar.py, compute_istar_reinforce_plus_baseline_advantage",
    },
    {
      id: "combined",
      title: "RLOO on outcome plus process",
      values: { estimator: "combined" },
      source: "istar/core_istar.py, process_outcome_combined_advantage",
    },
  ],
  source: `${istarSource}/core_istar.py`,
  description:
    "Advantage of the episode's outcome plus advantage of the step's implicit reward (beta times the log-ratio of the reward model, summed over the step). As released both baselines count only the first step of each trajectory, although the docstring says all of them.",
  derive(context, parameters) {
    const prepared = istarRows(context, parameters);
    if ("missing" in prepared) return prepared;
    const { steps, rows, episode, process } = prepared;
    const estimator = textOf(parameters, "estimator");
    const mode = textOf(parameters, "mode") as RowMode;
    const epsilon = numberOf(parameters, "epsilon");
    const weight = numberOf(parameters, "stepWeight");
    const notes = [
      ...steps.notes,
      "The baselines count the first step of each trajectory only, as released.",
    ];
    const shared = {
      group: { groupId: steps.groupId, memberIds: steps.memberIds, rewards: steps.rewards },
      notes,
      convention: `${estimator}${estimator === "grpo" ? ` ${mode}` : ""}, beta ${numberOf(parameters, "beta")}, step weight ${weight}`,
    };
    const rowAt = (index: number): number => steps.own.find((row) => steps.rows[row]!.step.index === index)!;
    if (estimator === "combined" || estimator === "reinforce") {
      const lengths = steps.rows.map(({ step }) => (step.tokenEnd ?? 0) - (step.tokenStart ?? 0));
      if (estimator === "reinforce" && lengths.some((length) => length <= 0))
        return missing(
          "tokenMask",
          "Needs the tokens of every step: the whitening weighs steps by their length.",
        );
      let advantages: Float64Array;
      try {
        advantages =
          estimator === "combined"
            ? istarCombined(rows, episode, process, weight)
            : Float64Array.from(
                istarReinforce(
                  rows,
                  episode,
                  process,
                  weight,
                  lengths.map((length) => new Float64Array(length).fill(1)),
                ),
                (row) => row[0]!,
              );
      } catch (error) {
        return missing("tokenMask", error instanceof Error ? error.message : String(error));
      }
      return {
        ...shared,
        values: rowsOn(context, steps, advantages),
        parts: { "step reward": rowsOn(context, steps, process) },
        lines(index) {
          const row = rowAt(index);
          const value = advantages[row]!;
          const total = episode[row]! + weight * process[row]!;
          return [
            estimator === "combined"
              ? {
                  name: `A_${index}`,
                  expression: binary(
                    "-",
                    symbol("c", total, "outcome plus weighted step reward"),
                    symbol("b(c)", total - value, "mean of the other trajectories' first rows"),
                  ),
                  value,
                }
              : {
                  name: `A_${index}`,
                  expression: symbol("A", value, "both centred parts, whitened over the tokens of the group"),
                  value,
                },
          ];
        },
      };
    }
    const result =
      estimator === "rloo"
        ? istarRloo(rows, episode, process, weight, numberOf(parameters, "episodeWeight"))
        : istarGrpo(rows, episode, process, weight, mode, epsilon);
    return {
      ...shared,
      values: rowsOn(context, steps, result.advantages),
      parts: {
        "episode advantage": rowsOn(context, steps, result.episode.advantages),
        "step advantage": rowsOn(context, steps, result.step.advantages),
        "step reward": rowsOn(context, steps, process),
      },
      lines(index) {
        const row = rowAt(index);
        const own = estimator === "rloo" ? "mean_norm" : mode;
        return [
          {
            name: `A_${index}`,
            expression: binary(
              "+",
              binary(
                "*",
                symbol("w_e", result.episodeWeight, "weight of the episode part"),
                symbol("A_episode", result.episode.advantages[row]!),
              ),
              binary(
                "*",
                symbol("w", weight, "weight of the step part"),
                symbol("A_step", result.step.advantages[row]!),
              ),
            ),
            value: result.advantages[row]!,
          },
          partLine("A_episode", "s", result.episode, episode[row]!, row, own, epsilon),
          partLine("A_step", "q", result.step, process[row]!, row, own, epsilon),
        ];
      },
    };
  },
});
