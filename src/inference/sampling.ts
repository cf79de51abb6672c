/** How the next token is drawn. */
export interface SamplingOptions {
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  /** Keeps the likeliest tokens that together have at least this probability (1 = all). */
  readonly topP: number;
}

/** A repeatable stream of numbers in [0, 1): 32-bit state, every seed a different stream (SplitMix32). */
export function randomStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 4_294_967_296;
  };
}

export interface Draw {
  readonly token: number;
  /** Natural log of the token's probability under the model itself (temperature 1, nothing cut). */
  readonly logprob: number;
}

/** Draws one token. NaN logits are never drawn. @returns undefined when no logit is a number */
export function drawToken(
  logits: ArrayLike<number>,
  options: SamplingOptions,
  random: () => number,
): Draw | undefined {
  let best = -1;
  for (let i = 0; i < logits.length; i++)
    if (!Number.isNaN(logits[i]!) && (best < 0 || logits[i]! > logits[best]!)) best = i;
  if (best < 0) return undefined;
  const max = logits[best]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) if (!Number.isNaN(logits[i]!)) sum += Math.exp(logits[i]! - max);
  const logprob = (token: number): number => logits[token]! - max - Math.log(sum);
  if (options.temperature === 0) return { token: best, logprob: logprob(best) };

  const weights = Float64Array.from({ length: logits.length }, (_, i) =>
    Number.isNaN(logits[i]!) ? 0 : Math.exp((logits[i]! - max) / options.temperature),
  );
  const kept = options.topP < 1 ? nucleus(weights, options.topP) : weights;
  const total = kept.reduce((all, weight) => all + weight, 0);
  let remaining = random() * total;
  let token = best;
  for (let i = 0; i < kept.length; i++) {
    if (kept[i] === 0) continue;
    token = i;
    remaining -= kept[i]!;
    if (remaining < 0) break;
  }
  return { token, logprob: logprob(token) };
}

/** Weights with everything outside the smallest likeliest set of probability `topP` set to 0; at least one stays. */
function nucleus(weights: Float64Array, topP: number): Float64Array {
  const total = weights.reduce((all, weight) => all + weight, 0);
  const order = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]! || a - b);
  const kept = new Float64Array(weights.length);
  let mass = 0;
  for (const token of order) {
    kept[token] = weights[token]!;
    mass += weights[token]!;
    if (mass >= topP * total) break;
  }
  return kept;
}
