import type { PassCosts } from "./branchPlan";
import type { LoadedModel } from "./loadedModel";
import type { PrefixForest } from "./prefixForest";
import { pastInputs } from "./textBatch";

/** Bytes of keys and values kept at one time for later reuse. */
const CACHE_BYTES = 768 * 2 ** 20;

/** Bytes of keys and values that one token takes. */
function cacheBytesPerToken(models: readonly LoadedModel[]): number {
  return (
    models
      .flatMap(pastInputs)
      .reduce(
        (sum, spec) =>
          sum +
          (Number(spec.shape[1]) || 8) * (Number(spec.shape[3]) || 64) * (spec.type === "float16" ? 2 : 4),
        0,
      ) || 1
  );
}

/**
 * Roots of the forest in portions whose caches fit into memory together.
 * @returns the portion of each node
 */
export function portionsOf(
  models: readonly LoadedModel[],
  forest: PrefixForest,
  anchors: Uint8Array,
): Int32Array {
  const perToken = cacheBytesPerToken(models);
  const rootOf = new Int32Array(forest.nodes.length);
  const bytes = new Map<number, number>();
  forest.nodes.forEach((node, index) => {
    const root = node.parent < 0 ? index : rootOf[node.parent]!;
    rootOf[index] = root;
    bytes.set(root, (bytes.get(root) ?? 0) + (anchors[index] ? node.end * perToken : 0));
  });
  const portionOf = new Map<number, number>();
  let [portion, used] = [0, 0];
  for (const [root, size] of bytes) {
    if (used > 0 && used + size > CACHE_BYTES) [portion, used] = [portion + 1, 0];
    used += size;
    portionOf.set(root, portion);
  }
  return rootOf.map((root) => portionOf.get(root)!);
}

/**
 * What parts of a pass cost on the CPU, in floating-point operations of a matrix product. The factors were measured with
 * the example policy (0.6 million parameters) and SmolLM2-135M.
 */
export function passCosts(models: readonly LoadedModel[], maxTokens: number): PassCosts {
  const sum = (read: (model: LoadedModel) => number): number =>
    models.reduce((total, model) => total + read(model), 0);
  const bytes = sum((model) => model.files.onnx.bytes);
  return {
    token: bytes / 2,
    pair: sum((model) => {
      const [past] = pastInputs(model);
      const heads = model.files.config?.num_attention_heads ?? (Number(past?.shape[1]) || 8);
      return PAIR_FACTOR * 2 * pastInputs(model).length * heads * (Number(past?.shape[3]) || 64);
    }),
    // Exports with grouped queries repeat keys and values for every head.
    copy: COPY_PER_BYTE * sum((model) => cacheBytesPerToken([model]) * queriesPerKey(model)),
    run: RUN_PER_WEIGHT_BYTE * bytes + RUN_FIXED * models.length,
    maxTokens,
  };
}

function queriesPerKey(model: LoadedModel): number {
  const keys = Number(pastInputs(model)[0]?.shape[1]) || model.files.config?.num_key_value_heads;
  const queries = model.files.config?.num_attention_heads;
  return keys && queries ? Math.max(1, queries / keys) : 1;
}

/** Small products, the mask and Softmax make a product of attention so much dearer than one with weights. */
const PAIR_FACTOR = 2.5;
/** A byte of a cache is copied out of a run, into the next one, and in it behind the new tokens' own. */
const COPY_PER_BYTE = 55;
/** Weights are read once a run: at 10 GB/s, while products run at 100 GFLOP/s. */
const RUN_PER_WEIGHT_BYTE = 10;
/** Starting the operators of a run takes about half a millisecond. */
const RUN_FIXED = 5e7;
