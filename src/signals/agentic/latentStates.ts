import { missing, rowsOf, type Row } from "../series/modelInputs";
import type { Missing } from "../series/episode";
import type { SignalContext } from "../signal";

/** Tokens of the reasoning where the steps mark it, otherwise every token that the policy produced, ascending. */
export function thinkingTokens(context: SignalContext, count: number): readonly number[] {
  const { trajectory } = context;
  const marked = trajectory.steps.filter(
    ({ kind, tokenStart, tokenEnd }) =>
      kind === "think" && tokenStart !== undefined && tokenEnd !== undefined,
  );
  if (marked.length > 0)
    return marked.flatMap(({ tokenStart, tokenEnd }) =>
      Array.from(
        { length: Math.max(0, Math.min(tokenEnd!, count) - tokenStart!) },
        (_, k) => tokenStart! + k,
      ),
    );
  return policyTokens(context, count);
}

/**
 * Tokens that the policy produced: by the file's mask, else those for which a model's log-probabilities are numbers (the
 * prompt has none), else all.
 */
export function policyTokens({ trajectory, scores }: SignalContext, count: number): readonly number[] {
  const mask = trajectory.tokens?.mask;
  const all = Array.from({ length: count }, (_, t) => t);
  if (mask && mask.length === count) return all.filter((t) => mask[t] === 1);
  const scored = scores?.find(
    ({ name, level, values }) => name === "logprob" && level === "token" && values.length === count,
  )?.values;
  return scored ? all.filter((t) => !Number.isNaN(scored[t]!)) : all;
}

/** Hidden states of one layer at the chosen tokens. */
export interface LayerRows {
  readonly layer: number;
  readonly states: readonly Row[];
}

/** Hidden states by layer at the tokens that `choose` names, or how to get them. */
export function layerRows(
  context: SignalContext,
  layers: "all" | "last" | number,
  choose: (context: SignalContext, count: number) => readonly number[],
):
  | { readonly tokens: readonly number[]; readonly count: number; readonly layers: readonly LayerRows[] }
  | Missing {
  const states = context.inputs?.hiddenStates;
  if (!states || states.size === 0) return missing("hiddenStates");
  const known = [...states.keys()].sort((a, b) => a - b);
  // Layer 0 is the embedding, which belongs to no layer of the network.
  const inner = known.filter((layer) => layer > 0);
  const wanted =
    layers === "all"
      ? inner
      : layers === "last"
        ? known.slice(-1)
        : known.filter((layer) => layer === layers);
  if (wanted.length === 0)
    return missing(
      "hiddenStates",
      `No hidden states of layer ${String(layers)}; there are layers ${known.join(", ")}.`,
    );
  const count = states.get(wanted[0]!)!.rows;
  if (wanted.some((layer) => states.get(layer)!.rows !== count))
    return missing("hiddenStates", "The layers have hidden states of different numbers of tokens.");
  const tokens = choose(context, count);
  return {
    tokens,
    count,
    layers: wanted.map((layer) => {
      const rows = rowsOf(states.get(layer)!);
      return { layer, states: tokens.map((t) => rows[t]!) };
    }),
  };
}
