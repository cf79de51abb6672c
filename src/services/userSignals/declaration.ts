import * as v from "valibot";
import type { UserSignalDeclaration } from "../../protocol/userSignalCalls";
import { needHow, type Parameter, type Preset, type Signal, type SignalResult } from "../../signals/signal";

const scalar = v.union([v.number(), v.boolean(), v.string(), v.null()]);
const short = v.pipe(v.string(), v.maxLength(2_000));

const parameterSchema = v.object({
  name: v.pipe(short, v.regex(/^[A-Za-z_]\w*$/u)),
  description: v.optional(short, ""),
  type: v.picklist(["number", "integer", "boolean", "choice", "string"]),
  choices: v.optional(v.array(short)),
  minimum: v.optional(v.number()),
  maximum: v.optional(v.number()),
  default: scalar,
});

const presetSchema = v.object({
  id: v.pipe(short, v.regex(/^[a-z0-9-]+$/u)),
  title: short,
  values: v.record(v.string(), scalar),
  source: v.optional(short, ""),
});

const signalSchema = v.object({
  id: v.pipe(short, v.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/u, "must be lower-case words joined by -")),
  title: v.optional(short),
  level: v.optional(v.picklist(["token", "step", "trajectory", "group", "dataset"]), "step"),
  unit: v.optional(short, "as computed"),
  signed: v.optional(v.boolean(), true),
  needs: v.optional(v.array(v.picklist(Object.keys(needHow) as [string, ...string[]])), []),
  parameters: v.optional(v.array(parameterSchema), []),
  presets: v.optional(v.array(presetSchema), []),
  source: v.optional(short),
  description: v.optional(short, ""),
});

/**
 * Checks what a file exports as a signal.
 *
 * @throws Error with one sentence that names the field
 */
export function declarationOf(exported: object, path: string): UserSignalDeclaration {
  const parsed = v.safeParse(signalSchema, exported);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const field = issue.path?.map(({ key }) => String(key)).join(".") ?? "signal";
    throw new Error(`its field ${field} is not as a signal has it: ${issue.message}`);
  }
  const { id, title, source, ...rest } = parsed.output;
  return { ...rest, id: `user-${id}`, title: title ?? id, source: source ?? path, path };
}

/** A declaration as the catalogue holds signals. Its numbers come from the child that runs the file. */
export function signalOf(declaration: UserSignalDeclaration): Signal {
  return {
    id: declaration.id,
    title: declaration.title,
    family: "user",
    level: declaration.level,
    unit: declaration.unit,
    signed: declaration.signed,
    needs: declaration.needs as Signal["needs"],
    parameters: declaration.parameters as readonly Parameter[],
    presets: declaration.presets as readonly Preset[],
    source: declaration.source,
    description: declaration.description,
    compute: () => ({ missing: [], how: "A signal of the user's own is computed in a process of its own." }),
  };
}

const numbers = v.custom<ArrayLike<unknown>>((value) => Array.isArray(value) || ArrayBuffer.isView(value));
const resultSchema = v.object({
  level: v.optional(v.picklist(["token", "step", "trajectory", "pair", "group", "dataset"])),
  values: numbers,
  parts: v.optional(v.record(v.string(), numbers), {}),
  notes: v.optional(v.array(short), []),
});
const missingSchema = v.object({ missing: v.array(v.string()), how: short });

/**
 * What `compute` gave as a result: an array, a number, `{values, parts, notes}` or `{missing, how}`. undefined and null
 * entries are NaN, never 0.
 *
 * @throws Error with one sentence when it is none of these
 */
export function resultOf(given: unknown, level: UserSignalDeclaration["level"]): SignalResult {
  if (typeof given === "number") return { level, values: Float64Array.of(given), notes: [] };
  if (Array.isArray(given) || (ArrayBuffer.isView(given) && !(given instanceof DataView)))
    return { level, values: numbersOf(given as ArrayLike<unknown>), notes: [] };
  const missing = v.safeParse(missingSchema, given);
  if (missing.success) {
    const needs = missing.output.missing.filter((need) => Object.hasOwn(needHow, need));
    return { missing: needs as Signal["needs"], how: missing.output.how };
  }
  const parsed = v.safeParse(resultSchema, given);
  if (!parsed.success)
    throw new Error("compute must give an array of numbers, a number, {values, notes} or {missing, how}");
  const { values, parts, notes } = parsed.output;
  const own = numbersOf(values);
  return {
    level: parsed.output.level ?? level,
    values: own,
    parts: Object.fromEntries(
      Object.entries(parts).map(([name, part]) => {
        const series = numbersOf(part);
        if (series.length !== own.length)
          throw new Error(
            `the part ${name} has ${series.length} numbers where the values have ${own.length}`,
          );
        return [name, series];
      }),
    ),
    notes,
  };
}

function numbersOf(values: ArrayLike<unknown>): Float64Array {
  return Float64Array.from(values, (value) => {
    if (value === undefined || value === null) return NaN;
    if (typeof value === "number") return value;
    if (typeof value === "boolean" || typeof value === "bigint") return Number(value);
    throw new Error(
      `one of its values is ${typeof value === "string" ? "text" : `a ${typeof value}`}, not a number`,
    );
  });
}
