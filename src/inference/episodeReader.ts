import { Failure } from "../model/failure";
import type { ModelKind, ScoreArray, ScoreSeries, SeriesLevel } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { InputRows } from "./episodeInputs";
import type { LoadedModel } from "./loadedModel";
import { named, type Alias } from "./modelKind";
import { stepsOf } from "./pictures/trajectoryFrames";
import { runRows } from "./rowRuns";
import type { ScoreContext } from "./scorer";
import { specText, type TensorSpec } from "./tensors";

/** What a model gave for one episode. */
export interface Found {
  readonly series: readonly Omit<ScoreSeries, keyof Base>[];
  readonly arrays: readonly Omit<ScoreArray, keyof Base>[];
}

/** What all results of one episode share. */
export interface Base {
  readonly trajectoryId: string;
  readonly modelPath: string;
  readonly modelKind: ModelKind;
  readonly provider: ScoreSeries["provider"];
}

/** Reads one episode with a model. @throws Failure in one sentence */
export type EpisodeReader = (
  model: LoadedModel,
  trajectory: Trajectory,
  context: ScoreContext,
) => Promise<Found>;

/** The output of a quantity, or the only one. @throws Failure `model-does-not-fit` */
export function output(model: LoadedModel, alias: Alias): TensorSpec {
  const { outputs } = model.session;
  const found = named(outputs, alias) ?? (outputs.length === 1 ? outputs[0] : undefined);
  if (found) return found;
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} has several outputs (${outputs.map(specText).join("; ")}) and none goes by a known name for its kind.`,
    "Rename the output when exporting.",
  );
}

/** A series of one number a step. */
export const stepSeries = (
  name: string,
  unit: string,
  values: Float64Array,
  method: string,
): Omit<ScoreSeries, keyof Base> => ({
  name,
  level: "step",
  unit,
  values,
  method,
});

/** A table of one row a step or observation. */
export const table = (name: string, rows: InputRows, method: string): Omit<ScoreArray, keyof Base> => ({
  name,
  level: "step" as SeriesLevel,
  rows: rows.rows,
  width: rows.width,
  data: rows.data,
  method,
});

/** One number a step; NaN for steps without one. */
export const perStep = (
  trajectory: Trajectory,
  value: (step: number) => number,
  count: number,
): Float64Array => Float64Array.from({ length: stepsOf(trajectory) }, (_, i) => (i < count ? value(i) : NaN));

/** Mean squared difference of one row of two tables. */
export function rowError(a: Float64Array, b: Float64Array, row: number, width: number): number {
  let sum = 0;
  for (let i = row * width; i < (row + 1) * width; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / width;
}

/** Rows from the second one on: what came next. */
export const shift = ({ rows, width, data }: InputRows): InputRows => ({
  rows: rows - 1,
  width,
  data: data.subarray(width),
});

/** Runs a model over all rows of an episode. */
export async function run(
  model: LoadedModel,
  inputs: readonly { readonly alias: Alias; readonly rows: InputRows }[],
  wanted: readonly TensorSpec[],
  context: ScoreContext,
): Promise<ReadonlyMap<string, InputRows>> {
  return runRows(
    model,
    inputs.map(({ alias, rows }) => ({ spec: named(model.session.inputs, alias)!, rows })),
    wanted,
    context,
  );
}

/** The sentence for an output of another width than the episode has. */
export function wrongWidth(model: LoadedModel, spec: TensorSpec, found: number, wanted: number): Failure {
  return new Failure(
    "shape-mismatch",
    `${model.files.name} gives ${found} numbers a row as ${spec.name}; the episode has ${wanted}.`,
    "Choose the model that was trained on this environment.",
  );
}
