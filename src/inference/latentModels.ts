import { Failure } from "../model/failure";
import type { Trajectory } from "../model/trajectory";
import type { InputRows } from "./episodeInputs";
import {
  output,
  perStep,
  rowError,
  run,
  stepSeries,
  table,
  wrongWidth,
  type EpisodeReader,
  type Found,
} from "./episodeReader";
import type { LoadedModel } from "./loadedModel";
import { named } from "./modelKind";
import { observationsOf, rowsOfSteps, type Observations } from "./pictures/pictureRows";
import { stepsOf } from "./pictures/trajectoryFrames";
import { runRows } from "./rowRuns";
import { specText, type TensorSpec } from "./tensors";

/** Reconstructions beside what was read, and their error, a row a step. */
function reconstructed(
  model: LoadedModel,
  spec: TensorSpec,
  trajectory: Trajectory,
  { rows: read, steps, note }: Observations,
  found: InputRows,
): Found {
  if (found.width !== read.width) throw wrongWidth(model, spec, found.width, read.width);
  const count = stepsOf(trajectory);
  const [rows, decoded] = [read, found].map((part) => rowsOfSteps(part, steps, count)) as [
    InputRows,
    InputRows,
  ];
  return {
    series: [
      stepSeries(
        "reconstruction_error",
        "squared error",
        perStep(trajectory, (i) => rowError(decoded.data, rows.data, i, rows.width), rows.rows),
        `mean squared difference of observation and reconstruction${note}`,
      ),
    ],
    arrays: [
      table("reconstructions", decoded, "reconstruction of each observation"),
      table("frames", rows, "observations as the model read them"),
    ],
  };
}

/** What a decoder alone makes of latent states. @throws Failure when it takes others */
async function decoded(
  decoder: LoadedModel,
  latent: InputRows,
  context: Parameters<EpisodeReader>[2],
): Promise<{ readonly spec: TensorSpec; readonly rows: InputRows }> {
  const { inputs } = decoder.session;
  const spec = named(inputs, "latent") ?? (inputs.length === 1 ? inputs[0] : undefined);
  const wanted = spec?.shape.at(-1);
  if (!spec || (typeof wanted === "number" && wanted !== latent.width))
    throw new Failure(
      "model-does-not-fit",
      `The decoder ${decoder.files.onnxPath} takes ${inputs.map(specText).join("; ")}; the encoder gives ${latent.width} numbers a row.`,
      "Put the decoder that was trained with this encoder beside it.",
    );
  const out = output(decoder, "reconstruction");
  return {
    spec: out,
    rows: (await runRows(decoder, [{ spec, rows: latent }], [out], context)).get(out.name)!,
  };
}

/**
 * Latent states; a row for every recorded observation, or for every step that shows a picture. With a decoder beside it in
 * the folder, also how well each observation survives.
 */
export const readEncoder: EpisodeReader = async (model, trajectory, context) => {
  const spec = output(model, "latent");
  const observations = await observationsOf(model, trajectory, context);
  const { rows, steps, note } = observations;
  const got = (await run(model, [{ alias: "observation", rows }], [spec], context)).get(spec.name)!;
  const method = `latent state of each observation${note}`;
  const latent = rowsOfSteps(got, steps, stepsOf(trajectory));
  const arrays = [table("embeddings", latent, method), table("latent", latent, method)];
  if (!context.companion) return { series: [], arrays };
  const back = await decoded(context.companion, got, context);
  const found = reconstructed(context.companion, back.spec, trajectory, observations, back.rows);
  return { series: found.series, arrays: [...arrays, ...found.arrays] };
};

/** How well an observation survives its own bottleneck. */
export const readAutoencoder: EpisodeReader = async (model, trajectory, context) => {
  const spec = output(model, "reconstruction");
  const latent = named(model.session.outputs, "latent");
  const observations = await observationsOf(model, trajectory, context);
  const got = await run(
    model,
    [{ alias: "observation", rows: observations.rows }],
    latent ? [spec, latent] : [spec],
    context,
  );
  const found = reconstructed(model, spec, trajectory, observations, got.get(spec.name)!);
  if (!latent) return found;
  const states = rowsOfSteps(got.get(latent.name)!, observations.steps, stepsOf(trajectory));
  return {
    series: found.series,
    arrays: [...found.arrays, table("latent", states, "latent state of each observation")],
  };
};
