import type { NumericColumn } from "../../model/trajectory";
import { symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { missing, rowsOf, stepCount, stepNumbers, type Row } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { Need, Parameter, ParameterValues, SignalContext } from "../signal";

/** A parameter that names a column, a field of the steps, or an input of another model. */
export const nameParameter = (name: string, description: string, standard: string): Parameter => ({
  name,
  description: `${description} Name of a column, of a field of the steps, or of a model's series.`,
  type: "string",
  default: standard,
});

/** The number per step that a parameter names, [T]; undefined when nothing of that name is there. */
export function namedNumbers(
  context: SignalContext,
  parameters: ParameterValues,
  parameter: string,
): Float64Array | undefined {
  const name = textOf(parameters, parameter).trim();
  return name === "" ? undefined : stepNumbers(context, [name]);
}

/** The same, or how to get it. */
export function neededNumbers(
  context: SignalContext,
  parameters: ParameterValues,
  parameter: string,
  need: Need,
  what: string,
): Float64Array | Missing {
  return (
    namedNumbers(context, parameters, parameter) ??
    missing(
      need,
      `Needs ${what} at every step: a column, step field or model series named "${textOf(parameters, parameter)}" (parameter ${parameter}).`,
    )
  );
}

/**
 * A vector per step by name: an input of another model, a column of the episode, or the numbers of a column whose labels
 * begin with the name and a dot (`ball.position.x`); undefined when none of them is there.
 */
export function stepVectors(context: SignalContext, name: string): readonly Row[] | undefined {
  const array = context.inputs?.arrays?.[name];
  if (array && array.rows > 0) return rowsOf(array);
  const steps = stepCount(context.trajectory);
  const whole = ({ rows }: NumericColumn): boolean => rows > 0 && rows >= steps;
  const columns = context.trajectory.columns?.columns.filter(whole) ?? [];
  const column = columns.find((candidate) => candidate.name === name);
  if (column) return rowsOf(column);
  for (const candidate of columns) {
    const places = (candidate.labels ?? []).flatMap((label, d) => (label.startsWith(`${name}.`) ? [d] : []));
    if (places.length === 0) continue;
    return rowsOf(candidate).map((row) => Float64Array.from(places, (d) => row[d]!));
  }
  return undefined;
}

/** The observations of a numeric episode, one row a step and, where it is recorded, the last one, [T or T+1][D]. */
export function observationRows(context: SignalContext): readonly Row[] | undefined {
  const column = context.trajectory.columns?.columns.find(({ role }) => role === "observation");
  return column && column.rows > 0 ? rowsOf(column) : undefined;
}

/** A symbol that stands at a step and leads there: `r_3`. */
export function stepSymbol(
  context: SignalContext,
  name: string,
  step: number,
  value: number,
  meaning: string,
): Expression {
  return symbol(`${name}_${step}`, value, `${meaning} at step ${step}`, {
    trajectoryId: context.trajectory.id,
    stepIndex: step,
  });
}

/** Whole numbers such as states and actions of a table, or the first that is none. */
export function indicesOf(
  values: ArrayLike<number>,
  below: number,
): readonly number[] | { readonly bad: number } {
  const out: number[] = [];
  for (let t = 0; t < values.length; t++) {
    const value = values[t]!;
    if (!Number.isInteger(value) || value < 0 || value >= below) return { bad: t };
    out.push(value);
  }
  return out;
}
