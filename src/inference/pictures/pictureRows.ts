import { Failure } from "../../model/failure";
import type { Trajectory } from "../../model/trajectory";
import { declaredWidth, observationRows, type InputRows } from "../episodeInputs";
import type { LoadedModel } from "../loadedModel";
import type { ScoreContext } from "../scorer";
import { specText } from "../tensors";
import { loadPictureProcessor } from "./pictureProcessor";
import { pixelLayout } from "./pixelInputs";
import { framesOf, hasFrames, mediaFolders, stepsOf } from "./trajectoryFrames";

/** Numbers that the pictures of one trajectory may take at once (as float64): 2 GiB. */
const MOST_VALUES = 2 ** 28;

/** Observations of a trajectory, and the steps that they belong to. */
export interface Observations {
  readonly rows: InputRows;
  /** Step of each row; undefined = row i is step i, as in columns. */
  readonly steps: readonly number[] | undefined;
  /** How they were read, where that is not plain. */
  readonly note: string;
}

/**
 * What a model of observations reads: the columns of numbers, or, for an input of [batch, channels, height, width] and a
 * trajectory that shows pictures and has no columns of that size, its pictures.
 * @throws Failure as `observationRows`, or in one sentence about the pictures
 */
export async function observationsOf(
  model: LoadedModel,
  trajectory: Trajectory,
  context: ScoreContext,
): Promise<Observations> {
  const layout = pixelLayout(model.session.inputs, "observation");
  const recorded = trajectory.columns?.columns.filter((column) => column.role === "observation") ?? [];
  const fits = layout && recorded.some((column) => column.width === declaredWidth(layout.spec));
  if (!layout || layout.order !== "CHW" || fits || !hasFrames(trajectory))
    return { rows: observationRows(model, trajectory), steps: undefined, note: "" };
  const width = declaredWidth(layout.spec);
  if (width === undefined)
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} takes ${specText(layout.spec)} without a fixed size, so pictures cannot be fitted to it.`,
      "Export it with a fixed number of channels, height and width.",
    );
  const processor = await loadPictureProcessor(model.files, layout, true);
  const frames = await framesOf(trajectory, {
    folders: mediaFolders(trajectory, context.mediaRoots),
    most: model.files.config?.trajectory_lens?.frames,
    signal: context.signal,
  });
  const blocks: Float32Array[] = [];
  const steps: number[] = [];
  for await (const frame of frames.frames) {
    const { data } = await processor.pixels(await frame.read());
    if (data.length !== width)
      throw new Failure(
        "shape-mismatch",
        `${model.files.name} takes ${specText(layout.spec)}; its preprocessor makes pictures of ${data.length} numbers.`,
        "Use the preprocessor_config.json that belongs to the model.",
      );
    if ((blocks.length + 1) * width > MOST_VALUES)
      throw new Failure(
        "too-long",
        `More than ${blocks.length} pictures of ${width} numbers are too large to be read at once.`,
        "Declare fewer frames for the model (frames).",
      );
    steps.push(frame.step ?? blocks.length);
    blocks.push(data);
  }
  const data = new Float64Array(blocks.length * width);
  blocks.forEach((block, row) => data.set(block, row * width));
  return {
    rows: { rows: blocks.length, width, data },
    steps,
    note: `; ${frames.method}; ${processor.method}`,
  };
}

/**
 * A row for every step, for models that put observations beside actions or beside each other.
 * @throws Failure as `observationsOf`, or when some steps show no picture
 */
export async function everyObservation(
  model: LoadedModel,
  trajectory: Trajectory,
  context: ScoreContext,
): Promise<InputRows> {
  const { rows, steps } = await observationsOf(model, trajectory, context);
  const count = stepsOf(trajectory);
  if (steps === undefined || (steps.length === count && steps.every((step, row) => step === row)))
    return rows;
  throw new Failure(
    "missing-pictures",
    `${new Set(steps).size} of the ${count} steps of trajectory ${trajectory.id} show a picture; a ${model.kind} model needs one at every step.`,
    "Choose a trajectory that shows all of them.",
  );
}

/** Rows of pictures as rows of steps, NaN for steps without a picture. */
export function rowsOfSteps(rows: InputRows, steps: readonly number[] | undefined, count: number): InputRows {
  if (steps === undefined) return rows;
  const total = Math.max(count, ...steps.map((step) => step + 1));
  const data = new Float64Array(total * rows.width).fill(NaN);
  steps.forEach((step, row) =>
    data.set(rows.data.subarray(row * rows.width, (row + 1) * rows.width), step * rows.width),
  );
  return { rows: total, width: rows.width, data };
}
