import { binary, call, symbol, type Expression } from "../expression";
import { normaliseGroup } from "../kernels/groupNormalisation";
import { derivedSignal } from "../series/derivedSignal";
import { missing, memberContexts, groupMembers } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { verdictAccuracy, verdictFormat } from "./judgeReply";
import { judgeGroupConvention, judgeTable, tableContradictions } from "./judgeTable";
import { replyText } from "./replyText";

const source =
  "Wang et al. 2025, UnifiedReward-Think; CodeGoat24/UnifiedReward, UnifiedReward-Think/src/open_r1/grpo.py";
const how = "Needs a judge's reply with its reasoning: choose a judge model, or open its samples.";

export const judgeTableSignal = derivedSignal({
  id: "judge-table",
  title: "Margin of the judge's table (UnifiedReward-Think)",
  family: "reward",
  level: "trajectory",
  unit: "points",
  signed: true,
  needs: ["judge"],
  inputs: [
    {
      kind: "judge",
      name: "",
      meaning: "the judge's reply with its reasoning; else what the policy wrote last",
    },
  ],
  parameters: [],
  presets: [
    {
      id: "layout",
      title: "UnifiedReward-Think, reply layout",
      values: {},
      source:
        "CodeGoat24/UnifiedReward, UnifiedReward-Think (Image n (x/10), Total score, Image n is better)",
    },
  ],
  source,
  description:
    "Total of the first candidate minus the second, recomputed from the dimensions that a judge wrote in its reasoning. Totals that are not the sum of the dimensions and verdicts against the totals are named.",
  derive(context) {
    const reply = replyText(context);
    if (reply === undefined) return missing("judge", how);
    const table = judgeTable(reply);
    const [first, second] = table.recomputed;
    if (first === undefined || second === undefined)
      return missing("judge", "The judge's reply holds no table with scores out of ten for two candidates.");
    const value = first - second;
    const [told, other] = table.written;
    return {
      values: Float64Array.of(value),
      parts: {
        "written margin": Float64Array.of(told === undefined || other === undefined ? NaN : told - other),
        ...Object.fromEntries(
          table.dimensions.map(({ name, scores }, k) => [
            `${k + 1}. ${name}`,
            Float64Array.of((scores[0] ?? NaN) - (scores[1] ?? NaN)),
          ]),
        ),
      },
      notes: [
        ...table.dimensions.map(
          ({ name, scores }) => `${name}: ${scores.map((score) => score ?? "-").join(" against ")}.`,
        ),
        ...(table.verdict === undefined
          ? ["There is no verdict in the reply."]
          : [`Verdict: ${table.verdict === 0 ? "a tie" : `candidate ${table.verdict}`}.`]),
        ...tableContradictions(table),
      ],
      convention: `${table.dimensions.length} dimensions`,
      lines: () => {
        const sum = (k: number): Expression =>
          call(
            "sum",
            ...table.dimensions.map(({ name, scores }) =>
              symbol(name, scores[k]!, `score of candidate ${k + 1}`),
            ),
          );
        return [{ name: "margin", expression: binary("-", sum(0), sum(1)), value }];
      },
    };
  },
});

function rewardsOf(
  context: SignalContext,
  variant: string,
): { readonly accuracy: number; readonly format: number } | undefined {
  const reply = replyText(context);
  if (reply === undefined) return undefined;
  const { trajectory } = context;
  const told = trajectory.extra["solution"] ?? trajectory.task.groundTruth;
  const solution = typeof told === "string" ? told : undefined;
  const accuracy =
    solution === undefined
      ? variant === "qwen" && reply !== ""
        ? 0.1
        : NaN
      : verdictAccuracy(reply, solution);
  return { accuracy, format: verdictFormat(reply) };
}

export const judgeReward = derivedSignal({
  id: "judge-verdict-reward",
  title: "Verdict reward (UnifiedReward-Think)",
  family: "reward",
  level: "trajectory",
  unit: "reward",
  signed: false,
  needs: ["judge", "group"],
  inputs: [
    { kind: "judge", name: "", meaning: "the judge's reply; else what the policy wrote last" },
    { kind: "trajectory", name: "solution", meaning: "right verdict; else the ground truth of the task" },
  ],
  parameters: [
    {
      name: "variant",
      description:
        "The Qwen script gives a tenth where there is no solution; the LLaVA script has no number there.",
      type: "choice",
      choices: ["llava", "qwen"],
      default: "llava",
    },
    {
      name: "show",
      description: "The reward, or its advantage among the samples of the prompt.",
      type: "choice",
      choices: ["reward", "advantage"],
      default: "reward",
    },
  ],
  presets: [
    {
      id: "llava",
      title: "UnifiedReward-Think, LLaVA script",
      values: { variant: "llava" },
      source: "CodeGoat24/UnifiedReward, llava_think/train/train_grpo.py",
    },
    {
      id: "qwen",
      title: "UnifiedReward-Think, Qwen script",
      values: { variant: "qwen" },
      source: "CodeGoat24/UnifiedReward, UnifiedReward-Think/src/open_r1/grpo.py",
    },
    {
      id: "advantage",
      title: "UnifiedReward-Think, group advantage",
      values: { show: "advantage" },
      source: "CodeGoat24/UnifiedReward, llava_grpo_trainer.py (n-1, eps 1e-4)",
    },
  ],
  source,
  description:
    "1 for a verdict that equals the solution exactly, plus 1 for a reply that begins with a think block followed by an answer block.",
  derive(context, parameters) {
    const variant = textOf(parameters, "variant");
    const own = rewardsOf(context, variant);
    if (!own) return missing("judge", how);
    if (Number.isNaN(own.accuracy))
      return missing("outcomeReward", "The file holds no solution to compare the verdict with.");
    const reward = own.accuracy + own.format;
    const parts = { accuracy: Float64Array.of(own.accuracy), format: Float64Array.of(own.format) };
    const rewardLine = {
      name: "r",
      expression: binary(
        "+",
        symbol("accuracy", own.accuracy, "verdict equals the solution"),
        symbol("format", own.format, "think block, then answer block"),
      ),
      value: reward,
    };
    if (textOf(parameters, "show") === "reward")
      return {
        values: Float64Array.of(reward),
        parts,
        notes: [],
        convention: variant,
        lines: () => [rewardLine],
      };
    const members = memberContexts(context);
    if ("missing" in members) return members;
    const rewards = members.map((member) => rewardsOf(member, variant));
    if (rewards.some((each) => each === undefined || Number.isNaN(each.accuracy)))
      return missing("group", "Needs the reply and the solution of every member of the group.");
    const all = Float64Array.from(rewards, (each) => each!.accuracy + each!.format);
    const result = normaliseGroup(all, judgeGroupConvention);
    const place = members.indexOf(context);
    const value = result.advantages[place]!;
    return {
      values: Float64Array.of(value),
      parts: { ...parts, reward: Float64Array.of(reward) },
      group: groupMembers(context),
      notes: all.length === 1 ? ["Group of one: undefined (the deviation of one value)."] : [],
      convention: `${variant}, std n-1, eps 1e-4`,
      lines: () => [
        {
          name: "A",
          expression: binary(
            "/",
            binary("-", symbol("r", reward, "own reward"), symbol("mean(r)", result.baselines[place]!)),
            binary(
              "+",
              symbol("std(r)", result.spreads[place]!),
              symbol("eps", judgeGroupConvention.epsilon),
            ),
          ),
          value,
        },
        rewardLine,
      ],
    };
  },
});
