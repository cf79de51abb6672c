import { Failure } from "../model/failure";
import type { ColumnRole, NumericColumn, NumericColumns, Trajectory } from "../model/trajectory";
import { named } from "./modelKind";
import { specText, type TensorSpec } from "./tensors";

/** What is known of a model that reads episodes, here or on a server. */
export interface EpisodeModel {
  readonly session: { readonly inputs: readonly TensorSpec[] };
  readonly files: { readonly name: string };
}

/** Rows of numbers for one input of a control model, row-major [rows, width]. */
export interface InputRows {
  readonly rows: number;
  readonly width: number;
  readonly data: Float64Array;
}

/** Numbers per row that an input declares; undefined when it leaves them free. */
export function declaredWidth(spec: TensorSpec): number | undefined {
  const sizes = spec.shape.slice(1);
  if (sizes.length === 0) return 1;
  return sizes.every((size): size is number => typeof size === "number")
    ? sizes.reduce((product, size) => product * size, 1)
    : undefined;
}

/** The episode's columns. @throws Failure `no-columns` for a trajectory of text */
export function columnsOf(trajectory: Trajectory): NumericColumns {
  if (!trajectory.columns) {
    throw new Failure(
      "no-columns",
      `Trajectory ${trajectory.id} has no columns of numbers, so a model of observations cannot read it.`,
      "Choose a language or reward model of text.",
    );
  }
  return trajectory.columns;
}

function columnOfRole(columns: NumericColumns, role: ColumnRole): readonly NumericColumn[] {
  return columns.columns.filter((column) => column.role === role);
}

/** The columns side by side, first `rows` rows. */
function joined(columns: readonly NumericColumn[], rows: number): InputRows {
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const data = new Float64Array(rows * width);
  let offset = 0;
  for (const column of columns) {
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < column.width; i++)
        data[row * width + offset + i] = column.data[row * column.width + i]!;
    }
    offset += column.width;
  }
  return { rows, width, data };
}

/**
 * Observations for a model's input, all rows that the file has (one more than steps where the last state is recorded).
 * Several observation columns are put side by side when their widths together are what the model takes.
 * @throws Failure `missing-column` or `shape-mismatch`, saying what the model takes and what the file has
 */
export function observationRows(model: EpisodeModel, trajectory: Trajectory): InputRows {
  const spec = named(model.session.inputs, "observation")!;
  const columns = columnOfRole(columnsOf(trajectory), "observation");
  if (columns.length === 0) throw missing(trajectory, "observation", spec);
  const wanted = declaredWidth(spec);
  const total = columns.reduce((sum, column) => sum + column.width, 0);
  const chosen =
    wanted === undefined || total === wanted
      ? columns
      : columns.filter((column) => column.width === wanted).slice(0, 1);
  if (chosen.length === 0) throw mismatch(model, spec, columns);
  return joined(chosen, Math.min(...chosen.map((column) => column.rows)));
}

/**
 * Actions for a model's input, one row a step. A discrete action (one whole number) becomes one-hot when the model
 * takes several numbers.
 * @throws Failure as `observationRows`
 */
export function actionRows(
  model: EpisodeModel,
  trajectory: Trajectory,
  spec: TensorSpec,
): { rows: InputRows; oneHot: boolean } {
  const columns = columnOfRole(columnsOf(trajectory), "action");
  if (columns.length === 0) throw missing(trajectory, "action", spec);
  const steps = columnsOf(trajectory).steps;
  const wanted = declaredWidth(spec);
  const all = joined(columns, Math.min(steps, ...columns.map((column) => column.rows)));
  if (wanted === undefined || all.width === wanted) return { rows: all, oneHot: false };
  if (all.width === 1 && all.data.every((value) => Number.isInteger(value) && value >= 0 && value < wanted)) {
    const data = new Float64Array(all.rows * wanted);
    all.data.forEach((action, row) => (data[row * wanted + action] = 1));
    return { rows: { rows: all.rows, width: wanted, data }, oneHot: true };
  }
  throw mismatch(model, spec, columns);
}

/** The action column as the file has it. @throws Failure `missing-column` */
export function recordedActions(trajectory: Trajectory): InputRows {
  const columns = columnOfRole(columnsOf(trajectory), "action");
  if (columns.length === 0)
    throw new Failure(
      "missing-column",
      `Trajectory ${trajectory.id} has no actions, so their log-probability cannot be told.`,
      "Score it with a value model instead.",
    );
  return joined(columns, Math.min(columnsOf(trajectory).steps, ...columns.map((column) => column.rows)));
}

/** Flags of the steps after which the episode had ended. */
export function terminationRows(trajectory: Trajectory): InputRows {
  const columns = columnsOf(trajectory);
  const data = new Float64Array(columns.steps);
  for (const column of columnOfRole(columns, "terminated"))
    for (let step = 0; step < columns.steps; step++) data[step] = column.data[step]! ? 1 : 0;
  return { rows: columns.steps, width: 1, data };
}

function missing(trajectory: Trajectory, role: string, spec: TensorSpec): Failure {
  const there = trajectory.columns!.columns.map((column) => column.name).join(", ");
  return new Failure(
    "missing-column",
    `The model takes ${specText(spec)}, but trajectory ${trajectory.id} has no ${role} column (it has ${there || "none"}).`,
    "Choose a model that needs what the file records.",
  );
}

function mismatch(model: EpisodeModel, spec: TensorSpec, columns: readonly NumericColumn[]): Failure {
  const there = columns.map((column) => `${column.name} of ${column.width}`).join(", ");
  return new Failure(
    "shape-mismatch",
    `${model.files.name} takes ${specText(spec)}: ${declaredWidth(spec)} numbers a step; the episode has ${there}.`,
    "Choose the model that was trained on this environment.",
  );
}
