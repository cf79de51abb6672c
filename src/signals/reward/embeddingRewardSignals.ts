import { call, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import {
  arrayInput,
  givenEmbeddings,
  groupMembers,
  memberContexts,
  missing,
  type Row,
} from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import {
  annotatedPairs,
  classificationReward,
  informationGains,
  linearReward,
  scoreDistances,
  type DesignWeight,
  type EmbeddingPair,
} from "./activePairs";

/** The survey that lists the uses of reward models. */
const survey =
  "Sun & van der Schaar 2025, Inverse Reinforcement Learning Meets Large Language Model Post-Training";

function headAndState(context: SignalContext): { readonly head: Row; readonly state: Row } | Missing {
  const head = arrayInput(
    context,
    "reward_head",
    "embeddings",
    "Needs the weights of the linear reward head (reward_head).",
  );
  if ("missing" in head) return head;
  const state = givenEmbeddings(context).at(-1);
  if (!state) return missing("embeddings");
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
  inputs: [
    { kind: "embeddings", name: "", meaning: "the last row is the response" },
    { kind: "array", name: "reward_head", meaning: "[1][D], linear head" },
  ],
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
  inputs: [
    { kind: "embeddings", name: "", meaning: "of every member, the last row" },
    { kind: "array", name: "reward_head", meaning: "[1][D], linear head, of every member" },
  ],
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
