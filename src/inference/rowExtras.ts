/** What is wanted of every next-token distribution beside log-probability, entropy and rank. */
export interface ExtrasSpec {
  /** So many likeliest tokens; 0 = none. */
  readonly topK: number;
  /** How a second model's logits are used, where there is one. */
  readonly second?: "reference" | "backbone";
  /** Factor of the first model's logits when a backbone's are added. */
  readonly weight: number;
}

/** A named table of numbers, row-major, one row a token. */
export interface TokenTable {
  readonly width: number;
  readonly data: Float64Array;
}

type Row = Float32Array | Float64Array;

/** Widths of the tables that a specification asks for. */
export function extraWidths(spec: ExtrasSpec): ReadonlyMap<string, number> {
  const widths = new Map<string, number>();
  if (spec.topK > 0) {
    widths.set("topk_id", spec.topK);
    widths.set("topk_logprob", spec.topK);
  }
  if (spec.second === "reference") {
    widths.set("ref_logprob", 1);
    widths.set("kl", 1);
  }
  if (spec.second === "backbone") for (const name of COMPOSED) widths.set(name, 1);
  return widths;
}

/** Series of two policies composed by adding logits. */
const COMPOSED = ["combined_logprob", "backbone_logprob", "guidance", "overruled"] as const;

/** log(sum(exp(row))) without overflow. */
export function logSumExp(row: Row, size = row.length): number {
  let max = -Infinity;
  for (let i = 0; i < size; i++) if (row[i]! > max) max = row[i]!;
  if (max === -Infinity) return -Infinity;
  let sum = 0;
  for (let i = 0; i < size; i++) sum += Math.exp(row[i]! - max);
  return max + Math.log(sum);
}

function argmax(row: Row, size: number): number {
  let best = 0;
  for (let i = 1; i < size; i++) if (row[i]! > row[best]!) best = i;
  return best;
}

/** The k largest of a row, largest first; the earlier index first among equals. NaN is never among them. */
export function largest(row: Row, k: number, size = row.length): number[] {
  const found: number[] = [];
  for (let i = 0; i < size; i++) {
    const value = row[i]!;
    if (Number.isNaN(value)) continue;
    if (found.length === k && !(value > row[found[k - 1]!]!)) continue;
    let at = found.length;
    while (at > 0 && value > row[found[at - 1]!]!) at--;
    found.splice(at, 0, i);
    if (found.length > k) found.pop();
  }
  return found;
}

/**
 * Exact KL(p || q) in nats between softmax(p) and softmax(q), over the tokens that both have.
 * @param p logits; @param q logits
 */
function exactKl(p: Row, q: Row): number {
  const size = Math.min(p.length, q.length);
  const [logP, logQ] = [logSumExp(p, size), logSumExp(q, size)];
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const own = p[i]! - logP;
    // Below this a term adds less than 1e-26 (and 0 * -Infinity must not become NaN).
    if (own < -60) continue;
    sum += Math.exp(own) * (own - (q[i]! - logQ));
  }
  return sum;
}

/** Logits of two policies added, as UniR composes a reasoner and a backbone. */
function composedRow(first: Row, second: Row, weight: number): Float32Array {
  const size = Math.min(first.length, second.length);
  const sum = new Float32Array(size);
  for (let i = 0; i < size; i++) sum[i] = weight * first[i]! + second[i]!;
  return sum;
}

/**
 * Reads one distribution at the token that was drawn from it and writes what the specification asks for at row `at`.
 * @param first the scored model's logits; @param second the other model's, where there is one
 */
export function readExtras(
  spec: ExtrasSpec,
  first: Row,
  second: Row | undefined,
  token: number,
  tables: ReadonlyMap<string, TokenTable>,
  at: number,
): void {
  const put = (name: string, value: number): void => {
    tables.get(name)!.data[at] = value;
  };
  let shown: Row = first;
  if (second && spec.second === "reference") {
    const size = Math.min(first.length, second.length);
    put("ref_logprob", token < size ? second[token]! - logSumExp(second, size) : NaN);
    put("kl", exactKl(first, second));
  }
  if (second && spec.second === "backbone") {
    const combined = composedRow(first, second, spec.weight);
    const own = token < combined.length ? combined[token]! - logSumExp(combined) : NaN;
    const alone = token < combined.length ? second[token]! - logSumExp(second, combined.length) : NaN;
    put("combined_logprob", own);
    put("backbone_logprob", alone);
    put("guidance", own - alone);
    put("overruled", argmax(combined, combined.length) === argmax(second, combined.length) ? 0 : 1);
    shown = combined;
  }
  if (spec.topK > 0) {
    const logSum = logSumExp(shown);
    largest(shown, spec.topK).forEach((id, k) => {
      tables.get("topk_id")!.data[at * spec.topK + k] = id;
      tables.get("topk_logprob")!.data[at * spec.topK + k] = shown[id]! - logSum;
    });
  }
}
