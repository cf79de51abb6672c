import { binary, number, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal } from "../series/derivedSignal";
import { missing, rowsOf, type Row } from "../series/modelInputs";
import { numberOf, optionalNumberOf } from "../series/parameters";
import type { ParameterValues, SignalContext } from "../signal";
import { dynamicsReward, memberReward, stretchedLogit } from "./dynamicsReward";
import { proxyAction } from "./proxyActions";
import { bestCandidate, candidateProbabilities, endsRollout } from "./transitionFilter";

/** Holds and stretches each discriminator's logit; MOREC's scripts use a width of 2 (load_min_max off). */
function probabilitiesOf(
  context: SignalContext,
  logits: Row,
  parameters: ParameterValues,
): Float64Array | Missing {
  const ranges = context.inputs?.arrays?.["dynamics_ranges"];
  if (!ranges) return Float64Array.from(logits, (logit) => memberReward(logit, true));
  if (ranges.rows !== logits.length || ranges.width !== 2)
    return missing(
      "components",
      `Input dynamics_ranges needs one row (learner, expert) for each of the ${logits.length} discriminators.`,
    );
  const half = numberOf(parameters, "halfWidth");
  return Float64Array.from(rowsOf(ranges), ([learner, expert], k) =>
    memberReward(stretchedLogit(logits[k]!, { learner: learner!, expert: expert! }, half, half), true),
  );
}

const clipParameter = {
  name: "clip",
  description: "Limit of each discriminator's probability.",
  type: "number",
  minimum: 0,
  maximum: 1,
  default: 1,
} as const;
const widthParameter = {
  name: "halfWidth",
  description: "Held logits are stretched to plus and minus this (the scripts' 1).",
  type: "number",
  minimum: 0,
  default: 1,
} as const;

/** -log(1 - mean p + 1e-9), as the kernel computes it. */
function rewardExpression(probabilities: Float64Array, clip: number): Expression {
  const single = probabilities.length === 1;
  const symbols = Array.from(probabilities, (p, k) => {
    const own = symbol(`p_${k}`, p, `probability of real dynamics, discriminator ${k}`);
    return single ? own : ({ kind: "call", name: "min", arguments: [own, symbol("clip", clip)] } as const);
  });
  const mean: Expression = single ? symbols[0]! : { kind: "call", name: "mean", arguments: symbols };
  return {
    kind: "negate",
    of: { kind: "call", name: "log", arguments: [binary("+", binary("-", number(1), mean), number(1e-9))] },
  };
}

export const dynamicsRewardSignal = derivedSignal({
  id: "dynamics-reward",
  title: "MOREC dynamics reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: false,
  needs: ["components"],
  parameters: [
    clipParameter,
    widthParameter,
    {
      name: "threshold",
      description: "Below it a transition is flagged, and a rollout is cut.",
      type: "number",
      default: 0.6,
    },
    {
      name: "leastLength",
      description: "Steps that a rollout is never cut within.",
      type: "integer",
      minimum: 0,
      default: 0,
    },
  ],
  presets: [
    {
      id: "scripts",
      title: "Released scripts",
      values: { clip: 1, halfWidth: 1, threshold: 0.6 },
      source: "polixir/morec, run_example/run_morec_mopo.py, models/discriminator_ensemble_loader.py",
    },
  ],
  source:
    "Luo et al. 2024, Reward-Consistent Dynamics Models are Strongly Generalizable for Offline RL (MOREC)",
  description:
    "How much each transition looks like real dynamics, from an ensemble of discriminators (input dynamics_logits, a row a step; dynamics_ranges, a row (learner, expert) a discriminator). The low flag marks transitions below the threshold; the rollout's own end is another thing.",
  derive(context, parameters) {
    const logits = context.inputs?.arrays?.["dynamics_logits"];
    if (!logits || logits.rows === 0)
      return missing(
        "components",
        "Needs the discriminators' logits of every transition: a model input named dynamics_logits, one row a step.",
      );
    const clip = numberOf(parameters, "clip");
    const all: Float64Array[] = [];
    for (const row of rowsOf(logits)) {
      const own = probabilitiesOf(context, row, parameters);
      if ("missing" in own) return own;
      all.push(own);
    }
    const values = Float64Array.from(all, (row) => dynamicsReward(row, clip));
    const threshold = numberOf(parameters, "threshold");
    const length = numberOf(parameters, "leastLength");
    const cut = values.findIndex((value, t) => endsRollout(value, threshold, t + 1, length));
    return {
      values,
      parts: {
        low: values.map((value) => (value < threshold ? 1 : 0)),
        "mean probability": Float64Array.from(all, (row) => row.reduce((sum, p) => sum + p, 0) / row.length),
      },
      notes: [
        cut < 0
          ? "The filter cuts nothing in this rollout."
          : `The filter would cut this rollout at step ${cut}.`,
        ...(context.inputs?.arrays?.["dynamics_ranges"]
          ? []
          : ["No ranges given: logits are taken as they are, neither held nor stretched."]),
      ],
      convention: `clip ${clip}, threshold ${threshold}`,
      lines: (index) => [
        { name: `r_d,${index}`, expression: rewardExpression(all[index]!, clip), value: values[index]! },
      ],
    };
  },
});

export const transitionChoice = derivedSignal({
  id: "transition-filter",
  title: "MOREC candidate choice",
  family: "control",
  level: "step",
  unit: "index",
  signed: false,
  needs: ["components"],
  parameters: [
    { name: "threshold", description: "Below it the rollout is cut.", type: "number", default: 0.6 },
  ],
  presets: [
    {
      id: "select-elite",
      title: "select_elite",
      values: {},
      source: "polixir/morec, offlinerlkit/dynamics/ensemble_dynamics.py, step",
    },
  ],
  source: "Luo et al. 2024, MOREC; offlinerlkit/dynamics/ensemble_dynamics.py, step",
  description:
    "Which of the candidate transitions of a step has the largest dynamics reward (input candidate_rewards, one row a step), what it is, and with which probability the sampling variant would draw it.",
  derive(context, parameters) {
    const matrix = context.inputs?.arrays?.["candidate_rewards"];
    if (!matrix || matrix.rows === 0 || matrix.width === 0)
      return missing(
        "components",
        "Needs the dynamics reward of every candidate transition: a model input named candidate_rewards, one row a step.",
      );
    const rows = rowsOf(matrix).map((row) => Float64Array.from(row));
    const values = Float64Array.from(rows, bestCandidate);
    const chosen = Float64Array.from(rows, (row, t) => row[values[t]!]!);
    const threshold = numberOf(parameters, "threshold");
    return {
      values,
      parts: {
        "chosen reward": chosen,
        "sampling probability": Float64Array.from(rows, (row, t) => candidateProbabilities(row)[values[t]!]!),
        "ends the rollout": chosen.map((reward) => (reward < threshold ? 1 : 0)),
      },
      notes: [],
      convention: `threshold ${threshold}`,
      lines: (index) => [
        {
          name: `k_${index}`,
          expression: symbol(
            "argmax r_d",
            values[index]!,
            "first candidate with the largest dynamics reward",
          ),
          value: values[index]!,
        },
        {
          name: "max r_d",
          expression: {
            kind: "call",
            name: "max",
            arguments: Array.from(rows[index]!, (r, k) => symbol(`r_d,${k}`, r, `candidate ${k}`)),
          },
          value: chosen[index]!,
        },
      ],
    };
  },
});

export const proxyActionSignal = derivedSignal({
  id: "proxy-action",
  title: "Proxy-action uncertainty (SS-ORL)",
  family: "control",
  level: "step",
  unit: "variance",
  signed: false,
  needs: ["actions"],
  parameters: [
    { name: "low", description: "Least action; empty = not held.", type: "number", default: -1 },
    { name: "high", description: "Greatest action.", type: "number", default: 1 },
    { name: "members", description: "Members of the ensemble.", type: "integer", minimum: 1, default: 1 },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { members: 1 },
      source: "facebookresearch/ssorl, inverse_model_seq.py, predict_actions_unlabeled_trajs",
    },
  ],
  source: "Zheng et al. 2023, Semi-Supervised Offline Reinforcement Learning with Action-Free Trajectories",
  description:
    "An inverse-dynamics ensemble (inputs inverse_means and inverse_deviations, a row a step, member by member) gives each step of an action-free trajectory a proxy action, the mean held to the range, and this uncertainty: mixture variance about the held mean, averaged over dimensions. Parts hold the action per dimension, and the recorded one where the file has it.",
  derive(context, parameters) {
    const means = context.inputs?.arrays?.["inverse_means"];
    const deviations = context.inputs?.arrays?.["inverse_deviations"];
    const members = numberOf(parameters, "members");
    if (!means || !deviations || means.rows === 0)
      return missing(
        "actions",
        "Needs an inverse-dynamics model's output: inputs inverse_means and inverse_deviations, one row a step.",
      );
    if (means.width % members !== 0 || means.width !== deviations.width || means.rows !== deviations.rows)
      return missing(
        "actions",
        `Inputs inverse_means (${means.rows} x ${means.width}) and inverse_deviations (${deviations.rows} x ${deviations.width}) must agree and divide by ${members} members.`,
      );
    const width = means.width / members;
    const range = [optionalNumberOf(parameters, "low") ?? -Infinity, numberOf(parameters, "high")] as const;
    const spread = rowsOf(deviations);
    const cut = (row: Row, k: number): Float64Array =>
      Float64Array.from(row.subarray(k * width, (k + 1) * width));
    const proxies = rowsOf(means).map((row, t) =>
      proxyAction(
        Array.from({ length: members }, (_, k) => ({ mean: cut(row, k), deviation: cut(spread[t]!, k) })),
        range,
      ),
    );
    const recorded = context.trajectory.columns?.columns.find(({ role }) => role === "action");
    const parts: Record<string, Float64Array> = {};
    for (let d = 0; d < Math.min(width, 16); d++) {
      parts[`proxy action ${d}`] = Float64Array.from(proxies, ({ action }) => action[d]!);
      if (recorded && recorded.width === width && recorded.rows >= means.rows)
        parts[`recorded action ${d}`] = Float64Array.from(proxies, (_, t) => recorded.data[t * width + d]!);
    }
    return {
      values: Float64Array.from(proxies, ({ uncertainty }) => uncertainty),
      parts,
      notes: [recorded ? "Labelled: the file records actions." : "Proxy: the file records no actions."],
      convention: `${members} member${members === 1 ? "" : "s"}, actions held to [${range[0]}, ${range[1]}]`,
      lines(index) {
        const terms = Array.from(proxies[index]!.action, (held, d): Expression => {
          const members_ = Array.from(
            { length: members },
            (_, k) => [cut(rowsOf(means)[index]!, k)[d]!, cut(spread[index]!, k)[d]!] as const,
          );
          const second =
            members_.reduce((sum, [mean, deviation]) => sum + deviation ** 2 + mean ** 2, 0) / members;
          return binary(
            "-",
            symbol(`E[a^2]_${d}`, second, "mean of variance plus squared mean"),
            binary("^", symbol(`a_${d}`, held, "proxy action"), number(2)),
          );
        });
        return [
          {
            name: `u_${index}`,
            expression: { kind: "call", name: "mean", arguments: terms },
            value: proxies[index]!.uncertainty,
          },
        ];
      },
    };
  },
});
