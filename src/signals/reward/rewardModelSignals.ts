import { binary, call, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import {
  arrayInput,
  groupMembers,
  memberContexts,
  missing,
  rowsOf,
  tokenNumbers,
  trajectoryNumber,
  type Row,
} from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext } from "../signal";
import {
  annotatedPairs,
  classificationReward,
  informationGains,
  linearReward,
  scoreDistances,
  type DesignWeight,
  type EmbeddingPair,
} from "./activePairs";
import { attentionCredit, bestOfNCurve, bestOfNDivergence } from "./rewardModelUses";

const survey =
  "Sun & van der Schaar 2025, Inverse Reinforcement Learning Meets Large Language Model Post-Training";

const proxyParameter: Parameter = {
  name: "proxy",
  description: "Component, field or model score by which one chooses; empty takes the outcome reward.",
  type: "string",
  default: "",
};
const goldParameter: Parameter = {
  name: "gold",
  description: "Component or field that is really wanted; empty takes success, else the outcome reward.",
  type: "string",
  default: "",
};

interface Samples {
  readonly proxy: Float64Array;
  readonly gold: Float64Array;
  readonly own: number;
}

function samplesOf(context: SignalContext, parameters: ParameterValues): Samples | Missing {
  const members = memberContexts(context);
  if ("missing" in members) return members;
  const [proxyName, goldName] = [textOf(parameters, "proxy"), textOf(parameters, "gold")];
  const read = (member: SignalContext, name: string, gold: boolean): number | undefined => {
    if (name !== "") return trajectoryNumber(member, [name]);
    const { success, reward } = member.trajectory.outcome;
    if (gold && typeof success === "boolean") return Number(success);
    return typeof reward === "number" ? reward : undefined;
  };
  const proxy = members.map((member) => read(member, proxyName, false));
  const gold = members.map((member) => read(member, goldName, true));
  const broken = members.findIndex((_, k) =>
    [proxy[k], gold[k]].some((value) => value === undefined || Number.isNaN(value)),
  );
  if (broken >= 0)
    return missing(
      "outcomeReward",
      `Needs both rewards of every sample of the prompt; ${members[broken]!.trajectory.id} lacks one.`,
    );
  return {
    proxy: Float64Array.from(proxy as number[]),
    gold: Float64Array.from(gold as number[]),
    own: members.indexOf(context),
  };
}

export const bestOfNCurveSignal = unexplainedSignal({
  id: "best-of-n-curve",
  title: "Best-of-n curve",
  family: "reward",
  level: "group",
  unit: "reward",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [proxyParameter, goldParameter],
  presets: [
    {
      id: "survey",
      title: "Test-time filtering",
      values: {},
      source: `${survey}, sections 3 and 4 (best-of-N)`,
    },
  ],
  source: `${survey}, best-of-N`,
  description:
    "Gold reward that is expected when the proxy chooses the best of n samples, for n from 1 to the size of the group, over all draws without replacement. Beside it the proxy's own expectation and the divergence from the policy: where the proxy rises and the gold falls, the proxy is being over-optimised.",
  derive(context, parameters) {
    const samples = samplesOf(context, parameters);
    if ("missing" in samples) return samples;
    const { proxy, gold } = bestOfNCurve(samples.proxy, samples.gold);
    const best = gold.indexOf(Math.max(...gold));
    return {
      values: gold,
      parts: { proxy, divergence: Float64Array.from(gold, (_, k) => bestOfNDivergence(k + 1)) },
      group: groupMembers(context),
      notes: [
        `Index k is the best of k + 1 of ${gold.length} samples.`,
        ...(best < gold.length - 1 && gold[best]! > gold.at(-1)! + 1e-12
          ? [
              `The gold reward is highest at n = ${best + 1} and falls after it: over-optimisation of the proxy.`,
            ]
          : []),
      ],
      convention: "all draws without replacement",
    };
  },
});

export const proxyGap = derivedSignal({
  id: "proxy-gold-gap",
  title: "Gap between proxy and gold reward",
  family: "reward",
  level: "trajectory",
  unit: "deviations",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [proxyParameter, goldParameter],
  presets: [
    {
      id: "survey",
      title: "Over-optimisation check",
      values: {},
      source: `${survey}, section on over-optimisation`,
    },
  ],
  source: `${survey}, over-optimisation checks`,
  description:
    "How much better the proxy finds a sample than the gold reward does, each measured in deviations (n) from its mean in the group. Large positive numbers are where a policy would be led astray.",
  derive(context, parameters) {
    const samples = samplesOf(context, parameters);
    if ("missing" in samples) return samples;
    const score = (
      values: Float64Array,
    ): { readonly own: number; readonly mean: number; readonly std: number; readonly z: number } => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      const own = values[samples.own]!;
      return { own, mean, std, z: (own - mean) / std };
    };
    const [proxy, gold] = [score(samples.proxy), score(samples.gold)];
    if (proxy.std === 0 || gold.std === 0)
      return missing(
        "group",
        `The ${proxy.std === 0 ? "proxy" : "gold"} rewards of the group are all equal: there is no scale to compare on.`,
      );
    const value = proxy.z - gold.z;
    return {
      values: Float64Array.of(value),
      parts: { proxy: Float64Array.of(proxy.own), gold: Float64Array.of(gold.own) },
      group: groupMembers(context),
      notes: [],
      convention: "population deviation of the group",
      lines: () => [
        {
          name: "gap",
          expression: binary(
            "-",
            binary(
              "/",
              binary("-", symbol("p", proxy.own, "proxy reward"), symbol("mean(p)", proxy.mean)),
              symbol("std(p)", proxy.std),
            ),
            binary(
              "/",
              binary("-", symbol("g", gold.own, "gold reward"), symbol("mean(g)", gold.mean)),
              symbol("std(g)", gold.std),
            ),
          ),
          value,
        },
      ],
    };
  },
});

export const attentionCreditSignal = derivedSignal({
  id: "attention-credit",
  title: "Credit by the reward model's attention",
  family: "reward",
  level: "token",
  unit: "reward",
  signed: true,
  needs: ["outcomeReward", "hiddenStates"],
  parameters: [],
  presets: [
    {
      id: "abc",
      title: "Redistribution by attention (ABC)",
      values: {},
      source: `${survey}, dense credit (Chan et al. 2024, Dense Reward for Free)`,
      asDescribed: true,
    },
  ],
  source: `${survey}; Chan et al. 2024, Dense Reward for Free in RLHF`,
  description:
    "The reward of the whole response, shared among its tokens in proportion to the attention that the reward model's last position pays to them. The shares add up to the reward.",
  derive(context) {
    const { outcome, tokens } = context.trajectory;
    if (typeof outcome.reward !== "number") return missing("outcomeReward");
    const matrix = context.inputs?.arrays?.["attention"];
    const row = matrix && matrix.rows > 0 ? rowsOf(matrix)[0] : undefined;
    const attention = tokenNumbers(context, ["attention"]) ?? (row ? Float64Array.from(row) : undefined);
    if (!attention)
      return missing(
        "hiddenStates",
        "Needs the attention that the reward model's last position pays to each token (attention).",
      );
    const mask =
      tokens?.mask?.length === attention.length ? tokens.mask : new Uint8Array(attention.length).fill(1);
    const values = attentionCredit(outcome.reward, attention, mask);
    const total = attention.reduce((sum, value, t) => (mask[t] ? sum + value : sum), 0);
    const reward = outcome.reward;
    return {
      values,
      notes: total === 0 ? ["No attention falls on the response."] : [],
      convention: "shares of the attention on the response",
      lines: (index) => [
        {
          name: `r_${index}`,
          expression: binary(
            "/",
            binary(
              "*",
              symbol("R", reward, "reward of the response"),
              symbol(`a_${index}`, attention[index]!, "attention to this token"),
            ),
            symbol("sum(a)", total, "attention to the response"),
          ),
          value: values[index]!,
        },
      ],
    };
  },
});

function headAndState(context: SignalContext): { readonly head: Row; readonly state: Row } | Missing {
  const head = arrayInput(
    context,
    "reward_head",
    "embeddings",
    "Needs the weights of the linear reward head (reward_head).",
  );
  if ("missing" in head) return head;
  const matrix = context.inputs?.embeddings;
  if (!matrix || matrix.rows === 0) return missing("embeddings");
  const state = rowsOf(matrix).at(-1)!;
  if (state.length !== head[0]!.length)
    return missing(
      "embeddings",
      `The embedding has ${state.length} numbers and the reward head ${head[0]!.length}: they belong to different models.`,
    );
  if (![...head[0]!, ...state].every(Number.isFinite))
    return missing("embeddings", "The embedding or the reward head holds numbers that are not finite.");
  return { head: head[0]!, state };
}

export const embeddingReward = derivedSignal({
  id: "embedding-reward",
  title: "Reward of an embedding",
  family: "reward",
  level: "trajectory",
  unit: "reward",
  signed: true,
  needs: ["embeddings"],
  parameters: [
    {
      name: "kind",
      description: "Bradley-Terry score, or the probability of being preferred (classification).",
      type: "choice",
      choices: ["bradley-terry", "classification"],
      default: "bradley-terry",
    },
  ],
  presets: [
    {
      id: "bradley-terry",
      title: "Bradley-Terry head",
      values: {},
      source: "holarissun/RewardModelingBeyondBradleyTerry, networks.py, forward_siamese",
    },
    {
      id: "classification",
      title: "Classification head",
      values: { kind: "classification" },
      source: "holarissun/RewardModelingBeyondBradleyTerry, networks.py, forward_mlp",
    },
  ],
  source: `${survey}; holarissun/RewardModelingBeyondBradleyTerry, networks.py`,
  description:
    "Score of a response under a linear head on its embedding, as a Bradley-Terry reward or as a probability.",
  derive(context, parameters) {
    const found = headAndState(context);
    if ("missing" in found) return found;
    const score = linearReward(found.head, found.state);
    const classifies = textOf(parameters, "kind") === "classification";
    const value = classifies ? classificationReward(found.head, found.state) : score;
    const own = symbol("w.phi", score, "head times embedding");
    return {
      values: Float64Array.of(value),
      notes: [],
      convention: textOf(parameters, "kind"),
      lines: () => [{ name: "r", expression: classifies ? call("sigmoid", own) : call("sum", own), value }],
    };
  },
});

export const preferenceInformation = unexplainedSignal({
  id: "preference-information",
  title: "Next pair to label",
  family: "reward",
  level: "pair",
  unit: "information",
  signed: false,
  needs: ["group", "embeddings"],
  parameters: [
    {
      name: "rule",
      description:
        "Fisher information under Bradley-Terry, the same without p(1-p), or the score difference.",
      type: "choice",
      choices: ["d-optimal", "linear", "score-difference"],
      default: "d-optimal",
    },
  ],
  presets: [
    {
      id: "d-optimal",
      title: "ARM-FI, D-optimal",
      values: {},
      source: "YunyiShen/ARM-FI, model/rules_pre_paired.py, dopt_rule",
    },
    {
      id: "xtx",
      title: "ARM-FI, XtX",
      values: { rule: "linear" },
      source: "YunyiShen/ARM-FI, model/rules_pre_paired.py, XtX_rule",
    },
    {
      id: "levelset",
      title: "ARM-FI, level set",
      values: { rule: "score-difference" },
      source:
        "YunyiShen/ARM-FI, model/rules_pre_paired.py, levelset_rule (the smallest differences are chosen, against its docstring)",
    },
  ],
  source: `${survey}; Shen et al. 2025, Active Reward Modeling; YunyiShen/ARM-FI, model/rules_pre_paired.py`,
  description:
    "How much a label would teach about every pair of responses of the group, by the gradient of the log determinant of the Fisher information of a linear reward head. Pairs run through the members in order: (0, 1), (0, 2), ...; the best one is named.",
  derive(context, parameters) {
    const members = memberContexts(context);
    if ("missing" in members) return members;
    if (members.length < 2) return missing("group", "A pair needs two responses; the group has one.");
    const found = members.map(headAndState);
    const states: Row[] = [];
    for (const each of found) {
      if ("missing" in each) return each;
      states.push(each.state);
    }
    const head = (found[0] as { readonly head: Row }).head;
    const names = annotatedPairs(new Float64Array(members.length));
    const pairs = names.map(([a, b]): EmbeddingPair => [states[a]!, states[b]!]);
    const rule = textOf(parameters, "rule");
    const values =
      rule === "score-difference"
        ? scoreDistances(pairs, head)
        : informationGains(
            pairs,
            head,
            rule === "linear" ? "linear" : ("bradley-terry" satisfies DesignWeight),
          );
    const wanted = rule === "score-difference" ? Math.min(...values) : Math.max(...values);
    const [a, b] = names[values.indexOf(wanted)]!;
    return {
      values,
      group: groupMembers(context),
      notes: [`Next pair to label: ${members[a]!.trajectory.id} against ${members[b]!.trajectory.id}.`],
      convention: rule,
    };
  },
});
