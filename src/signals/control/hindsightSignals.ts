import { binary, number, symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import type { Missing } from "../series/episode";
import { derivedSignal } from "../series/derivedSignal";
import { decisionIndices, missing, onSteps, recordedStepRewards } from "../series/modelInputs";
import { gammaParameter, numberOf, textOf } from "../series/parameters";
import type { ParameterValues, Signal, SignalContext } from "../signal";
import { causalContribution } from "./cocoa";
import { indicesOf, nameParameter, neededNumbers, stepSymbol, stepVectors } from "./controlSeries";
import { nearestReturnBin } from "./hindsightCredit";

/** One episode with the policy's and the hindsight distribution's probabilities. */
interface HindsightEpisode {
  /** Steps of the decisions, [T]. */
  readonly steps: readonly number[];
  readonly actions: readonly number[];
  readonly rewards: Float64Array;
  /** pi(.|s_t), [T][A]. */
  readonly policy: readonly Float64Array[];
}

const hindsightHow =
  "Needs a hindsight distribution: a model input named hindsight with one row a pair (acting step, later step) of probabilities over actions, row t * T + j.";

function episodeOf(context: SignalContext, parameters: ParameterValues): HindsightEpisode | Missing {
  const rewards = recordedStepRewards(context.trajectory);
  if (!rewards) return missing("rewards");
  const policy = stepVectors(context, "policy_probabilities");
  if (!policy)
    return missing(
      "logprobs",
      "Needs the policy's probabilities of all actions at every step: a column or model input named policy_probabilities.",
    );
  const named = neededNumbers(context, parameters, "action", "actions", "the index of the taken action");
  if ("missing" in named) return named;
  const steps = decisionIndices(context.trajectory).filter((step) => !Number.isNaN(rewards[step]!));
  const width = policy[0]!.length;
  const actions = indicesOf(
    Float64Array.from(steps, (step) => named[step]!),
    width,
  );
  if ("bad" in actions)
    return missing(
      "actions",
      `The action at step ${steps[actions.bad]} is no whole number below ${width}: name the column of action indices in parameter action.`,
    );
  return {
    steps,
    actions,
    rewards: Float64Array.from(steps, (step) => rewards[step]!),
    policy: steps.map((step) => Float64Array.from(policy[step] ?? new Float64Array(width).fill(NaN))),
  };
}

/** h[t][j][a] from rows t * T + j. */
function hindsightOf(
  context: SignalContext,
  size: number,
): readonly (readonly ArrayLike<number>[])[] | Missing {
  const rows = stepVectors(context, "hindsight");
  if (!rows || rows.length < size * size)
    return missing(
      "actions",
      rows ? `${hindsightHow} It has ${rows.length} rows, not ${size * size}.` : hindsightHow,
    );
  return Array.from({ length: size }, (_, t) => rows.slice(t * size, (t + 1) * size));
}

const actionParameter = nameParameter("action", "Index of the taken action.", "action");

/** A weighted sum of rewards as an expression. */
function weightedSum(terms: readonly (readonly [Expression, Expression])[]): Expression {
  return { kind: "call", name: "sum", arguments: terms.map(([a, b]) => binary("*", a, b)) };
}

export const stateHindsight: Signal = derivedSignal({
  id: "hca-state",
  title: "Hindsight credit by state",
  family: "control",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["rewards", "actions", "logprobs"],
  parameters: [gammaParameter(0.99), actionParameter],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { gamma: 0.99 },
      source: "hca-neurips2019/hca, hca_classes.py, StateHCA.update (the step's own reward counts)",
    },
  ],
  source: "Harutyunyan et al. 2019, Hindsight Credit Assignment, theorem 1",
  description:
    "How much the taken action deserves of every later reward: the discounted reward times the hindsight probability of the action, given the later state, minus the policy's. The learner updates all actions; the number shown is the taken action's.",
  derive(context, parameters) {
    const episode = episodeOf(context, parameters);
    if ("missing" in episode) return episode;
    const { steps, actions, rewards, policy } = episode;
    const hindsight = hindsightOf(context, steps.length);
    if ("missing" in hindsight) return hindsight;
    const gamma = numberOf(parameters, "gamma");
    const weight = (t: number, j: number): number =>
      hindsight[t]![j]![actions[t]!]! - policy[t]![actions[t]!]!;
    const credit = Float64Array.from(steps, (_, t) => {
      let sum = 0;
      for (let j = t; j < steps.length; j++) sum += gamma ** (j - t) * rewards[j]! * weight(t, j);
      return sum;
    });
    return {
      values: onSteps(context.trajectory, steps, credit),
      notes: [],
      convention: `gamma ${gamma}, own reward included`,
      lines(index) {
        const t = steps.indexOf(index);
        const terms = steps
          .slice(t)
          .map((step, k): [Expression, Expression] => [
            binary(
              "*",
              binary("^", symbol("gamma", gamma, "discount"), number(k)),
              stepSymbol(context, "r", step, rewards[t + k]!, "reward"),
            ),
            symbol(
              `h-pi(${index},${step})`,
              weight(t, t + k),
              "hindsight probability of the action minus the policy's",
            ),
          ]);
        return [{ name: `A_${index}`, expression: weightedSum(terms), value: credit[t]! }];
      },
    };
  },
});

export const returnHindsight: Signal = derivedSignal({
  id: "hca-return",
  title: "Hindsight credit by return",
  family: "control",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["rewards", "actions", "logprobs"],
  parameters: [
    gammaParameter(0.99),
    actionParameter,
    {
      name: "bins",
      description:
        "Returns that the hindsight distribution knows, separated by commas; a return takes the nearest.",
      type: "string",
      default: "",
    },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { gamma: 0.99 },
      source: "hca-neurips2019/hca, hca_classes.py, ReturnHCA.update",
    },
  ],
  source: "Harutyunyan et al. 2019, Hindsight Credit Assignment, theorem 2",
  description:
    "The return times one minus the policy's probability of the taken action over its probability in hindsight of that return. Needs a model input named return_hindsight: per step a row over actions for every bin, bin by bin, or one row of the bin in question.",
  derive(context, parameters) {
    const episode = episodeOf(context, parameters);
    if ("missing" in episode) return episode;
    const { steps, actions, rewards, policy } = episode;
    const rows = stepVectors(context, "return_hindsight");
    if (!rows)
      return missing(
        "actions",
        "Needs a hindsight distribution given the return: a model input named return_hindsight, one row a step.",
      );
    const gamma = numberOf(parameters, "gamma");
    const returns = accumulateBackward(rewards, gamma, new Float64Array(rewards.length));
    const text = textOf(parameters, "bins").trim();
    const bins = text === "" ? undefined : Float64Array.from(text.split(","), Number);
    if (bins?.some(Number.isNaN))
      return missing("actions", `Parameter bins must be numbers separated by commas, not "${text}".`);
    const width = policy[0]?.length ?? 0;
    if (rows.some((row) => row.length !== width * (bins?.length ?? 1)))
      return missing(
        "actions",
        `Input return_hindsight must have ${width * (bins?.length ?? 1)} numbers a row: ${width} actions for each of ${bins?.length ?? 1} bins.`,
      );
    const share = (t: number): number => {
      const bin = bins ? nearestReturnBin(bins, returns[t]!) : 0;
      return rows[steps[t]!]?.[bin * width + actions[t]!] ?? NaN;
    };
    const own = (t: number): number => policy[t]![actions[t]!]!;
    const credit = Float64Array.from(steps, (_, t) => returns[t]! * (1 - own(t) / share(t)));
    return {
      values: onSteps(context.trajectory, steps, credit),
      parts: { return: onSteps(context.trajectory, steps, returns) },
      notes: [],
      convention: `gamma ${gamma}`,
      lines(index) {
        const t = steps.indexOf(index);
        const ratio = binary(
          "/",
          stepSymbol(context, "pi", index, own(t), "policy's probability of the action"),
          stepSymbol(context, "h", index, share(t), "its probability in hindsight of the return"),
        );
        const expression = binary(
          "*",
          stepSymbol(context, "G", index, returns[t]!, "return to go"),
          binary("-", number(1), ratio),
        );
        return [{ name: `A_${index}`, expression, value: credit[t]! }];
      },
    };
  },
});

export const cocoa: Signal = derivedSignal({
  id: "cocoa",
  title: "COCOA contribution",
  family: "control",
  estimator: true,
  level: "step",
  unit: "advantage",
  signed: true,
  needs: ["rewards", "actions", "logprobs"],
  parameters: [
    {
      name: "kind",
      description: "Advantage (coefficient less 1), or action value.",
      type: "choice",
      choices: ["advantage", "action_value"],
      default: "advantage",
    },
    actionParameter,
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { kind: "advantage" },
      source: "seijin-kobayashi/cocoa, ccoa/contribution/causal.py, CausalContribution (undiscounted)",
    },
  ],
  source:
    "Meulemans et al. 2023, Would I have gotten that reward? Long-term credit assignment by counterfactual contribution analysis",
  description:
    "Later rewards count for the taken action by how much likelier the action looks given what followed: h / pi, less 1 for the advantage. The step's own reward counts in full, over the action's probability. Undiscounted.",
  derive(context, parameters) {
    const episode = episodeOf(context, parameters);
    if ("missing" in episode) return episode;
    const { steps, actions, rewards, policy } = episode;
    const hindsight = hindsightOf(context, steps.length);
    if ("missing" in hindsight) return hindsight;
    const kind = textOf(parameters, "kind") === "advantage" ? "advantage" : "action_value";
    const { actions: all, coefficients } = causalContribution(episode, policy, hindsight, kind);
    const values = Float64Array.from(steps, (_, t) => all[t]![actions[t]!]!);
    return {
      values: onSteps(context.trajectory, steps, values),
      notes: [],
      convention: kind === "advantage" ? "w = h/pi - 1, undiscounted" : "w = h/pi, undiscounted",
      lines(index) {
        const t = steps.indexOf(index);
        const own = binary(
          "/",
          stepSymbol(context, "r", index, rewards[t]!, "reward"),
          stepSymbol(context, "pi", index, policy[t]![actions[t]!]!, "policy's probability of the action"),
        );
        const later = steps
          .slice(t + 1)
          .map((step, k): [Expression, Expression] => [
            symbol(
              `w(${index},${step})`,
              coefficients[t]![t + 1 + k]![actions[t]!]!,
              "contribution coefficient",
            ),
            stepSymbol(context, "r", step, rewards[t + 1 + k]!, "reward"),
          ]);
        const expression = later.length === 0 ? own : binary("+", weightedSum(later), own);
        return [{ name: `A_${index}`, expression, value: values[t]! }];
      },
    };
  },
});
