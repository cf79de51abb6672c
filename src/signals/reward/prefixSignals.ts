import { binary, call, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, stepNumbers, tokenNumbers } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import { reducedLogprob, type LogprobKind } from "./responseLogprob";

const source = "Malik et al. 2025, RewardBench 2; allenai/reward-bench";

export const prefixGain = derivedSignal({
  id: "prefix-gain",
  title: "Gain of a growing prefix",
  family: "reward",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards"],
  inputs: [
    {
      kind: "token",
      name: "prefix_score",
      meaning: "a scalar reward model's score of the text up to each token (also token_reward)",
    },
    { kind: "step", name: "prefix_score", meaning: "the same for turns (also prefix_reward)" },
  ],
  parameters: [
    {
      name: "unit",
      description: "Prefixes that end at tokens or at turns; auto takes what a model scored.",
      type: "choice",
      choices: ["auto", "token", "turn"],
      default: "auto",
    },
  ],
  presets: [
    {
      id: "rewardbench-token",
      title: "RewardBench, per token",
      values: { unit: "token" },
      source: "allenai/reward-bench, analysis/get_per_token_reward.py",
    },
    {
      id: "ixc-turn",
      title: "XComposer2.5-Reward, per turn",
      values: { unit: "turn" },
      source:
        "InternLM/InternLM-XComposer, InternLM-XComposer-2.5-Reward (score at the reward token of each turn prefix)",
    },
  ],
  source: `${source}, analysis/get_per_token_reward.py; InternLM/InternLM-XComposer, InternLM-XComposer-2.5-Reward`,
  description:
    "How much a scalar reward model's score of the text up to here rises with this token or turn; the scores themselves stand beside it. The gains from the first prefix on add up to the last score.",
  derive(context, parameters) {
    const unit = textOf(parameters, "unit");
    const tokenScores = unit === "turn" ? undefined : tokenNumbers(context, ["prefix_score", "token_reward"]);
    const turnScores = unit === "token" ? undefined : stepNumbers(context, ["prefix_score", "prefix_reward"]);
    const scores = tokenScores ?? turnScores;
    if (!scores)
      return missing(
        "rewards",
        "Needs a scalar reward model's score of every prefix (prefix_score): choose a scalar reward model.",
      );
    const places = [...scores.keys()].filter((t) => !Number.isNaN(scores[t]!));
    if (places.length === 0) return missing("rewards", "No prefix has a score.");
    const values = new Float64Array(scores.length).fill(NaN);
    places.forEach(
      (place, k) => (values[place] = k === 0 ? scores[place]! : scores[place]! - scores[places[k - 1]!]!),
    );
    return {
      values,
      level: tokenScores ? "token" : "step",
      parts: { score: scores },
      notes: [
        "Reward models are not calibrated on unfinished answers.",
        "The first number is the score of the first prefix.",
      ],
      convention: tokenScores ? "token prefixes" : "turn prefixes",
      lines(index) {
        const k = places.indexOf(index);
        const own = symbol(`s_${index}`, scores[index]!, "score of the prefix that ends here");
        return [
          {
            name: `gain_${index}`,
            expression:
              k === 0
                ? own
                : binary("-", own, symbol(`s_${places[k - 1]!}`, scores[places[k - 1]!]!, "score before")),
            value: values[index]!,
          },
        ];
      },
    };
  },
});

export const implicitReward = derivedSignal({
  id: "dpo-implicit-reward",
  title: "Implicit reward of a policy (DPO)",
  family: "reward",
  level: "trajectory",
  unit: "nats",
  signed: true,
  needs: ["logprobs", "refLogprobs"],
  parameters: [
    {
      name: "reference",
      description: "Subtract the reference model's log-probability.",
      type: "boolean",
      default: true,
    },
    {
      name: "kind",
      description: "Sum, mean per token, or minus the L2 norm of the token log-probabilities.",
      type: "choice",
      choices: ["sum", "average", "norm"],
      default: "sum",
    },
  ],
  presets: [
    {
      id: "rewardbench",
      title: "RewardBench, DPO models",
      values: {},
      source: "allenai/reward-bench, rewardbench/dpo.py, DPOInference (beta is not applied)",
    },
    ...(["sum", "average", "norm"] as const).map((kind) => ({
      id: `reference-free-${kind}`,
      title: `RewardBench, reference-free ${kind}`,
      values: { reference: false, kind },
      source: "allenai/reward-bench, rewardbench/dpo.py, get_batch_logps",
    })),
  ],
  source: `${source}, rewardbench/dpo.py, DPOInference`,
  description:
    "Log-probability of the response under a policy, minus the reference's. As released beta is not applied, which changes no ranking.",
  derive(context, parameters) {
    const { tokens } = context.trajectory;
    const own = tokenNumbers(context, ["logprob"]);
    if (!own) return missing("logprobs");
    const useReference = parameters["reference"] === true;
    const reference = useReference ? tokenNumbers(context, ["ref_logprob"]) : undefined;
    if (useReference && reference?.length !== own.length) return missing("refLogprobs");
    const places = [...own.keys()].filter(
      (t) => !Number.isNaN(own[t]!) && (tokens?.mask ? tokens.mask[t] === 1 : true),
    );
    if (places.length === 0) return missing("logprobs", "No response token has a log-probability.");
    const kind = textOf(parameters, "kind") as LogprobKind;
    const reduce = (series: Float64Array): number =>
      reducedLogprob(
        places.map((t) => series[t]!),
        kind,
      );
    const policy = reduce(own);
    const base = reference ? reduce(reference) : 0;
    const value = policy - base;
    return {
      values: Float64Array.of(value),
      parts: { policy: Float64Array.of(policy), ...(reference ? { reference: Float64Array.of(base) } : {}) },
      notes: [`${places.length} response tokens.`],
      convention: `${kind}${useReference ? " against the reference" : ", reference-free"}, beta not applied`,
      lines: () => [
        {
          name: "r",
          expression: reference
            ? binary(
                "-",
                symbol("logp_policy", policy, `${kind} over the response`),
                symbol("logp_ref", base, `${kind} over the response`),
              )
            : call("sum", symbol("logp_policy", policy, `${kind} over the response`)),
          value,
        },
      ],
    };
  },
});
