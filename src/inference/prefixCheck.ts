import type { Tensor } from "onnxruntime-node";
import { UNSEEN } from "./branchRows";
import type { LoadedModel } from "./loadedModel";
import { asFloats } from "./tensors";
import { pastInputs, pastOfRow, presentName, textFeeds } from "./textBatch";

const checked = new WeakMap<LoadedModel, Promise<boolean>>();

/** Relative to the largest logit: far above float32 noise, far below any real misreading of the cache. */
const TOLERANCE = 2e-3;

/**
 * Whether continuing from a cache gives the numbers of one long run. Exports differ in how they build masks and
 * positions, so each model is tried once, on a few tokens, with padding, before its cache is trusted.
 */
export function reusesPrefixExactly(model: LoadedModel): Promise<boolean> {
  let result = checked.get(model);
  if (!result) {
    result = tryCache(model).catch(() => false);
    checked.set(model, result);
  }
  return result;
}

/**
 * Whether branches that share a row, behind caches of different lengths, get the numbers of one run each. Graphs are
 * built in many ways, so each model is tried once before it is trusted with that.
 */
export function branchesExactly(model: LoadedModel): Promise<boolean> {
  let result = branching.get(model);
  if (!result) {
    result = model.session.branching ? tryBranches(model).catch(() => false) : Promise.resolve(false);
    branching.set(model, result);
  }
  return result;
}

const branching = new WeakMap<LoadedModel, Promise<boolean>>();

/** Ordinary tokens that differ. */
function sampleTokens(model: LoadedModel, count: number): number[] {
  const vocabulary = model.files.config?.vocab_size ?? 100;
  return Array.from({ length: count }, (_, i) => (i * 7919 + 13) % Math.min(vocabulary, 30_000));
}

const logitsNameOf = (model: LoadedModel): string =>
  model.session.output("logits") ? "logits" : model.session.outputs[0]!.name;

const presentNames = (model: LoadedModel): string[] =>
  pastInputs(model).map((spec) => presentName(spec.name));

/** Largest difference and largest magnitude over pairs of rows of logits. */
class Comparison {
  private largest = 1e-6;
  private difference = 0;

  row(a: Tensor, rowOfA: number, b: Tensor, rowOfB: number): void {
    const size = a.dims.at(-1)!;
    const [x, y] = [asFloats(a), asFloats(b)];
    for (let v = 0; v < size; v++) {
      const [own, other] = [x[rowOfA * size + v]!, y[rowOfB * size + v]!];
      this.largest = Math.max(this.largest, Math.abs(own));
      this.difference = Math.max(this.difference, Math.abs(own - other));
    }
  }

  get holds(): boolean {
    return this.difference <= TOLERANCE * this.largest;
  }
}

async function tryCache(model: LoadedModel): Promise<boolean> {
  const [t0, t1, t2, t3, ...rest] = sampleTokens(model, 8) as [number, number, number, number];
  const prefix = [t0, t1, t2, t3];
  const tails = [rest.slice(0, 3), rest.slice(3)];
  const name = logitsNameOf(model);
  const whole = tails.map((tail) => [...prefix, ...tail]);
  const width = whole[0]!.length;
  const plain = (await model.session.run(textFeeds(model, whole, width), [name]))[name]!;
  const opened = await model.session.run(textFeeds(model, [prefix], prefix.length), [
    name,
    ...presentNames(model),
  ]);
  const past = pastOfRow(model, opened, 0, [[0, prefix.length]]);
  const continued = (await model.session.run(textFeeds(model, tails, 3, [past, past]), [name]))[name]!;
  const comparison = new Comparison();
  tails.forEach((tail, r) =>
    tail.forEach((_, i) => comparison.row(plain, r * width + prefix.length + i, continued, r * 3 + i)),
  );
  return comparison.holds;
}

async function tryBranches(model: LoadedModel): Promise<boolean> {
  const tokens = sampleTokens(model, 9);
  const name = logitsNameOf(model);
  // Behind tokens 0 and 1: the branch 2 3 4, with 5 behind its 3, and beside it 6 7. A second row continues token 0 alone.
  const sequences = [
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 5],
    [0, 1, 6, 7],
    [0, 8],
  ].map((path) => path.map((i) => tokens[i]!));
  const whole = (await model.session.run(textFeeds(model, sequences, 5), [name]))[name]!;
  const prefix = [tokens[0]!, tokens[1]!];
  const opened = await model.session.run(textFeeds(model, [prefix], 2), [name, ...presentNames(model)]);
  const pasts = [pastOfRow(model, opened, 0, [[0, 2]]), pastOfRow(model, opened, 0, [[0, 1]])];
  const rows = [[2, 3, 4, 5, 6, 7].map((i) => tokens[i]!), [tokens[8]!]];
  const seenBy: Readonly<Record<number, readonly number[]>> = {
    0: [0],
    1: [0, 1],
    2: [0, 1, 2],
    3: [0, 1, 3],
    4: [4],
    5: [4, 5],
  };
  const bias = new Float32Array(2 * 6 * 8);
  for (const [query, seen] of Object.entries(seenBy))
    for (let key = 0; key < 6; key++) if (!seen.includes(key)) bias[Number(query) * 8 + 2 + key] = UNSEEN;
  const layout = { positions: [[2, 3, 4, 4, 2, 3], [1]], bias };
  const branched = (await model.session.run(textFeeds(model, rows, 6, pasts, layout), [name]))[name]!;
  const comparison = new Comparison();
  const pairs = [
    [2, 0],
    [3, 1],
    [4, 2],
    [5 + 4, 3],
    [10 + 2, 4],
    [10 + 3, 5],
    [15 + 1, 6],
  ] as const;
  for (const [alone, together] of pairs) comparison.row(whole, alone, branched, together);
  return comparison.holds;
}
