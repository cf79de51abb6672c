import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import {
  arrayBytes,
  checkedShape,
  numpyArray,
  numpyScalar,
  objectArray,
  parseNumpyType,
  type NumpyField,
  type NumpyType,
} from "./numpyType";
import { ArrayDraft, NamedClass, OldText, StorageDraft, StubDraft, TypeDraft } from "./pickleDrafts";
import { consolidatedTensorDict, tensorDict } from "./tensorDict";
import { rebuildTensor, storageArray } from "./torchTensor";

type Value = PlainValue;

export interface CallOptions {
  /** Reads a torch file that lies inside the pickle. */
  readonly nested: (bytes: Buffer) => unknown;
}

/**
 * What Python would get by calling a name of a pickle: built for the names of the table below, a stub for any other. The
 * arguments may hold drafts.
 */
export function callNamed(callable: unknown, args: readonly unknown[], options: CallOptions): unknown {
  if (!(callable instanceof NamedClass))
    return new StubDraft("call", [callable as Value, ...(args as Value[])]);
  const name = canonical(callable.name);
  const builder = BUILDERS[name];
  if (builder !== undefined && Object.hasOwn(BUILDERS, name)) {
    const built = builder(args, options);
    if (built !== undefined) return built;
  }
  return new StubDraft(callable.name, args as Value[]);
}

/** Modules that moved between versions of Python and NumPy under one name. */
function canonical(name: string): string {
  return name
    .replace(/^numpy\._core\./, "numpy.core.")
    .replace(/^__builtin__\./, "builtins.")
    .replace(/^copy_reg\./, "copyreg.");
}

type Builder = (args: readonly unknown[], options: CallOptions) => unknown;

const BUILDERS: Readonly<Record<string, Builder>> = {
  "numpy.core.multiarray._reconstruct": () => new ArrayDraft(),
  "numpy.core.multiarray.scalar": ([type, content]) => {
    if (!(type instanceof TypeDraft)) return undefined;
    if (type.type.kind === "O") return content ?? null;
    const bytes = bytesOf(content);
    return bytes === undefined ? undefined : numpyScalar(type.type, bytes);
  },
  "numpy.dtype": ([name]) => (typeof name === "string" ? new TypeDraft(parseNumpyType(name)) : undefined),
  "numpy.core.numeric._frombuffer": ([content, type, shape, order]) => {
    const bytes = bytesOf(content);
    if (bytes === undefined || !(type instanceof TypeDraft)) return undefined;
    return numpyArray(type.type, checkedShape(shape), () => bytes, order === "F");
  },
  "_codecs.encode": ([text, encoding]) =>
    typeof text === "string" && (encoding === "latin1" || encoding === "latin-1")
      ? new Uint8Array(Buffer.from(text, "latin1"))
      : undefined,
  "builtins.bytes": ([content]) => (content === undefined ? new Uint8Array(0) : bytesOf(content)),
  "builtins.bytearray": ([content, encoding]) =>
    content === undefined
      ? new Uint8Array(0)
      : typeof content === "string"
        ? encoding === undefined
          ? undefined
          : new Uint8Array(Buffer.from(content, "latin1"))
        : bytesOf(content),
  "builtins.list": listOf,
  "builtins.tuple": listOf,
  "builtins.set": listOf,
  "builtins.frozenset": listOf,
  "builtins.dict": ([content]) => mapOf(content),
  "collections.OrderedDict": ([content]) => mapOf(content),
  "collections.defaultdict": () => new Map<Value, Value>(),
  "collections.Counter": ([content]) => mapOf(content),
  "collections.deque": listOf,
  "torch.Size": listOf,
  "torch._utils._rebuild_tensor": rebuildTensor,
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_tensor_v3": rebuildTensor,
  "torch._utils._rebuild_parameter": ([data]) => data,
  "torch._utils._rebuild_parameter_with_state": ([data]) => data,
  "torch._utils._rebuild_device_tensor_from_numpy": ([data]) => data,
  "torch._utils._rebuild_device_tensor_from_cpu_tensor": ([data]) => data,
  "torch._tensor._rebuild_from_type_v2": ([rebuild, , args], options) =>
    Array.isArray(args) ? callNamed(rebuild, args as unknown[], options) : undefined,
  "tensordict._reductions._make_td": tensorDict,
  "tensordict._reductions._rebuild_tensordict_files_consolidated": consolidatedTensorDict,
  "torch.storage._load_from_bytes": ([content], { nested }) => {
    const bytes = bytesOf(content);
    return bytes === undefined
      ? undefined
      : nested(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  },
  "copyreg._reconstructor": ([type, base, state]) =>
    type instanceof NamedClass
      ? new StubDraft(
          type.name,
          base instanceof NamedClass && canonical(base.name) !== "builtins.object" ? [state as Value] : [],
        )
      : undefined,
};

function listOf([content]: readonly unknown[]): unknown {
  return content === undefined ? [] : Array.isArray(content) ? (content as unknown[]).slice() : undefined;
}

function mapOf(content: unknown): unknown {
  if (content === undefined) return new Map<Value, Value>();
  if (content instanceof Map) return new Map(content as Map<Value, Value>);
  if (!Array.isArray(content)) return undefined;
  const map = new Map<Value, Value>();
  for (const pair of content as unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    map.set(pair[0] as Value, pair[1] as Value);
  }
  return map;
}

/** Bytes of Python 3, and text of Python 2 that stands for bytes. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (value instanceof OldText) return value.bytes;
  return typeof value === "string" ? Buffer.from(value, "latin1") : undefined;
}

/** What BUILD does: gives an object its state. */
export function applyState(target: unknown, state: unknown): void {
  if (target instanceof ArrayDraft) buildArray(target, state);
  else if (target instanceof TypeDraft) target.type = typeWithState(target.type, state);
  else if (target instanceof StubDraft) target.state = state as Value;
  // Attributes of dicts and tensors (an OrderedDict's `_metadata`) are no data.
}

/** State of ndarray: (version, shape, dtype, Fortran order, content); version 0 has none. */
function buildArray(array: ArrayDraft, state: unknown): void {
  if (!Array.isArray(state)) return;
  const [shape, type, columnMajor, content] = (state.length >= 5 ? state.slice(1) : state) as unknown[];
  if (!(type instanceof TypeDraft))
    throw new Failure("bad-array", "An array has no type.", "The file is damaged.");
  array.shape = checkedShape(shape);
  array.columnMajor = columnMajor === true || columnMajor === 1;
  if (type.type.kind === "O" && Array.isArray(content)) {
    array.objects = content as Value[];
    return;
  }
  const bytes = bytesOf(content);
  if (bytes === undefined) throw new Failure("bad-array", "An array has no content.", "The file is damaged.");
  if (arrayBytes(type.type, array.shape) > bytes.length)
    throw new Failure(
      "short-array",
      `An array of shape ${array.shape.join(" x ")} holds ${bytes.length} bytes.`,
      "The file may be cut off.",
    );
  array.content = numpyArray(type.type, array.shape, () => bytes, array.columnMajor);
}

/** Types nest and may share their parts, so that few bytes could name any number of fields. */
const MOST_FIELDS = 4096;

/** State of dtype: (version, byte order, subarray, names, fields, item size, alignment, flags[, metadata]). */
function typeWithState(type: NumpyType, state: unknown): NumpyType {
  if (!Array.isArray(state)) return type;
  const [, order, subarray, names, fields, itemSize] = state as unknown[];
  let result: NumpyType = { ...type, littleEndian: order !== ">" };
  if (typeof itemSize === "number" && itemSize > 0) result = { ...result, itemSize };
  if (Array.isArray(subarray)) {
    const [base, shape] = subarray as unknown[];
    if (base instanceof TypeDraft)
      result = { ...base.type, itemSize: result.itemSize, inner: checkedShape(shape) };
  }
  if (Array.isArray(names) && fields instanceof Map) {
    const list: NumpyField[] = [];
    for (const name of names as unknown[]) {
      const field = (fields as Map<unknown, unknown>).get(name);
      if (typeof name !== "string" || !Array.isArray(field)) continue;
      const [fieldType, offset] = field as unknown[];
      if (fieldType instanceof TypeDraft && typeof offset === "number")
        list.push({ name, type: fieldType.type, offset });
    }
    const leaves = list.reduce((sum, field) => sum + (field.type.leaves ?? 1), 0);
    if (leaves > MOST_FIELDS)
      throw new Failure("large-dtype", "A structured type has too many fields.", "The file is damaged.");
    result = { ...result, fields: list, leaves };
  }
  return result;
}

/** What a draft stands for once everything is read; other values are themselves. */
export function resolveDraft(draft: unknown): Value {
  if (draft instanceof ArrayDraft) {
    if (draft.objects !== undefined) return objectArray(draft.objects, draft.shape, draft.columnMajor);
    return draft.content ?? [];
  }
  if (draft instanceof OldText) {
    const text = draft.bytes.toString("utf8");
    return text.includes("\ufffd") ? draft.bytes.toString("latin1") : text;
  }
  if (draft instanceof NamedClass) return new StubDraft("type", [draft.name]);
  if (draft instanceof TypeDraft)
    return new StubDraft("numpy.dtype", [`${draft.type.kind}${draft.type.itemSize}`]);
  if (draft instanceof StorageDraft) {
    return storageArray(draft);
  }
  return draft as Value;
}
