import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import { BRANCH_BIAS } from "./branchingGraph";
import type { LoadedModel } from "./loadedModel";
import { padTokenId } from "./modelConfig";
import { tensorOf, type TensorSpec } from "./tensors";

/** Keys and values of tokens that were computed before, one tensor per layer and kind, [1, heads, length, dim] each. */
export interface PastState {
  readonly length: number;
  /** By input name (`past_key_values.N.key`), row-major [heads, length, dim]. */
  readonly tensors: ReadonlyMap<
    string,
    { readonly data: FloatBuffer; readonly heads: number; readonly dim: number }
  >;
}

/** The cache of all rows of a run, as the library returned it; by input name. */
export interface BatchedPast {
  readonly length: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

export type FloatBuffer = Float32Array | Uint16Array;

const isPast = (spec: TensorSpec): boolean => /^past_key_values?\./.test(spec.name);

/** Inputs that take the keys and values of earlier tokens; none where the export has no cache. */
export const pastInputs = (model: LoadedModel): readonly TensorSpec[] => model.session.inputs.filter(isPast);

/** `past_key_values.3.key` -> `present.3.key`, the name under which exporters return the grown cache. */
export const presentName = (pastName: string): string => pastName.replace(/^past_key_values?\./, "present.");

/** True when sequences of different lengths can share a batch: the model masks padding. */
export const canPad = (model: LoadedModel): boolean => model.session.input("attention_mask") !== undefined;

/** Heads and head width of a cache input: from its declared shape, else from the config. */
function pastShape(model: LoadedModel, spec: TensorSpec): { heads: number; dim: number } {
  const config = model.files.config;
  const [, heads, , dim] = spec.shape;
  const fromConfig =
    config?.hidden_size !== undefined && config.num_attention_heads !== undefined
      ? config.hidden_size / config.num_attention_heads
      : undefined;
  const headCount =
    typeof heads === "number" ? heads : (config?.num_key_value_heads ?? config?.num_attention_heads);
  const headWidth = typeof dim === "number" ? dim : (config?.head_dim ?? fromConfig);
  if (spec.shape.length !== 4 || headCount === undefined || headWidth === undefined) {
    throw new Failure(
      "model-does-not-fit",
      `The cache input ${spec.name} has the shape [${spec.shape.join(", ")}]; expected [batch, heads, length, head width].`,
      "Export the model with fixed heads and head width, or with them in config.json.",
    );
  }
  return { heads: headCount, dim: headWidth };
}

/** Rows whose tokens are not simply one behind the other. */
export interface BranchLayout {
  /** Position of each token of each row in its own sequence. */
  readonly positions: readonly (readonly number[])[];
  /** Added to the attention, row-major [rows, 1, width, longest past + width]; undefined where every row is one branch. */
  readonly bias?: Float32Array | undefined;
}

/**
 * The inputs of one run over right-padded rows.
 * @param rows token ids
 * @param width longest row
 * @param past one state per row (of one length, unless there is a layout), or the cache tensors of an earlier run with
 *   the same rows, or undefined for none
 */
export function textFeeds(
  model: LoadedModel,
  rows: readonly (readonly number[])[],
  width: number,
  past?: readonly (PastState | undefined)[] | BatchedPast,
  layout?: BranchLayout,
): Record<string, Tensor> {
  const { session, files } = model;
  const batch = rows.length;
  const batched = past !== undefined && "tensors" in past ? past : undefined;
  const pasts = batched ? undefined : (past as readonly (PastState | undefined)[] | undefined);
  const pastLength = batched?.length ?? Math.max(0, ...(pasts ?? []).map((state) => state?.length ?? 0));
  const pad = padTokenId(files.config) ?? 0;
  const ids = new Float64Array(batch * width).fill(pad);
  const mask = new Uint8Array(batch * (pastLength + width));
  const positions = new Float64Array(batch * width);
  rows.forEach((row, r) => {
    const own = batched?.length ?? pasts?.[r]?.length ?? 0;
    const start = r * (pastLength + width);
    ids.set(row, r * width);
    mask.fill(1, start, start + own);
    mask.fill(1, start + pastLength, start + pastLength + row.length);
    const given = layout?.positions[r];
    for (let i = 0; i < width; i++) {
      const at = Math.min(i, row.length - 1);
      positions[r * width + i] = given ? given[at]! : own + at;
    }
  });
  const feeds: Record<string, Tensor> = {};
  const give = (name: string, values: ArrayLike<number>, dims: readonly number[]): void => {
    const spec = session.input(name);
    if (spec) feeds[name] = tensorOf(session.runtime, spec.type, values, dims);
  };
  give("input_ids", ids, [batch, width]);
  give("attention_mask", mask, [batch, pastLength + width]);
  give("position_ids", positions, [batch, width]);
  give("token_type_ids", new Uint8Array(batch * width), [batch, width]);
  give("use_cache_branch", [pastLength > 0 ? 1 : 0], [1]);
  give("num_logits_to_keep", [0], []);
  for (const spec of pastInputs(model))
    feeds[spec.name] = batched?.tensors[spec.name] ?? pastTensor(model, spec, batch, pastLength, pasts);
  if (layout?.bias)
    feeds[BRANCH_BIAS] = tensorOf(session.runtime, "float32", layout.bias, [
      batch,
      1,
      width,
      pastLength + width,
    ]);
  return feeds;
}

/** Larger buffers are let go after their run. */
const KEPT_BYTES = 4 * 2 ** 20;

const kept = new WeakMap<LoadedModel, Map<string, ArrayBuffer>>();

/** Memory for an input of the next run: runs come one after the other, and fresh memory costs more than filling it. */
function scratch(model: LoadedModel, name: string, bytes: number): ArrayBuffer {
  const own = kept.get(model) ?? new Map<string, ArrayBuffer>();
  kept.set(model, own);
  const found = own.get(name);
  if (found && found.byteLength >= bytes) return found;
  const buffer = new ArrayBuffer(bytes);
  if (bytes <= KEPT_BYTES) own.set(name, buffer);
  return buffer;
}

function pastTensor(
  model: LoadedModel,
  spec: TensorSpec,
  batch: number,
  length: number,
  pasts: readonly (PastState | undefined)[] | undefined,
): Tensor {
  const { heads, dim } = pastShape(model, spec);
  const rowSize = heads * length * dim;
  const half = spec.type === "float16";
  const bytes = scratch(model, spec.name, batch * rowSize * (half ? 2 : 4));
  const data: FloatBuffer = half
    ? new Uint16Array(bytes, 0, batch * rowSize)
    : new Float32Array(bytes, 0, batch * rowSize);
  for (let row = 0; row < batch && length > 0; row++) {
    const past = pasts?.[row];
    if (past?.length === length) {
      data.set(past.tensors.get(spec.name)!.data, row * rowSize);
      continue;
    }
    // Nothing is seen there, but what was left of another run might be NaN, and 0 * NaN would be seen.
    data.fill(0, row * rowSize, (row + 1) * rowSize);
    if (!past) continue;
    const source = past.tensors.get(spec.name)!.data;
    for (let head = 0; head < heads; head++)
      data.set(
        source.subarray(head * past.length * dim, (head + 1) * past.length * dim),
        row * rowSize + head * length * dim,
      );
  }
  const runtime = model.session.runtime;
  const { Float16Array: Half } = globalThis as {
    Float16Array?: new (buffer: ArrayBuffer, offset: number, length: number) => Uint16Array;
  };
  const typed = data instanceof Uint16Array && Half ? new Half(bytes, 0, data.length) : data;
  return new runtime.Tensor(spec.type as "float32", typed as Float32Array, [batch, heads, length, dim]);
}

/**
 * Cuts one row's cache out of a run's `present` outputs.
 * @param kept stretches [from, to) along the cache that are kept, in order; the others are padding or other branches
 */
export function pastOfRow(
  model: LoadedModel,
  outputs: Readonly<Record<string, Tensor>>,
  row: number,
  kept: readonly (readonly [from: number, to: number])[],
): PastState {
  const tensors = new Map<string, { data: FloatBuffer; heads: number; dim: number }>();
  const length = kept.reduce((sum, [from, to]) => sum + to - from, 0);
  for (const spec of pastInputs(model)) {
    const present = outputs[presentName(spec.name)]!;
    const [, heads, total, dim] = present.dims as [number, number, number, number];
    const raw = present.data as unknown as Float32Array | Uint16Array;
    const source: FloatBuffer =
      raw instanceof Float32Array ? raw : new Uint16Array(raw.buffer, raw.byteOffset, raw.length);
    const data: FloatBuffer =
      source instanceof Float32Array
        ? new Float32Array(heads * length * dim)
        : new Uint16Array(heads * length * dim);
    for (let head = 0; head < heads; head++) {
      const start = (row * heads + head) * total;
      let at = head * length * dim;
      for (const [from, to] of kept) {
        data.set(source.subarray((start + from) * dim, (start + to) * dim) as never, at);
        at += (to - from) * dim;
      }
    }
    tensors.set(spec.name, { data, heads, dim });
  }
  return { length, tensors };
}

/** True when the model returns a grown cache for every cache it takes. */
export function canReusePrefix(model: LoadedModel): boolean {
  const pasts = pastInputs(model);
  return (
    pasts.length > 0 &&
    canPad(model) &&
    pasts.every((spec) => model.session.output(presentName(spec.name)) !== undefined)
  );
}
