import { binary, symbol } from "../expression";
import type { Missing } from "../series/episode";
import { tokenNumbers } from "../series/modelInputs";
import type { Signal, SignalContext } from "../signal";

/** log-probabilities from logits, [V]. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  let largest = -Infinity;
  for (let k = 0; k < logits.length; k++) largest = Math.max(largest, logits[k]!);
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k]! - largest);
  const normaliser = largest + Math.log(sum);
  return Float64Array.from({ length: logits.length }, (_, k) => logits[k]! - normaliser);
}

export interface Guidance {
  /** Reasoner plus backbone logits, [V]. */
  readonly combined: Float64Array;
  /** log-probability of the token under both together, nats. */
  readonly combinedLogprob: number;
  /** log-probability of the token under the backbone alone, nats. */
  readonly backboneLogprob: number;
  /** combined minus backbone: what the reasoner did to this token, nats. */
  readonly shift: number;
  /** True when the reasoner changed which token is likeliest. */
  readonly overruled: boolean;
}

/** UniR's composition of two policies by adding logits, at one position. */
export function guidance(
  reasonerLogits: ArrayLike<number>,
  backboneLogits: ArrayLike<number>,
  token: number,
): Guidance {
  const combined = Float64Array.from(
    { length: backboneLogits.length },
    (_, k) => reasonerLogits[k]! + backboneLogits[k]!,
  );
  const together = logSoftmax(combined);
  const alone = logSoftmax(backboneLogits);
  const top = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((best, value, k, all) => (value > all[best]! ? k : best), 0);
  return {
    combined,
    combinedLogprob: together[token]!,
    backboneLogprob: alone[token]!,
    shift: together[token]! - alone[token]!,
    overruled: top(combined) !== top(backboneLogits),
  };
}

function series(
  context: SignalContext,
): { readonly combined: Float64Array; readonly backbone: Float64Array } | Missing {
  const { tokens } = context.trajectory;
  const find = (name: string): Float64Array | undefined =>
    tokens?.series[name] ?? context.scores?.find((s) => s.name === name && s.level === "token")?.values;
  const combined = find("combined_logprob");
  const backbone = find("backbone_logprob");
  if (!combined || !backbone || combined.length !== backbone.length) {
    return {
      missing: ["logprobs"],
      how: "Needs token log-probabilities of the combined policy and of the backbone alone: score with a reasoner and a backbone of the same vocabulary.",
    };
  }
  return { combined, backbone };
}

export const unirGuidance: Signal = {
  id: "unir-guidance",
  title: "UniR guidance",
  family: "agentic",
  level: "token",
  unit: "nats",
  signed: true,
  needs: ["logprobs"],
  inputs: [
    {
      kind: "token",
      name: "combined_logprob",
      meaning: "log-probability under reasoner and backbone together",
    },
    { kind: "token", name: "backbone_logprob", meaning: "log-probability under the backbone alone" },
    { kind: "token", name: "overruled", meaning: "1 = the reasoner changed the likeliest token" },
  ],
  parameters: [],
  presets: [
    {
      id: "unir",
      title: "UniR",
      values: {},
      source: "hangeol/UniR, src/unir/trainer/UniRTrainer.py, CombinedModel forward (weight 1 each)",
    },
  ],
  source: "Kim et al. 2025, Universal Reasoner; hangeol/UniR",
  description:
    "How far the reasoner moved the log-probability of each token: combined policy minus backbone.",
  compute(context) {
    const found = series(context);
    if ("missing" in found) return found;
    const overruled = tokenNumbers(context, ["overruled"]);
    const count = overruled?.reduce((sum, value) => sum + (value === 1 ? 1 : 0), 0);
    return {
      level: "token",
      values: found.combined.map((value, t) => value - found.backbone[t]!),
      ...(overruled?.length === found.combined.length ? { parts: { overruled } } : {}),
      notes: count === undefined ? [] : [`The reasoner changed the likeliest token at ${count} tokens.`],
    };
  },
  explain(context, _parameters, index) {
    const found = series(context);
    if ("missing" in found) return undefined;
    const value = found.combined[index]! - found.backbone[index]!;
    if (index < 0 || index >= found.combined.length || Number.isNaN(value)) return undefined;
    const reference = { trajectoryId: context.trajectory.id, tokenIndex: index };
    return {
      title: "UniR guidance",
      convention: "reasoner and backbone logits added, weight 1 each; no temperature",
      lines: [
        {
          name: `g_${index}`,
          expression: binary(
            "-",
            symbol("logp_combined", found.combined[index]!, "both policies", reference),
            symbol("logp_backbone", found.backbone[index]!, "the backbone alone", reference),
          ),
          value,
        },
      ],
      source: unirGuidance.source,
      notes: [],
    };
  },
};
