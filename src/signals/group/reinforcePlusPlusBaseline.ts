import { binary, symbol } from "../expression";
import { normaliseGroup } from "../kernels/groupNormalisation";
import { repeatedMoments, torchWhitening } from "../kernels/whitening";
import { textOf } from "../series/parameters";
import { needHow } from "../signal";
import { meanLine, rewardSymbols } from "./groupExplanation";
import { groupSignal } from "./groupSignal";
import { responseTokens } from "./responseLength";
import { rlooConvention } from "./rloo";

/** Reward minus the group's mean; a group of one keeps its reward, as verl has it. */
const centred = { ...rlooConvention("reward", "propagate", "float64"), baseline: "mean" as const };

export const reinforcePlusPlusBaseline = groupSignal({
  id: "reinforce-plus-plus-baseline",
  title: "REINFORCE++ with group baseline",
  estimator: true,
  unit: "advantage",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [
    {
      name: "whiten",
      description:
        "Whitening over the policy tokens of the batch: shown before it, or computed from the rewards and lengths of all groups of the step.",
      type: "choice",
      choices: ["batch-not-shown", "batch"],
      default: "batch-not-shown",
    },
  ],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: { whiten: "batch" },
      source: "volcengine/verl, core_algos.py, compute_reinforce_plus_plus_baseline_outcome_advantage",
    },
  ],
  source: "Hu 2025, REINFORCE++; volcengine/verl, compute_reinforce_plus_plus_baseline_outcome_advantage",
  description:
    "Reward minus the mean of the group, then whitened over all policy tokens of the training step, so that every token of a rollout shows the same number.",
  derive(source, context, parameters) {
    const { rewards, own, members } = source;
    const result = normaliseGroup(rewards, centred);
    const raw = result.advantages[own]!;
    const baseline = result.baselines[own]!;
    const symbols = rewardSymbols(members, rewards);
    const single = rewards.length === 1;
    const rawExpression = single
      ? symbols[own]!
      : binary("-", symbols[own]!, symbol("mean(r)", baseline, "mean reward of the group"));
    const tail = single ? [] : [meanLine("mean(r)", symbols, baseline)];
    if (textOf(parameters, "whiten") !== "batch")
      return {
        value: raw,
        parts: { baseline },
        lines: [{ name: "A_i", expression: rawExpression, value: raw }, ...tail],
        notes: [
          "The trainer whitens these over all policy tokens of its batch afterwards; shown before whitening.",
        ],
        convention: "group mean, before whitening",
      };
    if (!context.batch) return { missing: ["batch"], how: needHow.batch };
    const values: number[] = [];
    const lengths: number[] = [];
    for (const group of context.batch) {
      const scored = group.members.filter((member) => typeof member.reward === "number");
      const advantages = normaliseGroup(
        Float64Array.from(scored, (member) => member.reward as number),
        centred,
      ).advantages;
      for (const [i, member] of scored.entries()) {
        const length = responseTokens(member);
        if (length === undefined)
          return {
            missing: ["tokenMask"],
            how: `Whitening over tokens needs the token count of every rollout; ${member.trajectoryId} has none: open the trainer's token export.`,
          };
        values.push(advantages[i]!);
        lengths.push(length);
      }
    }
    const { mean, variance } = repeatedMoments(Float64Array.from(values), Float64Array.from(lengths));
    const scale = 1 / Math.sqrt(variance + torchWhitening.epsilon);
    const value = (raw - mean) * scale;
    return {
      value,
      parts: { baseline, "before whitening": raw },
      lines: [
        {
          name: "A_i",
          expression: binary(
            "*",
            binary(
              "-",
              symbol("d_i", raw, "reward minus the group's mean"),
              symbol("mean(d)", mean, "over all policy tokens"),
            ),
            symbol("1/sqrt(var+eps)", scale, "variance over n-1 tokens, eps 1e-8"),
          ),
          value,
        },
        { name: "d_i", expression: rawExpression, value: raw },
        ...tail,
      ],
      notes: [],
      convention: "group mean, whitened over policy tokens",
    };
  },
});
