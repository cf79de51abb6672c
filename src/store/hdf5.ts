import type { Attribute, Dataset, File as H5File, Group as H5Group } from "h5wasm/node";
import type * as H5Wasm from "h5wasm/node";
import type { Hdf5Group } from "../formats/format";
import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";

type Library = typeof H5Wasm;

/** HDF5's type classes of integers, floats and enumerations; booleans are enumerations of two. */
const NUMERIC_CLASSES: ReadonlySet<number> = new Set([0, 1, 8]);

let loaded: Promise<Library> | undefined;

/** h5wasm, loaded at first use. */
function library(): Promise<Library> {
  loaded ??= import("h5wasm/node").then(async (module) => {
    const { activate_throwing_error_handler: throwErrors } = (await module.ready) as unknown as {
      activate_throwing_error_handler?: () => number;
    };
    // Otherwise HDF5 prints its error stack on stderr and goes on.
    throwErrors?.();
    return module;
  });
  return loaded;
}

export interface OpenHdf5 {
  readonly root: Hdf5Group;
  close(): void;
}

/** Opens an HDF5 file for reading. @throws Failure when it cannot be opened, for example while it is being written */
export async function openHdf5(path: string): Promise<OpenHdf5> {
  const module = await library();
  let file: H5File;
  try {
    file = new module.File(path, "r");
    if (file.file_id < 0n) throw new Error("not an HDF5 file, or open for writing elsewhere");
  } catch (error) {
    throw new Failure(
      "unreadable-hdf5",
      `${path} cannot be opened as HDF5: ${/truncated file/.test(reasonOf(error)) ? "it is shorter than its own header says" : reasonOf(error)}.`,
      "It may be cut off or still open for writing; it is read again when it changes.",
    );
  }
  return { root: new LazyGroup(module, file), close: () => file.close() };
}

/** An HDF5 group that reads nothing before it is asked, and nothing twice. */
class LazyGroup implements Hdf5Group {
  private children: { readonly groups: string[]; readonly datasets: string[] } | undefined;
  private datasetNames: ReadonlySet<string> | undefined;
  private ownAttributes: JsonObject | undefined;
  private readonly opened = new Map<string, Dataset | undefined>();
  private readonly read = new Map<string, Float32Array | Float64Array | undefined>();

  constructor(
    private readonly module: Library,
    private readonly inner: H5Group,
  ) {}

  get name(): string {
    return this.inner.path.split("/").at(-1) ?? "";
  }

  get attributes(): JsonObject {
    return guarded(() => this.readAttributes());
  }

  private readAttributes(): JsonObject {
    if (this.ownAttributes !== undefined) return this.ownAttributes;
    const attributes: Record<string, JsonValue> = {};
    for (const [name, attribute] of Object.entries(this.inner.attrs)) {
      const value = attributeValue(attribute);
      if (value !== undefined) attributes[name] = value;
    }
    this.ownAttributes = attributes;
    return attributes;
  }

  get groups(): readonly string[] {
    return guarded(() => this.list()).groups;
  }

  get datasets(): readonly string[] {
    return guarded(() => this.list()).datasets;
  }

  private list(): { readonly groups: string[]; readonly datasets: string[] } {
    if (this.children === undefined) {
      const groups: string[] = [];
      const datasets: string[] = [];
      for (const key of this.inner.keys().sort(byNumber)) {
        // Types are told by number: 0 = group, 1 = dataset; links elsewhere are not followed.
        const type = this.typeOf(key);
        if (type === 0) groups.push(key);
        else if (type === 1) datasets.push(key);
      }
      this.children = { groups, datasets };
    }
    return this.children;
  }

  /** The library resolves names from the file's root, not from the group. */
  private typeOf(name: string): number {
    return this.inner.get_type(`${this.inner.path === "/" ? "" : this.inner.path}/${name}`);
  }

  group(name: string): Hdf5Group | undefined {
    if (name === "/") return this;
    const child = guarded(() => (this.typeOf(name) === 0 ? this.inner.get(name) : undefined));
    return child instanceof this.module.Group ? new LazyGroup(this.module, child) : undefined;
  }

  private dataset(name: string): Dataset | undefined {
    if (this.opened.has(name)) return this.opened.get(name);
    this.datasetNames ??= new Set(this.datasets);
    const child = this.datasetNames.has(name) ? guarded(() => this.inner.get(name)) : undefined;
    const dataset = child instanceof this.module.Dataset ? child : undefined;
    this.opened.set(name, dataset);
    return dataset;
  }

  shape(name: string): readonly number[] | undefined {
    return guarded(() => this.dataset(name)?.shape) ?? undefined;
  }

  numeric(name: string): boolean {
    const type = guarded(() => this.dataset(name)?.metadata.type);
    return type !== undefined && NUMERIC_CLASSES.has(type);
  }

  numbers(name: string): Float32Array | Float64Array | undefined {
    if (!this.read.has(name)) this.read.set(name, this.readNumbers(name));
    return this.read.get(name);
  }

  numberRows(name: string, start: number, end: number): Float32Array | Float64Array | undefined {
    const dataset = this.dataset(name);
    const [rows, ...inner] = this.shape(name) ?? [];
    if (dataset === undefined || rows === undefined) return undefined;
    const to = Math.min(end, rows);
    if (start >= to) return new Float64Array(0);
    if (start === 0 && to === rows) return this.numbers(name);
    return guarded(() =>
      numbersOf(dataset.slice([[start, to], ...inner.map((size): [number, number] => [0, size])])),
    );
  }

  private readNumbers(name: string): Float32Array | Float64Array | undefined {
    const dataset = this.dataset(name);
    return dataset === undefined ? undefined : guarded(() => numbersOf(dataset.value));
  }

  strings(name: string): readonly string[] | undefined {
    const value: unknown = guarded(() => this.dataset(name)?.value);
    if (typeof value === "string") return [value];
    return Array.isArray(value) && value.every((item) => typeof item === "string")
      ? (value as string[])
      : undefined;
  }
}

/** What the library stumbles over in a damaged file is the file's fault, in one sentence. */
function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      "damaged-hdf5",
      `A part of the HDF5 file cannot be read: ${reasonOf(error)}.`,
      "The file may be cut off or damaged; write it again.",
    );
  }
}

/** Numbers of whatever the library read; undefined when they are none. */
function numbersOf(value: unknown): Float32Array | Float64Array | undefined {
  if (value instanceof Float32Array || value instanceof Float64Array) return value;
  if (value instanceof BigInt64Array || value instanceof BigUint64Array)
    return Float64Array.from(value, Number);
  if (ArrayBuffer.isView(value)) return Float64Array.from(value as Uint8Array);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return Float64Array.of(Number(value));
  // Booleans come as a list of 0 and 1, or of true and false.
  if (Array.isArray(value) && value.every((item) => typeof item === "boolean" || typeof item === "number"))
    return Float64Array.from(value, Number);
  return undefined;
}

function attributeValue(attribute: Attribute): JsonValue | undefined {
  const value: unknown = attribute.value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Array.from(value, Number);
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array);
  if (Array.isArray(value)) return value as JsonValue;
  return undefined;
}

/** The innermost line of HDF5's error stack says most. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return (lines.findLast((line) => /^#\d+/.test(line)) ?? lines[0] ?? "unknown reason")
    .replace(/^.*?\(\): /, "")
    .slice(0, 200);
}

/** `episode_2` before `episode_10`. */
function byNumber(left: string, right: string): number {
  return left.localeCompare(right, "en", { numeric: true });
}
