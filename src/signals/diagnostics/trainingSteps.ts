import type { Missing } from "../series/episode";
import { needHow, type DatasetRow, type SignalContext } from "../signal";

/** Rows of one training step, or of a dataset without any. */
export interface StepRows {
  readonly trainingStep: number | undefined;
  readonly rows: readonly DatasetRow[];
}

const known = new WeakMap<readonly DatasetRow[], readonly StepRows[]>();

/** The rows of the run by training step, in order; rows without one come first, together. */
export function rowsByStep(context: SignalContext): readonly StepRows[] | Missing {
  const { dataset } = context;
  if (!dataset || dataset.length === 0) return { missing: ["dataset"], how: needHow.dataset };
  const done = known.get(dataset);
  if (done) return done;
  const steps = new Map<number | undefined, DatasetRow[]>();
  for (const row of dataset) {
    const rows = steps.get(row.trainingStep);
    if (rows) rows.push(row);
    else steps.set(row.trainingStep, [row]);
  }
  const sorted = [...steps]
    .map(([trainingStep, rows]) => ({ trainingStep, rows }))
    .sort((a, b) => (a.trainingStep ?? -Infinity) - (b.trainingStep ?? -Infinity));
  known.set(dataset, sorted);
  return sorted;
}

/** Training steps of a run that has at least `least` of them, for what can only be seen over time. */
export function stepsOverTime(context: SignalContext, least: number): readonly StepRows[] | Missing {
  const steps = rowsByStep(context);
  if ("missing" in steps) return steps;
  const numbered = steps.filter(({ trainingStep }) => trainingStep !== undefined);
  return numbered.length >= least
    ? numbered
    : {
        missing: ["dataset"],
        how: `Needs at least ${least} training steps; the dataset records ${numbered.length}.`,
      };
}

/** Mean and standard error of what is recorded; NaN without any, error NaN for fewer than two. */
export function meanOf(values: readonly number[]): { mean: number; error: number; count: number } {
  const count = values.length;
  let sum = 0;
  for (const value of values) sum += value;
  const mean = count === 0 ? NaN : sum / count;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, error: count < 2 ? NaN : Math.sqrt(squares / (count - 1) / count), count };
}

/** First and last stretch of a run: a fifth of its steps each, at least one. */
export function ends<T>(steps: readonly T[]): { readonly first: readonly T[]; readonly last: readonly T[] } {
  const size = Math.max(1, Math.floor(steps.length / 5));
  return { first: steps.slice(0, size), last: steps.slice(-size) };
}

export const isNumber = (value: number | null | undefined): value is number =>
  typeof value === "number" && Number.isFinite(value);

/** "step 3" or "steps 3-7"; "the run" where it records no training steps. */
export function stepsText(steps: readonly StepRows[]): string {
  const numbered = steps.filter(({ trainingStep }) => trainingStep !== undefined);
  const from = numbered[0]?.trainingStep;
  const to = numbered.at(-1)?.trainingStep;
  if (from === undefined || to === undefined) return "the run";
  return from === to ? `step ${from}` : `steps ${from}-${to}`;
}
