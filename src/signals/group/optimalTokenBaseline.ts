import { binary, symbol, type Expression } from "../expression";
import { accumulateBackward } from "../kernels/backwardRecursion";
import { needHow, type Signal, type SignalContext } from "../signal";
import type { Missing } from "../series/episode";

/** Added to the sum of weights. */
const tokenBaselineEpsilon = 1e-8;

export interface TokenBaselineRow {
  /** Reward of each token, [T]. */
  readonly rewards: Float64Array;
  /** 1 = policy token, [T]. */
  readonly mask: ArrayLike<number>;
  /** Log-probability of each sampled token, nats, [T]. */
  readonly logprobs: Float64Array;
  /** Sum over the vocabulary of the squared probabilities at each position, [T]. */
  readonly squaredProbabilities: Float64Array;
}

export interface TokenBaselineResult {
  readonly advantages: readonly Float64Array[];
  readonly returns: readonly Float64Array[];
  /** W_t: the running squared norm of the score function, [n][T]. */
  readonly weights: readonly Float64Array[];
  /** B_t, shared by the group, [T]. */
  readonly baseline: Float64Array;
}

/**
 * Optimal token baseline of one group (verl, compute_optimal_token_baseline_advantage). Positions of different
 * rollouts are compared by index; a group of one has no baseline.
 */
export function tokenBaselineAdvantages(rows: readonly TokenBaselineRow[]): TokenBaselineResult {
  const length = Math.max(0, ...rows.map((row) => row.rewards.length));
  const returns = rows.map((row) =>
    accumulateBackward(
      row.rewards.map((reward, t) => reward * row.mask[t]!),
      1,
      new Float64Array(row.rewards.length),
    ),
  );
  const weights = rows.map((row) => {
    let running = 0;
    return row.logprobs.map(
      (logprob, t) => (running += (1 - 2 * Math.exp(logprob) + row.squaredProbabilities[t]!) * row.mask[t]!),
    );
  });
  const baseline = new Float64Array(length);
  if (rows.length > 1) {
    for (let t = 0; t < length; t++) {
      let weighted = 0;
      let total = 0;
      rows.forEach((row, i) => {
        if (!row.mask[t]) return;
        weighted += returns[i]![t]! * weights[i]![t]!;
        total += weights[i]![t]!;
      });
      baseline[t] = weighted / (total + tokenBaselineEpsilon);
    }
  }
  const advantages = rows.map((row, i) =>
    returns[i]!.map((value, t) => (value - baseline[t]!) * row.mask[t]!),
  );
  return { advantages, returns, weights, baseline };
}

interface Prepared {
  readonly result: TokenBaselineResult;
  readonly ids: readonly string[];
  readonly own: number;
  readonly masks: readonly ArrayLike<number>[];
}

function prepare(context: SignalContext): Prepared | Missing {
  if (!context.group) return { missing: ["group"], how: needHow.group };
  const rows: TokenBaselineRow[] = [];
  const ids: string[] = [];
  for (const { trajectory, trajectoryId } of context.group.members) {
    const tokens = trajectory?.tokens;
    if (!tokens)
      return {
        missing: ["group"],
        how: `Needs the token columns of every member; ${trajectoryId} has none.`,
      };
    const rewards = tokens.series["reward"];
    const logprobs = tokens.series["logprob"];
    const squaredProbabilities = tokens.series["sum_pi_squared"];
    if (!rewards) return { missing: ["rewards"], how: needHow.rewards };
    if (!logprobs) return { missing: ["logprobs"], how: needHow.logprobs };
    if (!squaredProbabilities)
      return {
        missing: ["logprobs"],
        how: "Needs the sum of squared probabilities per token (sum_pi_squared), which only a policy model or the trainer can give.",
      };
    rows.push({
      rewards,
      logprobs,
      squaredProbabilities,
      mask: tokens.mask ?? new Uint8Array(tokens.count).fill(1),
    });
    ids.push(trajectoryId);
  }
  const own = ids.indexOf(context.trajectory.id);
  if (own < 0) return { missing: ["group"], how: needHow.group };
  return { result: tokenBaselineAdvantages(rows), ids, own, masks: rows.map((row) => row.mask) };
}

export const optimalTokenBaseline: Signal = {
  id: "optimal-token-baseline",
  title: "Optimal token baseline advantage",
  family: "group",
  estimator: true,
  level: "token",
  unit: "advantage",
  signed: true,
  needs: ["group", "rewards", "logprobs"],
  parameters: [],
  presets: [
    {
      id: "verl",
      title: "verl",
      values: {},
      source: "volcengine/verl, core_algos.py, compute_optimal_token_baseline_advantage",
    },
  ],
  source: "volcengine/verl, core_algos.py, compute_optimal_token_baseline_advantage",
  description:
    "Return to go minus a baseline per token position, the mean of the group weighted by how much each rollout's tokens so far move the policy.",
  compute(context) {
    const prepared = prepare(context);
    if ("missing" in prepared) return prepared;
    const { result, own, masks } = prepared;
    return {
      level: "token",
      values: result.advantages[own]!.map((value, t) => (masks[own]![t] ? value : NaN)),
      parts: {
        returns: result.returns[own]!,
        baseline: result.baseline.slice(0, result.returns[own]!.length),
        weight: result.weights[own]!,
      },
      notes: prepared.ids.length === 1 ? ["Group of one: no baseline, the return itself."] : [],
    };
  },
  explain(context, _parameters, index) {
    const prepared = prepare(context);
    if ("missing" in prepared) return undefined;
    const { result, own, ids, masks } = prepared;
    const value = result.advantages[own]![index];
    if (value === undefined || !masks[own]![index] || Number.isNaN(value)) return undefined;
    const there = ids.map((_, i) => i).filter((i) => masks[i]![index]);
    const at = (name: string, i: number, number: number, meaning: string): Expression =>
      symbol(`${name}_${i + 1}`, number, `${meaning} of rollout ${i + 1} at token ${index}`, {
        trajectoryId: ids[i]!,
        tokenIndex: index,
      });
    const sum = (parts: readonly Expression[]): Expression => ({
      kind: "call",
      name: "sum",
      arguments: parts,
    });
    const weight = (i: number): Expression => at("W", i, result.weights[i]![index]!, "weight");
    const products = there.map((i) =>
      binary("*", at("G", i, result.returns[i]![index]!, "return to go"), weight(i)),
    );
    return {
      title: "Optimal token baseline advantage",
      convention: `eps ${tokenBaselineEpsilon}, positions compared by index`,
      lines: [
        {
          name: `A_${index}`,
          expression: binary(
            "-",
            at("G", own, result.returns[own]![index]!, "return to go"),
            symbol("B", result.baseline[index]!, "baseline at this position"),
          ),
          value,
        },
        ...(ids.length > 1
          ? [
              {
                name: "B",
                expression: binary(
                  "/",
                  sum(products),
                  binary("+", sum(there.map(weight)), symbol("eps", tokenBaselineEpsilon)),
                ),
                value: result.baseline[index]!,
              },
            ]
          : []),
      ],
      source: optimalTokenBaseline.source,
      notes: [],
    };
  },
};
