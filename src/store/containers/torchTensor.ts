import type { ArrayType, PlainValue } from "../../model/plain";
import { itemBytes, NumericArray } from "./numericArray";
import { checkedShape } from "./numpyType";
import { NamedClass, StorageDraft, StubDraft } from "./pickleDrafts";

/** Storage classes of torch, and dtypes, by the kind of number they hold. */
const TORCH_TYPES: Readonly<Record<string, ArrayType>> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
  UntypedStorage: "uint8",
  float32: "float32",
  float64: "float64",
  float16: "float16",
  bfloat16: "bfloat16",
  int64: "int64",
  int32: "int32",
  int16: "int16",
  int8: "int8",
  uint8: "uint8",
  uint16: "uint16",
  uint32: "uint32",
  uint64: "uint64",
  bool: "bool",
};

/** The kind of number of a dtype's name such as `torch.bfloat16`; undefined for kinds that are not known here. */
export function torchType(name: string): ArrayType | undefined {
  const last = storageType(name);
  return Object.hasOwn(TORCH_TYPES, last) ? TORCH_TYPES[last] : undefined;
}

/** `FloatStorage` of `torch.FloatStorage` and of `torch.cuda.FloatStorage`. */
export function storageType(className: string): string {
  return className.split(".").at(-1) ?? className;
}

/** Bytes of one element of a storage class; undefined for kinds that are not known here. */
export function storageItemBytes(type: string): number | undefined {
  const known = torchType(type);
  if (known !== undefined) return itemBytes(known);
  return {
    ComplexFloatStorage: 8,
    ComplexDoubleStorage: 16,
    QInt8Storage: 1,
    QUInt8Storage: 1,
    QInt32Storage: 4,
  }[type];
}

/**
 * Arguments of `_rebuild_tensor_v2`: storage, offset, size, stride, ... (v3 has the dtype at 6). A view of the storage; a
 * kind of number that is not known becomes a stub with its shape.
 */
export function rebuildTensor(args: readonly unknown[]): unknown {
  const [storage, offset, size, stride] = args;
  if (!(storage instanceof StorageDraft)) return undefined;
  const dtype = args[6];
  const typeName = dtype instanceof NamedClass ? storageType(dtype.name) : storage.type;
  const shape = checkedShape(size);
  const strides = checkedShape(stride);
  if (typeof offset !== "number" || offset < 0 || strides.length !== shape.length) return undefined;
  const type = torchType(typeName);
  if (type === undefined) return new StubDraft("torch.Tensor", [typeName, shape as PlainValue]);
  const bytes = itemBytes(type);
  return new NumericArray(type, shape, {
    bytes: storage.bytes,
    littleEndian: storage.littleEndian,
    offset: offset * bytes,
    strides: strides.map((step) => step * bytes),
  });
}

/** A storage by itself, as a flat array. */
export function storageArray(storage: StorageDraft): PlainValue {
  const type = torchType(storage.type);
  if (type === undefined) return new StubDraft("torch.storage", [storage.type]);
  const size = itemBytes(type);
  return new NumericArray(type, [Math.floor(storage.bytes().length / size)], {
    bytes: storage.bytes,
    littleEndian: storage.littleEndian,
    offset: 0,
    strides: [size],
  });
}
