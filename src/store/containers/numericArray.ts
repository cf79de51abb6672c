import { Failure } from "../../model/failure";
import type { ArrayType, PlainArray } from "../../model/plain";

/** An array larger than this is refused: decoded it would take 2 GB. */
const MOST_ELEMENTS = 2 ** 28;
/** Elements that share bytes (stride 0) cost nothing in the file, so that a few bytes could ask for any memory. */
const MOST_SHARED_ELEMENTS = 2 ** 24;

const ITEM_BYTES: Readonly<Record<ArrayType, number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
};

/** Bytes of one element. */
export function itemBytes(type: ArrayType): number {
  return ITEM_BYTES[type];
}

/** Product of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Strides in bytes of a contiguous array. */
export function contiguousStrides(
  shape: readonly number[],
  itemSize: number,
  columnMajor = false,
): readonly number[] {
  const strides = new Array<number>(shape.length);
  let stride = itemSize;
  for (let step = 0; step < shape.length; step++) {
    const axis = columnMajor ? step : shape.length - 1 - step;
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}

/** Where the elements of an array lie. */
export interface ArrayLayout {
  /** Reads the bytes that the elements lie in; called when elements are asked for. */
  readonly bytes: () => Uint8Array;
  readonly littleEndian: boolean;
  /** Of the first element, in bytes. */
  readonly offset: number;
  /** In bytes, one an axis. */
  readonly strides: readonly number[];
}

/** An array over bytes of a file, decoded when its elements are asked for. */
export class NumericArray implements PlainArray {
  readonly kind = "array";
  private decoded: WeakRef<Float32Array | Float64Array> | undefined;

  constructor(
    readonly type: ArrayType,
    readonly shape: readonly number[],
    private readonly layout: ArrayLayout,
  ) {}

  numbers(): Float32Array | Float64Array {
    const known = this.decoded?.deref();
    if (known !== undefined) return known;
    const { type } = this;
    const short = type === "float32" || type === "float16" || type === "bfloat16";
    const count = this.checkedCount();
    const values = short ? new Float32Array(count) : new Float64Array(count);
    const view = this.view();
    const { littleEndian } = this.layout;
    const read = readers[type];
    this.each((at, index) => {
      values[index] = read(view, at, littleEndian);
    });
    this.decoded = new WeakRef(values);
    return values;
  }

  integers(): BigInt64Array | BigUint64Array {
    const { type } = this;
    if (type.startsWith("float") || type === "bfloat16")
      throw new Failure(
        "not-integers",
        `An array of ${type} was read as integers.`,
        "Read its numbers instead.",
      );
    const count = this.checkedCount();
    const view = this.view();
    const { littleEndian } = this.layout;
    if (type === "uint64") {
      const values = new BigUint64Array(count);
      this.each((at, index) => {
        values[index] = view.getBigUint64(at, littleEndian);
      });
      return values;
    }
    const values = new BigInt64Array(count);
    const read = readers[type];
    this.each((at, index) => {
      values[index] =
        type === "int64" ? view.getBigInt64(at, littleEndian) : BigInt(read(view, at, littleEndian));
    });
    return values;
  }

  /** Another array over the same bytes, from `start` bytes behind the first element on, without gaps. */
  reinterpret(type: ArrayType, shape: readonly number[], start: number): NumericArray {
    return new NumericArray(type, shape, {
      ...this.layout,
      offset: this.layout.offset + start,
      strides: contiguousStrides(shape, ITEM_BYTES[type]),
    });
  }

  private checkedCount(): number {
    const count = elementCount(this.shape);
    const shared = this.layout.strides.some((stride, axis) => stride === 0 && (this.shape[axis] ?? 0) > 1);
    if (!(count <= (shared ? MOST_SHARED_ELEMENTS : MOST_ELEMENTS)))
      throw new Failure(
        "large-array",
        `An array of shape ${this.shape.join(" x ")} is too large to decode.`,
        `Arrays of up to ${MOST_ELEMENTS.toLocaleString("en")} elements are read.`,
      );
    return count;
  }

  private view(): DataView {
    const bytes = this.layout.bytes();
    const size = ITEM_BYTES[this.type];
    let first = this.layout.offset;
    let last = this.layout.offset;
    if (elementCount(this.shape) > 0)
      for (const [axis, stride] of this.layout.strides.entries()) {
        const reach = stride * ((this.shape[axis] ?? 1) - 1);
        if (reach < 0) first += reach;
        else last += reach;
      }
    if (elementCount(this.shape) > 0 && (first < 0 || last + size > bytes.byteLength))
      throw new Failure(
        "short-array",
        `An array of shape ${this.shape.join(" x ")} (${this.type}) needs ${last + size} bytes and the file holds ${bytes.byteLength}.`,
        "The file may be cut off.",
      );
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Calls `use` with the byte and the row-major index of every element. */
  private each(use: (at: number, index: number) => void): void {
    const { shape } = this;
    const { strides } = this.layout;
    const count = elementCount(shape);
    if (count === 0) return;
    const last = shape.length - 1;
    const inner = last < 0 ? 1 : (shape[last] as number);
    const innerStride = last < 0 ? 0 : (strides[last] as number);
    const place = new Array<number>(Math.max(0, last)).fill(0);
    let at = this.layout.offset;
    for (let index = 0; index < count;) {
      for (let step = 0, byte = at; step < inner; step++, byte += innerStride) use(byte, index++);
      // The next row: count up from the last but one axis.
      for (let axis = last - 1; axis >= 0; axis--) {
        const next = (place[axis] as number) + 1;
        at += strides[axis] as number;
        if (next < (shape[axis] as number)) {
          place[axis] = next;
          break;
        }
        at -= (strides[axis] as number) * next;
        place[axis] = 0;
      }
    }
  }
}

const readers: Readonly<Record<ArrayType, (view: DataView, at: number, littleEndian: boolean) => number>> = {
  bool: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  int8: (view, at) => view.getInt8(at),
  int16: (view, at, little) => view.getInt16(at, little),
  int32: (view, at, little) => view.getInt32(at, little),
  int64: (view, at, little) => Number(view.getBigInt64(at, little)),
  uint8: (view, at) => view.getUint8(at),
  uint16: (view, at, little) => view.getUint16(at, little),
  uint32: (view, at, little) => view.getUint32(at, little),
  uint64: (view, at, little) => Number(view.getBigUint64(at, little)),
  float16: (view, at, little) => halfNumber(view.getUint16(at, little)),
  bfloat16: (view, at, little) => bfloat16Number(view.getUint16(at, little)),
  float32: (view, at, little) => view.getFloat32(at, little),
  float64: (view, at, little) => view.getFloat64(at, little),
};

/** IEEE 754 half precision: 1 sign, 5 exponent and 10 fraction bits. */
function halfNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a float32. */
function bfloat16Number(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}
