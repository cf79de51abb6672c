import { call, number, binary, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { decisionIndices, missing, onSteps, stepNumbers, tokenNumbers } from "../series/modelInputs";
import { numberOf } from "../series/parameters";

/** Last position of every run of non-zero entries of a mask. */
function runEnds(mask: ArrayLike<number>): readonly number[] {
  const ends: number[] = [];
  for (let t = 0; t < mask.length; t++) if (mask[t] && !mask[t + 1]) ends.push(t);
  return ends;
}

/**
 * Stepwise progress (prm_model.forward): a linear head on the logits at the last token of each assistant turn.
 *
 * @param logits [T][V]; @param assistant 1 = assistant token, [T]; @param weight [V]
 * @returns one value per turn; their sum is the predicted outcome, 0 without an assistant turn
 */
export function progressValues(
  logits: readonly ArrayLike<number>[],
  assistant: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: number,
): { readonly turnValues: readonly number[]; readonly prediction: number } {
  const turnValues = runEnds(assistant).map((t) => {
    let value = bias;
    for (let k = 0; k < weight.length; k++) value += logits[t]![k]! * weight[k]!;
    return value;
  });
  return { turnValues, prediction: turnValues.reduce((sum, value) => sum + value, 0) };
}

/**
 * Token rewards of the released trainer (ppo/step_ppotrainer.py, compute_rewards): minus the KL penalty, and on the last
 * token of action run i of n its score times (n - i - 1), so the last step gets nothing. Scores are taken from the back;
 * surplus scores at the front are ignored.
 *
 * @param mask 1 = action token, [T]; @param penalty KL of each token, nats, [T]
 * @throws Error when there are fewer scores than action runs
 */
export function weightedStepRewards(
  scores: ArrayLike<number>,
  mask: ArrayLike<number>,
  penalty: ArrayLike<number>,
  coefficient: number,
): { readonly rewards: Float64Array; readonly penalties: Float64Array } {
  const penalties = Float64Array.from({ length: mask.length }, (_, t) => -coefficient * penalty[t]!);
  const rewards = penalties.slice();
  const ends = runEnds(mask);
  if (scores.length < ends.length)
    throw new Error(`${scores.length} step scores for ${ends.length} action runs: every run needs one.`);
  const surplus = scores.length - ends.length;
  ends.forEach((end, i) => (rewards[end] = rewards[end]! + scores[surplus + i]! * (ends.length - i - 1)));
  return { rewards, penalties };
}

const source = "Wang et al. 2025, SPA-RL; WangHanLinHenry/SPA-RL-Agent";

export const spaProgress = derivedSignal({
  id: "spa-progress",
  title: "Stepwise progress (SPA-RL)",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards"],
  inputs: [{ kind: "step", name: "turn_value", meaning: "the progress estimator's value of each turn" }],
  parameters: [],
  presets: [
    {
      id: "paper",
      title: "SPA-RL, as in the paper",
      values: {},
      source:
        "WangHanLinHenry/SPA-RL-Agent, prm/inference_prm.py, prm_model (turn values that add up to the prediction)",
    },
  ],
  source: `${source}, prm/inference_prm.py`,
  description:
    "Value that the progress estimator gives to each turn; together they are its prediction of the outcome. The released pipeline computes them and then writes others in their place.",
  derive(context) {
    const { trajectory } = context;
    const indices = decisionIndices(trajectory);
    const recorded = trajectory.extra["turn_values"];
    let turns = stepNumbers(context, ["turn_value", "progress"]);
    if (!turns && Array.isArray(recorded) && recorded.length === indices.length)
      turns = onSteps(
        trajectory,
        indices,
        recorded.map((value) => (typeof value === "number" ? value : NaN)),
      );
    if (!turns || indices.length === 0)
      return missing(
        "rewards",
        "Needs the progress estimator's value of every turn (turn_value): score with the estimator.",
      );
    const values = turns;
    const progress = new Float64Array(values.length).fill(NaN);
    let sum = 0;
    for (const index of indices) progress[index] = sum += values[index]!;
    const outcome = trajectory.outcome.reward;
    return {
      values,
      parts: { "progress so far": progress },
      notes: [
        `Prediction ${sum}${typeof outcome === "number" ? `, recorded outcome ${outcome}, squared error ${(sum - outcome) ** 2}` : ""}.`,
      ],
      convention: "linear head on the logits at the end of each turn",
      lines(index) {
        const own = indices.slice(0, indices.indexOf(index) + 1);
        const at = (k: number) =>
          symbol(`v_${k}`, values[k]!, "value of the turn", { trajectoryId: trajectory.id, stepIndex: k });
        return [
          { name: `v_${index}`, expression: at(index), value: values[index]! },
          ...(Number.isNaN(progress[index]!)
            ? []
            : [
                { name: "progress so far", expression: call("sum", ...own.map(at)), value: progress[index]! },
              ]),
        ];
      },
    };
  },
});

export const spaTokenReward = derivedSignal({
  id: "spa-token-reward",
  title: "Token reward of the trainer (SPA-RL)",
  family: "agentic",
  level: "token",
  unit: "reward",
  signed: true,
  needs: ["rewards", "logprobs", "refLogprobs", "tokenMask"],
  parameters: [
    {
      name: "klCoefficient",
      description: "Weight of the KL penalty of each token; 0 = none.",
      type: "number",
      minimum: 0,
      default: 0,
    },
  ],
  presets: [
    {
      id: "released",
      title: "SPA-RL trainer, as released",
      values: {},
      source: "WangHanLinHenry/SPA-RL-Agent, ppo/step_ppotrainer.py, compute_rewards",
    },
  ],
  source: `${source}, ppo/step_ppotrainer.py, compute_rewards`,
  description:
    "What the released trainer puts on tokens: minus the KL penalty, and on the last token of turn i of n the turn's reward times the number of turns after it, so the last turn gets nothing.",
  derive(context, parameters) {
    const { trajectory } = context;
    const { tokens } = trajectory;
    const coefficient = numberOf(parameters, "klCoefficient");
    const scores = decisionIndices(trajectory).map((index) => trajectory.steps[index]?.reward);
    if (!tokens?.mask) return missing("tokenMask");
    if (scores.length === 0 || scores.some((score) => typeof score !== "number")) return missing("rewards");
    const own = tokenNumbers(context, ["logprob"]);
    const reference = tokenNumbers(context, ["ref_logprob"]);
    if (coefficient !== 0 && !own) return missing("logprobs");
    if (coefficient !== 0 && !reference) return missing("refLogprobs");
    const { mask } = tokens;
    const penalty = Float64Array.from(mask, (_, t) =>
      coefficient === 0 ? 0 : mask[t] === 1 ? own![t]! - reference![t]! : 0,
    );
    const ends = runEnds(mask);
    if (scores.length < ends.length)
      return missing(
        "rewards",
        `${scores.length} turn rewards for ${ends.length} runs of policy tokens: every run needs one.`,
      );
    const given = scores as readonly number[];
    const { rewards, penalties } = weightedStepRewards(given, mask, penalty, coefficient);
    return {
      values: rewards.map((value, t) => (mask[t] === 1 ? value : NaN)),
      parts: { "KL penalty": penalties.map((value, t) => (mask[t] === 1 ? value : NaN)) },
      notes: ["The last turn gets nothing, as released."],
      convention: `KL coefficient ${coefficient}`,
      lines(index) {
        const turn = ends.indexOf(index);
        const score =
          turn < 0
            ? number(0)
            : binary(
                "*",
                symbol(`r_${turn}`, given[given.length - ends.length + turn]!, "reward of the turn"),
                symbol("turns after", ends.length - turn - 1, "turns that follow"),
              );
        return [
          {
            name: `r_${index}`,
            expression: binary(
              "+",
              symbol("penalty", penalties[index]!, "minus coefficient times KL"),
              score,
            ),
            value: rewards[index]!,
          },
        ];
      },
    };
  },
});
