import type { InferenceSession } from "onnxruntime-node";
import { encodeModel } from "./onnxProto";
import type { TokenTable } from "./rowExtras";
import { onnxRuntime, sharingOptions } from "./runtime";

/** Numbers of one sequence, one entry per token; NaN where not asked for or not defined (the first token). */
export interface TokenStatistics {
  /** Natural log of the probability of the token given those before it. */
  readonly logprob: Float64Array;
  /** Shannon entropy of the distribution from which the token was drawn, in nats. */
  readonly entropy: Float64Array;
  /** 1 = the likeliest token; ties share the better rank. */
  readonly rank: Float64Array;
  /** Further tables, one row a token, by name; see `ExtrasSpec`. */
  readonly tables?: ReadonlyMap<string, TokenTable>;
  /** Logits behind the one token at which they were asked for. */
  readonly captured?: Float32Array | Float64Array;
  /** Hidden states by layer, row-major [tokens, width]; a row for every token, the prompt's too. */
  readonly hidden?: ReadonlyMap<number, { readonly width: number; readonly data: Float32Array }>;
}

/** Numbers of many rows of logits; entry r belongs to row r. */
export interface RowNumbers {
  readonly logprob: Float32Array;
  readonly entropy: Float32Array;
  readonly rank: Float32Array;
}

/** exp of this is 0 in float32; -Infinity would turn 0 * log 0 into NaN. */
const LOWEST_LOG = -200;

/**
 * log softmax at a target, entropy (nats) and rank of the target for every row, as one small graph: the library
 * vectorises over the vocabulary and uses all threads, which JavaScript cannot.
 */
const graph = (): Uint8Array =>
  encodeModel({
    name: "distribution",
    inputs: [
      { name: "logits", type: "float32", shape: ["rows", "vocabulary"] },
      { name: "target", type: "int64", shape: ["rows", 1] },
    ],
    outputs: ["logprob", "entropy", "rank"].map((name) => ({ name, type: "float32", shape: ["rows", 1] })),
    constants: [
      { name: "axis", type: "int64", shape: [1], values: [1] },
      { name: "one", type: "float32", shape: [], values: [1] },
      { name: "lowest", type: "float32", shape: [], values: [LOWEST_LOG] },
    ],
    nodes: [
      { op: "LogSoftmax", inputs: ["logits"], outputs: ["log_p"], attributes: { axis: 1 } },
      { op: "GatherElements", inputs: ["log_p", "target"], outputs: ["logprob"], attributes: { axis: 1 } },
      { op: "Exp", inputs: ["log_p"], outputs: ["p"] },
      { op: "Max", inputs: ["log_p", "lowest"], outputs: ["bounded"] },
      { op: "Mul", inputs: ["p", "bounded"], outputs: ["weighted"] },
      { op: "ReduceSum", inputs: ["weighted", "axis"], outputs: ["negative"], attributes: { keepdims: 1 } },
      { op: "Neg", inputs: ["negative"], outputs: ["entropy"] },
      { op: "Greater", inputs: ["log_p", "logprob"], outputs: ["better"] },
      { op: "Cast", inputs: ["better"], outputs: ["counted"], attributes: { to: 1 } },
      { op: "ReduceSum", inputs: ["counted", "axis"], outputs: ["above"], attributes: { keepdims: 1 } },
      { op: "Add", inputs: ["above", "one"], outputs: ["rank"] },
    ],
  });

let session: Promise<InferenceSession> | undefined;

/**
 * Reads every row of `logits` at one target each. Always on the CPU, whatever the model runs on.
 * @param logits row-major [targets.length, vocabulary]
 * @param targets token ids; ids outside the vocabulary must not occur
 */
export async function readDistributions(
  logits: Float32Array | Float64Array,
  vocabulary: number,
  targets: BigInt64Array,
  threads?: number,
): Promise<RowNumbers> {
  const runtime = await onnxRuntime();
  session ??= runtime.InferenceSession.create(graph(), {
    executionProviders: ["cpu"],
    logSeverityLevel: 4,
    ...sharingOptions(threads),
  });
  const values = logits instanceof Float32Array ? logits : Float32Array.from(logits);
  const outputs = await (
    await session
  ).run({
    logits: new runtime.Tensor("float32", values, [targets.length, vocabulary]),
    target: new runtime.Tensor("int64", targets, [targets.length, 1]),
  });
  const floats = (name: string): Float32Array => outputs[name]!.data as Float32Array;
  return { logprob: floats("logprob"), entropy: floats("entropy"), rank: floats("rank") };
}

/**
 * The distribution behind one token, from which several branches were drawn: what they have in common is computed once.
 */
export class BranchPoint {
  private shared: { readonly logSum: number; readonly entropy: number } | undefined;

  constructor(readonly logits: Float32Array | Float64Array) {}

  /** log(sum(exp(logits))) and the entropy in nats. */
  private get sums(): { readonly logSum: number; readonly entropy: number } {
    if (this.shared) return this.shared;
    const { logits } = this;
    let max = -Infinity;
    for (let i = 0; i < logits.length; i++) if (logits[i]! > max) max = logits[i]!;
    let [sum, weighted] = [0, 0];
    for (let i = 0; i < logits.length; i++) {
      const shifted = logits[i]! - max;
      // Below this a term adds less than 1e-26 of the sum (and 0 * -Infinity must not become NaN).
      if (shifted < -60) continue;
      const p = Math.exp(shifted);
      sum += p;
      weighted += p * shifted;
    }
    const logSum = Math.log(sum);
    this.shared = { logSum: max + logSum, entropy: logSum - weighted / sum };
    return this.shared;
  }

  /** Writes log-probability, entropy (nats) and rank of a token that was drawn here. */
  read(token: number, out: TokenStatistics, at: number): void {
    const { logits } = this;
    const own = logits[token];
    if (own === undefined) return;
    let better = 0;
    for (let i = 0; i < logits.length; i++) if (logits[i]! > own) better++;
    out.logprob[at] = own - this.sums.logSum;
    out.entropy[at] = this.sums.entropy;
    out.rank[at] = Number.isNaN(out.logprob[at]!) ? NaN : better + 1;
  }
}
