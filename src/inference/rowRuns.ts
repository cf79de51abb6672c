import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import { breathe } from "./breathe";
import type { InputRows } from "./episodeInputs";
import type { LoadedModel } from "./loadedModel";
import type { ScoreContext } from "./scorer";
import { asFloats, tensorOf, type TensorSpec } from "./tensors";

/** Rows of one run of a control model. */
const ROWS = 4096;

export type RowInputs = readonly { readonly spec: TensorSpec; readonly rows: InputRows }[];

/** Outputs of a model over all rows, each row-major [rows, width]. */
type Outputs = ReadonlyMap<string, InputRows>;

/** Runs a model over all rows of its inputs, in portions. @throws Failure for outputs of a wrong shape or NaN */
export async function runRows(
  model: LoadedModel,
  inputs: RowInputs,
  wanted: readonly TensorSpec[],
  context: ScoreContext,
): Promise<Outputs> {
  const rows = Math.min(...inputs.map((input) => input.rows.rows));
  const fixed = inputs[0]?.spec.shape[0];
  const portion = typeof fixed === "number" ? fixed : ROWS;
  const collected = new Map<string, number[]>(wanted.map((spec) => [spec.name, []]));
  for (let start = 0; start < rows; start += portion) {
    await breathe(context.signal);
    const count = Math.min(portion, rows - start);
    // A fixed batch size is filled up by repeating the last row; what comes back for it is dropped.
    const size = typeof fixed === "number" ? fixed : count;
    const feeds: Record<string, Tensor> = {};
    for (const { spec, rows: all } of inputs) {
      const values = new Float64Array(size * all.width);
      for (let row = 0; row < size; row++) {
        const from = (start + Math.min(row, count - 1)) * all.width;
        values.set(all.data.subarray(from, from + all.width), row * all.width);
      }
      feeds[spec.name] = tensorOf(model.session.runtime, spec.type, values, dimsFor(spec, size, all.width));
    }
    const outputs = await model.session.run(
      feeds,
      wanted.map((spec) => spec.name),
    );
    for (const spec of wanted)
      collected.get(spec.name)!.push(...portionOf(model, spec, outputs[spec.name]!, size, count));
  }
  return new Map(
    wanted.map((spec) => {
      const data = Float64Array.from(collected.get(spec.name)!);
      return [spec.name, { rows, width: rows === 0 ? 1 : data.length / rows, data }];
    }),
  );
}

/** [batch], [batch, width] or the fixed dimensions that the input declares. */
function dimsFor(spec: TensorSpec, batch: number, width: number): number[] {
  if (spec.shape.length === 1) return [batch];
  const rest = spec.shape.slice(1);
  return rest.every((size): size is number => typeof size === "number") ? [batch, ...rest] : [batch, width];
}

function portionOf(
  model: LoadedModel,
  spec: TensorSpec,
  tensor: Tensor,
  size: number,
  count: number,
): Float64Array {
  const values = asFloats(tensor);
  if (size === 0 || values.length % size !== 0) {
    throw new Failure(
      "bad-output",
      `${model.files.name} returned ${spec.name} of shape [${tensor.dims.join(", ")}] for ${size} rows of input; expected [${size}] or [${size}, width].`,
      "Export the model with a free first dimension.",
    );
  }
  const cut = Float64Array.from(values.subarray(0, (values.length / size) * count));
  const bad = cut.findIndex((value) => Number.isNaN(value));
  if (bad >= 0)
    throw new Failure(
      "nan-output",
      `${model.files.name} returned NaN for ${spec.name} at row ${Math.floor(bad / (values.length / size))}, so its numbers are not used.`,
      "Check the model's weights.",
    );
  return cut;
}
