import type { PlainStub, PlainValue } from "../../model/plain";
import type { NumpyType } from "./numpyType";

/** A class or function that a pickle names. It is a name and nothing more: nothing is looked up or called. */
export class NamedClass {
  constructor(readonly name: string) {}
}

/** An object under construction, of a class that is not built. */
export class StubDraft implements PlainStub {
  readonly kind = "stub";
  state: PlainValue = null;
  items: PlainValue[] = [];
  entries = new Map<PlainValue, PlainValue>();

  constructor(
    readonly className: string,
    public args: readonly PlainValue[],
  ) {}
}

/** A dtype; its byte order arrives after it was created. */
export class TypeDraft {
  constructor(public type: NumpyType) {}
}

/** A NumPy array; its content arrives after it was created. */
export class ArrayDraft {
  /** Flat elements of an object array. */
  objects: PlainValue[] | undefined;
  columnMajor = false;
  shape: readonly number[] = [0];
  /** Set for arrays of numbers and texts. */
  content: PlainValue | undefined;
}

/** Text of Python 2, which is bytes: ASCII never becomes one. */
export class OldText {
  constructor(readonly bytes: Buffer) {}
}

/** Elements of a torch storage, which tensors are views of. */
export class StorageDraft {
  constructor(
    /** Element type as torch names it: `float32`, `bfloat16`, ... */
    readonly type: string,
    readonly bytes: () => Uint8Array,
    readonly littleEndian: boolean,
  ) {}
}
