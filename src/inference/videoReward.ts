import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import { breathe } from "./breathe";
import { columnsOf } from "./episodeInputs";
import { readPictureRewards } from "./pictureRewards";
import { pixelLayout, type PixelLayout } from "./pictures/pixelInputs";
import { perStep, stepSeries, table, wrongWidth, type EpisodeReader } from "./episodeReader";
import { named } from "./modelKind";
import { asFloats, specText, tensorOf } from "./tensors";

/**
 * Rewards of a whole clip: frames are the pictures or the video of the trajectory where the model takes pictures, else the
 * rows of the observation columns, all at once.
 */
export const readVideo: EpisodeReader = async (model, trajectory, context) => {
  const layout = pixelLayout(model.session.inputs);
  const recorded = trajectory.columns?.columns.some(
    (column) => column.role === "observation" && layout && column.width === pictureWidth(layout),
  );
  if (layout && !recorded) return readPictureRewards(model, layout, trajectory, context);
  const spec = named(model.session.inputs, "frames");
  if (!spec)
    throw new Failure(
      "no-pictures",
      `${model.files.name} rewards single pictures; columns of numbers are read by models of clips.`,
      "Choose a trajectory that shows pictures.",
    );
  const columns = columnsOf(trajectory).columns.filter((column) => column.role === "observation");
  const wanted = spec.shape.slice(2);
  const size = wanted.every((n): n is number => typeof n === "number")
    ? wanted.reduce((product, n) => product * n, 1)
    : undefined;
  const column = columns.find((one) => size === undefined || one.width === size);
  if (!column)
    throw new Failure(
      "shape-mismatch",
      `${model.files.name} takes frames as ${specText(spec)}; the episode has observations ${columns.map((one) => `${one.name} [${one.rows}, ${one.width}]`).join("; ") || "none"}.`,
      "Choose an episode whose frames (or their features) are recorded as a column of that width.",
    );
  await breathe(context.signal);
  const length = spec.shape[1];
  const rows = typeof length === "number" ? length : column.rows;
  if (column.rows < rows)
    throw new Failure(
      "too-short",
      `${model.files.name} takes clips of ${rows} frames; the episode has ${column.rows}.`,
      "Choose a longer episode.",
    );
  // A fixed clip length reads the end of the episode, where its outcome is seen.
  const start = column.rows - rows;
  const dims = [1, rows, ...(size === undefined ? [column.width] : (wanted as number[]))];
  const data = column.data.subarray(start * column.width);
  const outputSpec = named(model.session.outputs, "reward") ?? model.session.outputs[0]!;
  const outputs = await model.session.run(
    { [spec.name]: tensorOf(model.session.runtime, spec.type, data, dims) as Tensor },
    [outputSpec.name],
  );
  const values = Float64Array.from(asFloats(outputs[outputSpec.name]!));
  if (values.some(Number.isNaN))
    throw new Failure(
      "nan-output",
      `${model.files.name} returned NaN, so its rewards are not used.`,
      "Check the model's weights.",
    );
  const cut = start > 0 ? `, the first ${start} of ${column.rows} frames left out (fixed clip length)` : "";
  if (values.length === 1)
    return {
      series: [
        { name: "reward", level: "trajectory", unit: "reward", values, method: `one reward a clip${cut}` },
      ],
      arrays: [table("video_reward", { rows: 1, width: 1, data: values }, `one reward a clip${cut}`)],
    };
  if (values.length !== rows) throw wrongWidth(model, outputSpec, values.length, rows);
  return {
    series: [
      stepSeries(
        "reward",
        "reward",
        perStep(trajectory, (i) => (i >= start ? values[i - start]! : NaN), column.rows),
        `reward of each frame, the whole clip read at once${cut}`,
      ),
    ],
    arrays: [table("video_reward", { rows, width: 1, data: values }, `reward of each frame${cut}`)],
  };
};

/** Numbers of one picture, where the input fixes them. */
const pictureWidth = ({ channels, height, width }: PixelLayout): number | undefined =>
  channels === undefined || height === undefined || width === undefined
    ? undefined
    : channels * height * width;
