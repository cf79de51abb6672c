import { Failure } from "../model/failure";
import type { Trajectory } from "../model/trajectory";
import { activationOf, activationText, squash } from "./activation";
import { stepSeries, table, wrongWidth, type Found } from "./episodeReader";
import type { LoadedModel } from "./loadedModel";
import { named } from "./modelKind";
import { loadPictureProcessor } from "./pictures/pictureProcessor";
import { runClip, runFrames, type PixelOutput } from "./pictures/pixelBatches";
import { readsClips, type PixelLayout } from "./pictures/pixelInputs";
import { framesOf, mediaFolders, stepsOf, type Frames } from "./pictures/trajectoryFrames";
import type { ScoreContext } from "./scorer";
import { specText, type TensorSpec } from "./tensors";

function rewardOutput(model: LoadedModel): TensorSpec {
  const declared = model.files.config?.trajectory_lens?.output;
  const found =
    declared === undefined
      ? (named(model.session.outputs, "reward") ?? model.session.output("logits") ?? model.session.outputs[0])
      : model.session.output(declared);
  if (found) return found;
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} has no output ${declared}; it has ${model.session.outputs.map(specText).join("; ")}.`,
    "Name the output with the reward in its declaration.",
  );
}

/** @throws Failure `nan-output` */
function checked(model: LoadedModel, values: Float64Array): Float64Array {
  if (!values.some(Number.isNaN)) return values;
  throw new Failure(
    "nan-output",
    `${model.files.name} returned NaN, so its rewards are not used.`,
    "Check the model's weights.",
  );
}

/** One reward of the numbers that the model gave for a picture or a clip. @throws Failure for more than two numbers */
function rewardOf(model: LoadedModel, spec: TensorSpec, { data }: PixelOutput): number {
  if (data.length !== 1 && data.length !== 2) throw wrongWidth(model, spec, data.length, 1);
  return squash(checked(model, data), 0, data.length, activationOf(model, data.length));
}

/** One number a step at the steps of the frames; the last frame counts where a step has several. */
function onSteps(
  trajectory: Trajectory,
  steps: readonly (number | undefined)[],
  values: Float64Array,
): Float64Array {
  const out = new Float64Array(stepsOf(trajectory)).fill(NaN);
  steps.forEach((step, at) => {
    if (step !== undefined && step < out.length) out[step] = values[at]!;
  });
  return out;
}

/**
 * Rewards of what a trajectory shows. A model of clips ([batch, time, channels, height, width]) gives one reward of all
 * frames or one a frame; a model of pictures ([batch, channels, height, width]) one a frame, and their mean for the whole.
 */
export async function readPictureRewards(
  model: LoadedModel,
  layout: PixelLayout,
  trajectory: Trajectory,
  context: ScoreContext,
): Promise<Found> {
  const spec = rewardOutput(model);
  const processor = await loadPictureProcessor(model.files, layout, true);
  const frames = await framesOf(trajectory, {
    folders: mediaFolders(trajectory, context.mediaRoots),
    most: layout.frames ?? model.files.config?.trajectory_lens?.frames,
    signal: context.signal,
  });
  const how = `; ${frames.method}; ${processor.method}`;
  if (!readsClips(layout)) {
    const known = new Map<string, number>();
    let labels = 1;
    const read = (found: PixelOutput): number => {
      labels = found.data.length;
      return rewardOf(model, spec, found);
    };
    const wanted = { output: spec.name, read, known };
    const seen = await runFrames(model, layout, processor, frames, wanted, context);
    const values = Float64Array.from(seen, ({ key }) => known.get(key)!);
    const squashed = activationText[activationOf(model, labels)];
    return perFrame(
      trajectory,
      frames,
      seen.map(({ step }) => step),
      values,
      `reward of each frame, ${squashed}${how}`,
      true,
    );
  }
  const { output, steps } = await runClip(model, layout, processor, frames, spec.name, context);
  const whole = output.data.length !== steps.length || (output.data.length === 1 && steps.length === 1);
  if (!whole)
    return perFrame(
      trajectory,
      frames,
      steps,
      checked(model, output.data),
      `reward of each frame, the whole clip read at once${how}`,
      false,
    );
  const values = Float64Array.of(rewardOf(model, spec, output));
  const method = `one reward of a clip of ${steps.length} frames, ${activationText[activationOf(model, output.data.length)]}${how}`;
  return {
    series: [{ name: "reward", level: "trajectory", unit: "reward", values, method }],
    arrays: [table("video_reward", { rows: 1, width: 1, data: values }, method)],
  };
}

function perFrame(
  trajectory: Trajectory,
  frames: Frames,
  steps: readonly (number | undefined)[],
  values: Float64Array,
  method: string,
  withMean: boolean,
): Found {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const perStep =
    frames.level === "step"
      ? [stepSeries("reward", "reward", onSteps(trajectory, steps, values), method)]
      : [];
  return {
    series:
      perStep.length > 0 && !withMean
        ? perStep
        : [
            ...perStep,
            {
              name: "video_reward",
              level: "trajectory",
              unit: "reward",
              values: Float64Array.of(mean),
              method: `mean over ${values.length} frames of the ${method}`,
            },
          ],
    arrays: [table("video_reward", { rows: values.length, width: 1, data: values }, method)],
  };
}
