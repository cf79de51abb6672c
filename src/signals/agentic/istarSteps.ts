import type { Missing } from "../series/episode";
import { memberContexts, missing } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext } from "../signal";
import { groupSteps, type GroupSteps } from "./groupSteps";
import type { StepRows } from "./twoLevelAdvantage";

/** Paper and repository of iStar. */
export const istarSource =
  "Liu et al. 2025, Online Process Reward Learning (iStar); Tongyi-ConvAI/Qwen-Character, CharacterRL-iStar/istar";

export const betaParameter: Parameter = {
  name: "beta",
  description: "Scale of the log-ratio.",
  type: "number",
  default: 0.05,
};
export const referenceParameter: Parameter = {
  name: "reference",
  description: "What the reward model is compared with: the sampling policy, or a reference model.",
  type: "choice",
  choices: ["old-policy", "reference"],
  default: "old-policy",
};

/** Sum of the log-ratios over the policy tokens of each step row, nats; NaN where a step has none. */
function stepRatios(
  context: SignalContext,
  steps: GroupSteps,
  parameters: ParameterValues,
): Float64Array | Missing {
  const reference = textOf(parameters, "reference") === "old-policy" ? "logprob" : "ref_logprob";
  const members = memberContexts(context);
  if ("missing" in members) return members;
  const out = new Float64Array(steps.rows.length).fill(NaN);
  for (const [row, { member, step, trajectoryId }] of steps.rows.entries()) {
    const recorded = step.extra?.["step_log_ratio"];
    if (typeof recorded === "number") {
      out[row] = recorded;
      continue;
    }
    const { tokens } = members[member]!.trajectory;
    const scored = members[member]!.scores?.find(
      ({ name, level }) => name === "rm_logprob" && level === "token",
    )?.values;
    const own = tokens?.series["rm_logprob"] ?? scored;
    const base = tokens?.series[reference];
    if (!tokens || !own || step.tokenStart === undefined || step.tokenEnd === undefined) {
      return missing(
        "logprobs",
        `Needs log-probabilities under the reward language model (rm_logprob) and the tokens of every step; ${trajectoryId} has none.`,
      );
    }
    if (!base) return missing("refLogprobs", `Needs ${reference} of every token; ${trajectoryId} has none.`);
    let sum = 0;
    for (let t = step.tokenStart; t < step.tokenEnd; t++)
      if (!tokens.mask || tokens.mask[t] === 1) sum += own[t]! - base[t]!;
    out[row] = sum;
  }
  return out;
}

/** Step rows of a group with the outcome of their episode and their implicit reward. */
export interface IstarRows {
  readonly steps: GroupSteps;
  readonly rows: StepRows;
  readonly episode: Float64Array;
  readonly process: Float64Array;
}

/** Gathers the rows of the context's group. */
export function istarRows(context: SignalContext, parameters: ParameterValues): IstarRows | Missing {
  const steps = groupSteps(context);
  if ("missing" in steps) return steps;
  if (steps.rows.length === 0) return missing("text");
  const episode = Float64Array.from(steps.rows, (row) => row.episodeReward);
  if (episode.some((reward) => Number.isNaN(reward))) return missing("outcomeReward");
  const ratios = stepRatios(context, steps, parameters);
  if ("missing" in ratios) return ratios;
  const beta = numberOf(parameters, "beta");
  return {
    steps,
    rows: {
      tasks: steps.rows.map(() => steps.groupId),
      trajectories: steps.rows.map((row) => row.trajectoryId),
    },
    episode,
    process: ratios.map((ratio) => beta * ratio),
  };
}
