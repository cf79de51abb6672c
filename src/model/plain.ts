/** Kinds of numbers that array containers hold, named as NumPy names them; `bfloat16` is torch's. */
export type ArrayType =
  | "bool"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64";

/**
 * A numeric array of a pickle, a torch file, an npz or a MATLAB file. Row-major whatever the file's order is; its bytes are
 * decoded when they are asked for.
 */
export interface PlainArray {
  readonly kind: "array";
  readonly type: ArrayType;
  readonly shape: readonly number[];
  /** Elements as float64, or float32 where the file holds float32 or less. 64-bit integers beyond 2^53 are rounded. */
  numbers(): Float32Array | Float64Array;
  /** Elements as 64-bit integers, exactly; throws Failure for a type that is not an integer. */
  integers(): BigInt64Array | BigUint64Array;
}

/** An object of a class that this reader does not build: its name and its state, never its behaviour. */
export interface PlainStub {
  readonly kind: "stub";
  /** `module.Class` as the file names it. */
  readonly className: string;
  readonly args: readonly PlainValue[];
  readonly state: PlainValue;
  /** Elements of a subclass of list, and entries of a subclass of dict. */
  readonly items: readonly PlainValue[];
  readonly entries: PlainMap;
}

/** A dict: keys may be numbers, tuples and other values, and keep the file's order. */
export type PlainMap = ReadonlyMap<PlainValue, PlainValue>;

/** Data of a container that is no JSON: nothing in it is executed, and nothing in it has behaviour. */
export type PlainValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PlainArray
  | PlainStub
  | PlainMap
  | readonly PlainValue[];
