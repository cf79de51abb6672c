import { binary, number, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";

/** Per-token estimators of KL(policy || reference) from one sample: log-ratio, its magnitude, half its square, low-variance. */
export type KlEstimator = "k1" | "abs" | "k2" | "k3";

/**
 * One sample's KL estimate, in nats (k2 in nats squared).
 *
 * @param clamping `verl` limits the log-ratio of k3 to +-20 and k3 itself to +-10; `unclamped` is the plain formula (TRL)
 */
export function klEstimate(
  own: number,
  reference: number,
  estimator: KlEstimator,
  clamping: "verl" | "unclamped",
): number {
  const difference = own - reference;
  switch (estimator) {
    case "k1":
      return difference;
    case "abs":
      return Math.abs(difference);
    case "k2":
      return 0.5 * difference * difference;
    case "k3": {
      const ratio = clamping === "verl" ? Math.min(Math.max(reference - own, -20), 20) : reference - own;
      const estimate = Math.exp(ratio) - ratio - 1;
      return clamping === "verl" ? Math.min(Math.max(estimate, -10), 10) : estimate;
    }
  }
}

interface Prepared {
  readonly own: Float64Array;
  readonly reference: Float64Array;
  readonly mask: Uint8Array | undefined;
}

function prepare(context: SignalContext): Prepared | Missing {
  const { tokens } = context.trajectory;
  const length = tokens?.count;
  const scored = (name: string): Float64Array | undefined =>
    context.scores?.find(
      (series) => series.name === name && series.level === "token" && series.values.length === length,
    )?.values;
  const own = tokens?.series["trainer_logprob"] ?? tokens?.series["logprob"] ?? scored("logprob");
  const reference = tokens?.series["ref_logprob"] ?? scored("ref_logprob");
  if (!own) return { missing: ["logprobs"], how: needHow.logprobs };
  if (!reference) return { missing: ["refLogprobs"], how: needHow.refLogprobs };
  return { own, reference, mask: tokens?.mask };
}

export const klPenalty: Signal = {
  id: "kl",
  title: "KL to the reference",
  family: "loss",
  estimator: true,
  level: "token",
  unit: "nats",
  signed: true,
  needs: ["logprobs", "refLogprobs"],
  parameters: [
    {
      name: "estimator",
      description: "k1 log-ratio, abs its magnitude, k2 half its square, k3 low-variance.",
      type: "choice",
      choices: ["k1", "abs", "k2", "k3"],
      default: "k3",
    },
    {
      name: "clamping",
      description: "verl limits the log-ratio of k3 to +-20 and the estimate to +-10.",
      type: "choice",
      choices: ["verl", "unclamped"],
      default: "verl",
    },
  ],
  presets: [
    {
      id: "verl-low-var-kl",
      title: "verl low_var_kl",
      values: { estimator: "k3", clamping: "verl" },
      source: "volcengine/verl, core_algos.py, kl_penalty",
    },
    {
      id: "verl-kl",
      title: "verl kl",
      values: { estimator: "k1" },
      source: "volcengine/verl, core_algos.py, kl_penalty",
    },
    {
      id: "verl-mse",
      title: "verl mse",
      values: { estimator: "k2" },
      source: "volcengine/verl, core_algos.py, kl_penalty",
    },
    {
      id: "trl-k3",
      title: "TRL",
      values: { estimator: "k3", clamping: "unclamped" },
      source: "huggingface/trl, grpo_trainer.py and experimental/ppo, kl_estimator k3",
    },
  ],
  source: "Schulman 2020, Approximating KL Divergence; volcengine/verl, core_algos.py, kl_penalty",
  description:
    "Estimate of the divergence from the reference policy at each token, from the log-probabilities of the sampled token alone.",
  compute(context, parameters) {
    const prepared = prepare(context);
    if ("missing" in prepared) return prepared;
    return { level: "token", values: tokenValues(prepared, parameters), notes: [] };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context);
    if ("missing" in prepared) return undefined;
    const value = tokenValues(prepared, parameters)[index];
    if (value === undefined || Number.isNaN(value)) return undefined;
    const reference = { trajectoryId: context.trajectory.id, tokenIndex: index };
    const own = symbol("logp", prepared.own[index]!, "log-probability under the policy", reference);
    const ref = symbol(
      "logp_ref",
      prepared.reference[index]!,
      "log-probability under the reference",
      reference,
    );
    const estimator = textOf(parameters, "estimator") as KlEstimator;
    const clamping = textOf(parameters, "clamping") as "verl" | "unclamped";
    return {
      title: "KL estimate",
      convention: `${estimator}${estimator === "k3" ? `, ${clamping}` : ""}`,
      lines: [{ name: `kl_${index}`, expression: estimateExpression(own, ref, estimator, clamping), value }],
      source: klPenalty.source,
      notes: [],
    };
  },
};

function tokenValues({ own, reference, mask }: Prepared, parameters: ParameterValues): Float64Array {
  const estimator = textOf(parameters, "estimator") as KlEstimator;
  const clamping = textOf(parameters, "clamping") as "verl" | "unclamped";
  return own.map((value, i) =>
    mask && mask[i] === 0 ? NaN : klEstimate(value, reference[i]!, estimator, clamping),
  );
}

function estimateExpression(
  own: Expression,
  ref: Expression,
  estimator: KlEstimator,
  clamping: "verl" | "unclamped",
): Expression {
  const call = (name: string, ...parts: Expression[]): Expression => ({
    kind: "call",
    name,
    arguments: parts,
  });
  const clamp = (of: Expression, limit: number): Expression =>
    call("min", call("max", of, number(-limit)), number(limit));
  const difference = binary("-", own, ref);
  if (estimator === "k1") return difference;
  if (estimator === "abs") return call("abs", difference);
  if (estimator === "k2") return binary("*", binary("*", number(0.5), difference), difference);
  const ratio = clamping === "verl" ? clamp(binary("-", ref, own), 20) : binary("-", ref, own);
  const estimate = binary("-", binary("-", call("exp", ratio), ratio), number(1));
  return clamping === "verl" ? clamp(estimate, 10) : estimate;
}
