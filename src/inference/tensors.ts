import type { Tensor, TypedTensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { Runtime } from "./runtime";

/** Name, element type and shape of an input or output; a string or -1 is a free dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/** "input_ids int64 [batch, sequence]" */
export const specText = (spec: TensorSpec): string => `${spec.name} ${spec.type} [${spec.shape.join(", ")}]`;

const halfToFloat = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * 2 ** (exponent - 25) * (1024 + fraction);
};

let halfTable: Float32Array | undefined;

/**
 * A tensor's elements as float32 (float16 is widened, integers are converted).
 * @throws Failure `bad-output` for element types that are no numbers
 */
export function asFloats(tensor: Tensor): Float32Array | Float64Array {
  const data: unknown = tensor.data;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (tensor.type === "float16" && data instanceof Uint16Array) {
    halfTable ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToFloat(bits));
    const table = halfTable;
    return Float32Array.from(data, (bits) => table[bits]!);
  }
  if (ArrayBuffer.isView(data) && tensor.type !== "string") {
    return Float32Array.from(data as unknown as ArrayLike<number | bigint>, Number);
  }
  throw new Failure(
    "bad-output",
    `The model returned elements of type ${tensor.type}, which are no numbers.`,
    "Export the model with a floating-point output.",
  );
}

const floatToHalf = (value: number): number => {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, value);
  const x = bits.getUint32(0);
  const sign = (x >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return sign | 0x7e00;
  if (magnitude >= 65_520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | Math.round(magnitude * 2 ** 24);
  // Round to nearest even on the 13 dropped bits.
  const rounded = (x & 0x7fffffff) + 0xfff + ((x >>> 13) & 1);
  return sign | ((rounded - (112 << 23)) >>> 13);
};

/** Whole numbers as int64, fractions cut off. Two 32-bit halves are written, since a BigInt a number takes much longer. */
function int64Of(values: ArrayLike<number>): BigInt64Array {
  const wide = new BigInt64Array(values.length);
  const halves = new Int32Array(wide.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = Math.trunc(values[i]!);
    if (value !== (value | 0)) wide[i] = BigInt(value);
    else {
      halves[2 * i + LOW_HALF] = value;
      halves[2 * i + 1 - LOW_HALF] = value < 0 ? -1 : 0;
    }
  }
  return wide;
}

/** Which half of an int64 lies first in memory: 0 = the low one. */
const LOW_HALF = new Int32Array(BigInt64Array.of(1n).buffer)[0] === 1 ? 0 : 1;

/**
 * A tensor of the element type that an input declares, from ordinary numbers.
 * @throws Failure `unknown-input-type` when the type is none that a policy or reward model takes
 */
export function tensorOf(
  runtime: Runtime,
  type: string,
  values: ArrayLike<number>,
  dims: readonly number[],
): TypedTensor<never> {
  const make = (array: unknown): TypedTensor<never> =>
    new runtime.Tensor(type as "float32", array as Float32Array, dims) as unknown as TypedTensor<never>;
  switch (type) {
    case "float32":
      return make(values instanceof Float32Array ? values : Float32Array.from(values));
    case "float64":
      return make(Float64Array.from(values));
    case "float16": {
      const bits = Uint16Array.from(values, floatToHalf);
      const Half = (globalThis as { Float16Array?: new (buffer: ArrayBufferLike) => unknown }).Float16Array;
      return make(Half ? new Half(bits.buffer) : bits);
    }
    case "int64":
      return make(int64Of(values));
    case "int32":
      return make(Int32Array.from(values));
    case "bool":
      return make(Uint8Array.from(values, (value) => (value ? 1 : 0)));
    default:
      throw new Failure(
        "unknown-input-type",
        `The model wants an input of type ${type}, which cannot be filled.`,
        "Export the model with float32 or int64 inputs.",
      );
  }
}
