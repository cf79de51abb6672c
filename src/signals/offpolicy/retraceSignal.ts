import { binary, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal } from "../series/derivedSignal";
import { decisionAt, episodeParameters, episodeSeries, scatter, type EpisodeSeries } from "../series/episode";
import { decisionSymbol } from "../series/episodeSymbols";
import { importanceRatios } from "../series/importanceRatios";
import { missing, stepNumbers, tokenNumbers } from "../series/modelInputs";
import { gammaParameter, lambdaParameter, numberOf, textOf } from "../series/parameters";
import { endParameters, successorsUnder } from "../series/successorValues";
import type { SignalContext } from "../signal";
import { offPolicyReturnsFromValues, traceCoefficients, type TraceKind } from "./retrace";

/** Names under which the value of the taken action is looked for. */
const actionValueNames = ["action_value", "q_value"];

const everywhere = (size: number, value: number): Float64Array => new Float64Array(size).fill(value);

/** Probability of the taken action under the target policy, from a policy model's scores. */
function targetProbabilities(context: SignalContext, series: EpisodeSeries): Float64Array | Missing {
  const named = (series.level === "step" ? stepNumbers : tokenNumbers)(context, [
    "logprob",
    "trainer_logprob",
  ]);
  return named
    ? Float64Array.from(series.positions, (at) => Math.exp(named[at]!))
    : missing("logprobs", "Tree backup needs the current policy's log-probabilities: choose a policy model.");
}

export const retrace = derivedSignal({
  id: "retrace",
  title: "Retrace target",
  family: "off-policy",
  estimator: true,
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "values", "logprobs"],
  parameters: [
    {
      name: "trace",
      description:
        "What cuts the trace: lambda min(1, ratio) (Retrace), the ratio itself, lambda times the target probability (tree backup), or lambda alone (Q(lambda)).",
      type: "choice",
      choices: ["retrace", "importance", "tree-backup", "q-lambda"],
      default: "retrace",
    },
    gammaParameter(0.99),
    lambdaParameter(0.95),
    ...episodeParameters,
    ...endParameters,
  ],
  presets: [
    {
      id: "retrace",
      title: "Retrace(lambda)",
      values: { trace: "retrace" },
      source: "google-deepmind/rlax, rlax/_src/value_learning.py, retrace",
    },
    {
      id: "tree-backup",
      title: "Tree backup",
      values: { trace: "tree-backup" },
      source: "Precup et al. 2000; rlax general_off_policy_returns_from_q_and_v with c = lambda pi",
    },
    {
      id: "importance",
      title: "Importance sampling",
      values: { trace: "importance" },
      source: "rlax general_off_policy_returns_from_q_and_v with c = pi / mu",
    },
    {
      id: "q-lambda",
      title: "Q(lambda)",
      values: { trace: "q-lambda" },
      source: "Harutyunyan et al. 2016; rlax general_off_policy_returns_from_q_and_v with c = lambda",
    },
  ],
  source: "Munos et al. 2016, Safe and Efficient Off-Policy Reinforcement Learning; rlax, multistep.py",
  description:
    "Off-policy target of the taken action's value: reward, the next state's expected value, and the later surprise, carried on only as far as the current policy would have acted alike. Needs action values (a series action_value or q_value); the state values stand for their expectation.",
  derive(context, parameters) {
    const series = episodeSeries(context, parameters);
    if ("missing" in series) return series;
    const named = (series.level === "step" ? stepNumbers : tokenNumbers)(context, actionValueNames);
    if (!named)
      return missing(
        "values",
        "Needs the value of the taken action: a column or critic's series named action_value or q_value.",
      );
    const successors = successorsUnder(series, parameters);
    if ("missing" in successors) return successors;
    const size = series.positions.length;
    const kind = textOf(parameters, "trace") as TraceKind;
    const ratios =
      kind === "retrace" || kind === "importance" ? importanceRatios(context, series) : everywhere(size, NaN);
    if ("missing" in ratios) return ratios;
    const target = kind === "tree-backup" ? targetProbabilities(context, series) : everywhere(size, NaN);
    if ("missing" in target) return target;
    const gamma = numberOf(parameters, "gamma");
    const coefficients = traceCoefficients(kind, numberOf(parameters, "lambda"), ratios, target);
    const taken = Float64Array.from(series.positions, (at) => named[at]!);
    const { nextValues, carries } = successors;
    const discounts = carries.map((on, t) => (on === 1 || nextValues[t] !== 0 ? gamma : 0));
    // An episode that ends in the middle of the rows carries nothing into the next one.
    const onward = coefficients.subarray(1).map((c, t) => (carries[t] === 1 ? c : 0));
    const targets = offPolicyReturnsFromValues(
      nextValues,
      taken.subarray(1),
      series.rewards,
      discounts,
      onward,
    );
    const id = context.trajectory.id;
    return {
      level: series.level,
      values: scatter(series, targets),
      parts: {
        "action value": scatter(series, taken),
        error: scatter(
          series,
          targets.map((value, t) => value - taken[t]!),
        ),
        trace: scatter(series, coefficients),
      },
      notes: [...series.notes, ...successors.notes],
      convention: `${kind}, gamma ${gamma}, lambda ${numberOf(parameters, "lambda")}`,
      lines(index) {
        const t = decisionAt(series, index);
        const reward = decisionSymbol("r", id, series, t, series.rewards[t]!, "reward");
        const expected = symbol(
          "E Q'",
          nextValues[t]!,
          "expected action value of the next state, 0 after a terminal one",
        );
        let inner: Expression = expected;
        if (t + 1 < size && carries[t] === 1) {
          const later = decisionSymbol("G", id, series, t + 1, targets[t + 1]!, "target");
          const q = decisionSymbol("Q", id, series, t + 1, taken[t + 1]!, "value of the taken action");
          const c = decisionSymbol("c", id, series, t + 1, coefficients[t + 1]!, "trace coefficient");
          inner = binary("+", expected, binary("*", c, binary("-", later, q)));
        }
        const discount = symbol("gamma", discounts[t]!, "discount, 0 after a terminal state");
        return [
          {
            name: `G_${index}`,
            expression: binary("+", reward, binary("*", discount, inner)),
            value: targets[t]!,
          },
        ];
      },
    };
  },
});
