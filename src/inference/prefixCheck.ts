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

async function tryCache(model: LoadedModel): Promise<boolean> {
  const vocabulary = model.files.config?.vocab_size ?? 100;
  const token = (i: number): number => (i * 7919 + 13) % Math.min(vocabulary, 30_000);
  const prefix = [token(0), token(1), token(2), token(3)];
  const tails = [[token(4), token(5), token(6)], [token(7)]];
  const logitsName = model.session.output("logits") ? "logits" : model.session.outputs[0]!.name;
  const whole = tails.map((tail) => [...prefix, ...tail]);
  const width = whole[0]!.length;
  const plain = (await model.session.run(textFeeds(model, whole, width), [logitsName]))[logitsName]!;
  const opened = await model.session.run(textFeeds(model, [prefix], prefix.length), [
    logitsName,
    ...pastInputs(model).map((spec) => presentName(spec.name)),
  ]);
  const past = pastOfRow(model, opened, 0, prefix.length);
  const continued = (
    await model.session.run(textFeeds(model, tails, tails[0]!.length, [past, past]), [logitsName])
  )[logitsName]!;
  const size = plain.dims[2]!;
  const [a, b] = [asFloats(plain), asFloats(continued)];
  let [largest, difference] = [1e-6, 0];
  tails.forEach((tail, r) => {
    for (let i = 0; i < tail.length; i++) {
      for (let v = 0; v < size; v++) {
        const x = a[(r * width + prefix.length + i) * size + v]!;
        const y = b[(r * tails[0]!.length + i) * size + v]!;
        largest = Math.max(largest, Math.abs(x));
        difference = Math.max(difference, Math.abs(x - y));
      }
    }
  });
  return difference <= TOLERANCE * largest;
}
