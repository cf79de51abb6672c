import { binary, call, number, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal } from "../series/derivedSignal";
import {
  groupMembers,
  memberContexts,
  missing,
  recordedStepRewards,
  stepNumbers,
} from "../series/modelInputs";
import { gammaParameter, numberOf, textOf } from "../series/parameters";
import type { ParameterValues, SignalContext } from "../signal";
import { stepVectors } from "./controlSeries";

/** Functions of a return that an objective may apply, with the way they are written. */
const functions: Readonly<Record<string, (value: Expression) => Expression>> = {
  identity: (value) => value,
  exp: (value) => call("exp", value),
  log: (value) => call("log", value),
  sqrt: (value) => call("sqrt", value),
  square: (value) => binary("^", value, number(2)),
  sign: (value) => call("sign", value),
};

const applied: Readonly<Record<string, (value: number) => number>> = {
  identity: (value) => value,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  square: (value) => value ** 2,
  sign: Math.sign,
};

/** sum_t gamma^t x_t; `average` divides the plain sum by the number of steps. Steps without a number make it unknown. */
function discountedSum(values: Float64Array, gamma: number, average = false): number {
  let sum = 0;
  let weight = 1;
  for (let t = 0; t < values.length; t++) {
    sum += average ? values[t]! : weight * values[t]!;
    weight *= gamma;
  }
  return average ? sum / values.length : sum;
}

/** One reward after another, or none: the steps of the policy alone where steps of others carry no reward. */
function rewardsOf(context: SignalContext, name: string): Float64Array | undefined {
  const all = name === "" ? recordedStepRewards(context.trajectory) : stepNumbers(context, [name]);
  const { steps } = context.trajectory;
  return steps.length === 0
    ? all
    : all?.filter((value, t) => !Number.isNaN(value) || steps[t]!.role === "assistant");
}

/** What the policy's distribution costs at each step: minus its entropy, so that a spread policy costs less. */
function regulariser(context: SignalContext): Float64Array | undefined {
  const rows = stepVectors(context, "policy_probabilities");
  if (rows)
    return Float64Array.from(rows, (row) =>
      Array.from(row).reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0),
    );
  return stepNumbers(context, ["entropy"])?.map((value) => -value);
}

interface Returns {
  readonly names: readonly string[];
  readonly returns: Float64Array;
}

function returnsOf(context: SignalContext, parameters: ParameterValues): Returns | Missing {
  const names = textOf(parameters, "rewards")
    .split(",")
    .map((name) => name.trim());
  const kind = textOf(parameters, "objective");
  const gamma = numberOf(parameters, "gamma");
  const costs = kind === "regularised" ? regulariser(context) : undefined;
  if (kind === "regularised" && !costs)
    return missing(
      "logprobs",
      "A regularised return needs the policy's probabilities of all actions at every step (policy_probabilities), or its entropies.",
    );
  const returns: number[] = [];
  for (const name of names) {
    const rewards = rewardsOf(context, name);
    if (!rewards)
      return missing(
        "rewards",
        name === "" ? undefined : `No column, step field or model series is named "${name}".`,
      );
    if (costs && costs.length < rewards.length)
      return missing(
        "logprobs",
        `The policy's distribution is known at ${costs.length} of ${rewards.length} steps.`,
      );
    const own = costs
      ? rewards.map((reward, t) => reward - numberOf(parameters, "alpha") * costs[t]!)
      : rewards;
    returns.push(discountedSum(own, gamma, kind === "average"));
  }
  return { names: names.map((name) => (name === "" ? "r" : name)), returns: Float64Array.from(returns) };
}

/** The returns as one number: their weighted sum, or the smallest of the weighted ones. */
function combined(returns: ArrayLike<number>, weights: readonly number[], worst: boolean): number {
  const parts = weights.map((weight, k) => weight * returns[k]!);
  return worst ? Math.min(...parts) : parts.reduce((sum, value) => sum + value, 0);
}

export const trajectoryObjective = derivedSignal({
  id: "objective",
  title: "Objective of one trajectory",
  family: "control",
  level: "trajectory",
  unit: "reward",
  signed: true,
  needs: ["rewards", "group"],
  parameters: [
    {
      name: "objective",
      description:
        "Discounted return, finite average, or the return with the policy's regulariser taken off.",
      type: "choice",
      choices: ["discounted", "average", "regularised"],
      default: "discounted",
    },
    gammaParameter(0.99),
    {
      name: "rewards",
      description:
        "Reward columns, separated by commas; empty = the recorded rewards. Several make a multi-objective.",
      type: "string",
      default: "",
    },
    {
      name: "weights",
      description: "A weight for each reward column; empty = 1 each.",
      type: "string",
      default: "",
    },
    {
      name: "combine",
      description: "Several returns: their weighted sum, or the worst of them.",
      type: "choice",
      choices: ["sum", "worst"],
      default: "sum",
    },
    {
      name: "function",
      description: "What is applied to the return.",
      type: "choice",
      choices: Object.keys(functions),
      default: "identity",
    },
    {
      name: "alpha",
      description: "Weight of the regulariser (minus the policy's entropy).",
      type: "number",
      default: 0.01,
    },
  ],
  presets: [
    {
      id: "markov",
      title: "Markov rewards (MR)",
      values: { objective: "discounted" },
      source: "Subramani et al. 2023, On the Expressivity of Objective-Specification Formalisms, MR",
    },
    {
      id: "average",
      title: "Limit average reward (LAR)",
      values: { objective: "average" },
      source: "Subramani et al. 2023, LAR (the finite average; the limit is not in the data)",
    },
    {
      id: "inner-nonlinear",
      title: "Inner nonlinear (INMR)",
      values: { function: "square" },
      source: "Subramani et al. 2023, INMR: E f(sum gamma^t r)",
    },
    {
      id: "inner-multi",
      title: "Inner multi-objective (IMORL)",
      values: { combine: "worst" },
      source: "Subramani et al. 2023, IMORL: E f(G_1, ..., G_k)",
    },
    {
      id: "regularised",
      title: "Regularised (RRL)",
      values: { objective: "regularised" },
      source: "Subramani et al. 2023, RRL: E sum gamma^t (r - alpha F[pi(s)])",
    },
  ],
  source:
    "Subramani et al. 2023, On the Expressivity of Objective-Specification Formalisms in Reinforcement Learning",
  description:
    "What a trajectory is worth under the objectives that one trajectory decides: discounted return, finite average, a function of one or several returns, and the regularised return. Where the group is loaded, parts give the mean over it (inner objective) and the function of the mean return (outer objective), which differ for a nonlinear function.",
  derive(context, parameters) {
    const own = returnsOf(context, parameters);
    if ("missing" in own) return own;
    const { names, returns } = own;
    const text = textOf(parameters, "weights").trim();
    const weights = text === "" ? names.map(() => 1) : text.split(",").map(Number);
    if (weights.length !== names.length || weights.some(Number.isNaN))
      return missing("rewards", `Parameter weights needs ${names.length} numbers separated by commas.`);
    const worst = textOf(parameters, "combine") === "worst";
    const name = textOf(parameters, "function");
    const f = applied[name]!;
    const inner = combined(returns, weights, worst);
    const value = f(inner);
    const parts: Record<string, Float64Array> = Object.fromEntries(
      names.map((column, k) => [`G(${column})`, returns.subarray(k, k + 1)]),
    );
    const notes: string[] = [];
    const members = context.group ? memberContexts(context) : undefined;
    if (members && !("missing" in members)) {
      const all = members
        .map((member) => returnsOf(member, parameters))
        .filter((entry): entry is Returns => !("missing" in entry));
      const mean = (of: (entry: Returns) => number): number =>
        all.reduce((sum, entry) => sum + of(entry), 0) / all.length;
      const expected = names.map((_, k) => mean((entry) => entry.returns[k]!));
      parts["mean over the group"] = Float64Array.of(
        mean((entry) => f(combined(entry.returns, weights, worst))),
      );
      parts["function of the mean return"] = Float64Array.of(f(combined(expected, weights, worst)));
      notes.push(`Means are over ${all.length} of ${members.length} members.`);
    }
    return {
      values: Float64Array.of(value),
      parts,
      ...(members && !("missing" in members) ? { group: groupMembers(context) } : {}),
      notes,
      convention: `${textOf(parameters, "objective")}, gamma ${numberOf(parameters, "gamma")}, ${name}${worst ? " of the worst" : ""}`,
      lines() {
        const terms = names.map((column, k) =>
          binary(
            "*",
            symbol(`w_${column}`, weights[k]!, "weight"),
            symbol(`G_${column}`, returns[k]!, `return of ${column}`),
          ),
        );
        const of: Expression = { kind: "call", name: worst ? "min" : "sum", arguments: terms };
        return [{ name: "J", expression: functions[name]!(of), value }];
      },
    };
  },
});
