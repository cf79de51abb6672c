/** Any value of a golden file after "NaN" and "Infinity" strings became numbers. */
export type Golden =
  number | string | boolean | null | undefined | readonly Golden[] | { readonly [key: string]: Golden };

/** One case of a golden file: a call of the authors' function, and what it returned. */
export interface GoldenCase {
  readonly name: string;
  /** The authors' function (or block of a file) that returned the numbers. */
  readonly fn: string;
  /** Its arguments. */
  readonly inputs: Inputs;
  readonly expected: Golden;
  readonly variant?: string;
  readonly note?: string;
  /** The whole case as the file has it. */
  readonly raw: { readonly [key: string]: Golden };
  /** The file around it. */
  readonly file: { readonly [key: string]: Golden };
}

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** Maps the authors' function arguments of one golden file onto the public signals. */
export interface Adapter {
  /** Default: float32 files 1e-5, float64 files 1e-9. */
  readonly tolerance?: Tolerance | ((golden: GoldenCase, path: string) => Tolerance);
  /** True keeps strings such as "NaN" as they are. */
  readonly text?: boolean;
  /** Returns what the function returned; throws a Refusal-like error where the authors' code raises. */
  run(golden: GoldenCase): unknown;
}

/** Arguments of a golden case with checked access. */
export class Inputs {
  constructor(readonly values: { readonly [key: string]: Golden }) {}

  has(name: string): boolean {
    return this.values[name] !== undefined;
  }

  get(name: string): Golden {
    return this.values[name];
  }

  number(name: string, standard?: number): number {
    const value = this.values[name] ?? standard;
    if (typeof value !== "number") throw new InputError(name, "a number");
    return value;
  }

  flag(name: string, standard?: boolean): boolean {
    const value = this.values[name] ?? standard;
    if (typeof value === "number") return value !== 0;
    if (typeof value !== "boolean") throw new InputError(name, "true or false");
    return value;
  }

  text(name: string, standard?: string): string {
    const value = this.values[name] ?? standard;
    if (typeof value !== "string") throw new InputError(name, "text");
    return value;
  }

  texts(name: string): readonly string[] {
    return list(this.values[name], name).map((value) => String(value));
  }

  list(name: string): readonly Golden[] {
    return list(this.values[name], name);
  }

  object(name: string): { readonly [key: string]: Golden } {
    const value = this.values[name];
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new InputError(name, "an object");
    return value as { readonly [key: string]: Golden };
  }

  /** [T] numbers; booleans count as 0 and 1. */
  vector(name: string): Float64Array {
    return vector(this.values[name], name);
  }

  /** [N][T] numbers; rows may differ in length. */
  matrix(name: string): readonly Float64Array[] {
    return list(this.values[name], name).map((row) => vector(row, name));
  }
}

/** The case cannot be mapped: a fault of the adapter or a new kind of argument, never of the signal. */
export class InputError extends Error {
  constructor(name: string, wanted: string) {
    super(`input "${name}" is not ${wanted}`);
    this.name = "InputError";
  }
}

/** A case that names a file outside the repository which is not there: skipped, with the sentence as its message. */
export class AbsentFile extends Error {
  constructor(path: string) {
    super(`needs ${path}`);
    this.name = "AbsentFile";
  }
}

export function list(value: Golden, name = "value"): readonly Golden[] {
  if (!Array.isArray(value)) throw new InputError(name, "a list");
  return value;
}

export function vector(value: Golden, name = "value"): Float64Array {
  return Float64Array.from(list(value, name), (entry) => {
    if (typeof entry === "boolean") return entry ? 1 : 0;
    if (typeof entry !== "number") throw new InputError(name, "a list of numbers");
    return entry;
  });
}
