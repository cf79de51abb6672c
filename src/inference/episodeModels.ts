import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { ModelKind, ScoreArray, ScoreSeries, SeriesLevel } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { breathe } from "./causalPass";
import { actionRows, columnsOf, observationRows, recordedActions, type InputRows } from "./episodeInputs";
import type { LoadedModel } from "./loadedModel";
import { named, type Alias } from "./modelKind";
import { endsCall, sentenceOf } from "./preparedText";
import { runRows } from "./rowRuns";
import type { ScoreContext, Scorer } from "./scorer";
import { asFloats, specText, tensorOf, type TensorSpec } from "./tensors";

interface Found {
  readonly series: readonly Omit<ScoreSeries, keyof Base>[];
  readonly arrays: readonly Omit<ScoreArray, keyof Base>[];
}

interface Base {
  readonly trajectoryId: string;
  readonly modelPath: string;
  readonly modelKind: ModelKind;
  readonly provider: ScoreSeries["provider"];
}

type Reader = (model: LoadedModel, trajectory: Trajectory, context: ScoreContext) => Promise<Found>;

/** The output of a quantity, or the only one. @throws Failure `model-does-not-fit` */
function output(model: LoadedModel, alias: Alias): TensorSpec {
  const { outputs } = model.session;
  const found = named(outputs, alias) ?? (outputs.length === 1 ? outputs[0] : undefined);
  if (found) return found;
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} has several outputs (${outputs.map(specText).join("; ")}) and none goes by a known name for its kind.`,
    "Rename the output when exporting.",
  );
}

const step = (
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

const table = (name: string, rows: InputRows, method: string): Omit<ScoreArray, keyof Base> => ({
  name,
  level: "step" as SeriesLevel,
  rows: rows.rows,
  width: rows.width,
  data: rows.data,
  method,
});

/** One number a step; NaN for steps without one. */
const perStep = (trajectory: Trajectory, value: (step: number) => number, count: number): Float64Array =>
  Float64Array.from({ length: columnsOf(trajectory).steps }, (_, i) => (i < count ? value(i) : NaN));

/** Mean squared difference of one row of two tables. */
function rowError(a: Float64Array, b: Float64Array, row: number, width: number): number {
  let sum = 0;
  for (let i = row * width; i < (row + 1) * width; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / width;
}

const shift = ({ rows, width, data }: InputRows): InputRows => ({
  rows: rows - 1,
  width,
  data: data.subarray(width),
});

async function run(
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

/** Latent states; a row for every recorded observation. */
const readEncoder: Reader = async (model, trajectory, context) => {
  const spec = output(model, "latent");
  const got = await run(
    model,
    [{ alias: "observation", rows: observationRows(model, trajectory) }],
    [spec],
    context,
  );
  const method = "latent state of each observation";
  const latent = got.get(spec.name)!;
  return { series: [], arrays: [table("embeddings", latent, method), table("latent", latent, method)] };
};

/** How well an observation survives its own bottleneck. */
const readAutoencoder: Reader = async (model, trajectory, context) => {
  const spec = output(model, "reconstruction");
  const latent = named(model.session.outputs, "latent");
  const rows = observationRows(model, trajectory);
  const got = await run(model, [{ alias: "observation", rows }], latent ? [spec, latent] : [spec], context);
  const decoded = got.get(spec.name)!;
  if (decoded.width !== rows.width) throw wrongWidth(model, spec, decoded.width, rows.width);
  const method = "mean squared difference of observation and reconstruction";
  return {
    series: [
      step(
        "reconstruction_error",
        "squared error",
        perStep(trajectory, (i) => rowError(decoded.data, rows.data, i, rows.width), rows.rows),
        method,
      ),
    ],
    arrays: [
      table("reconstruction", decoded, "reconstruction of each observation"),
      ...(latent ? [table("latent", got.get(latent.name)!, "latent state of each observation")] : []),
    ],
  };
};

function wrongWidth(model: LoadedModel, spec: TensorSpec, found: number, wanted: number): Failure {
  return new Failure(
    "shape-mismatch",
    `${model.files.name} gives ${found} numbers a row as ${spec.name}; the episode has ${wanted}.`,
    "Choose the model that was trained on this environment.",
  );
}

/** Which action leads from one observation to the next, against the recorded one. */
const readInverse: Reader = async (model, trajectory, context) => {
  const rows = observationRows(model, trajectory);
  const logitSpec = named(model.session.outputs, "logits");
  const spec = logitSpec ?? output(model, "predictedAction");
  const inputs = [
    { alias: "observation" as const, rows: { ...rows, rows: rows.rows - 1 } },
    { alias: "nextObservation" as const, rows: shift(rows) },
  ];
  const predicted = (await run(model, inputs, [spec], context)).get(spec.name)!;
  const actions = recordedActions(trajectory);
  const count = Math.min(actions.rows, predicted.rows);
  const arrays = [table("predicted_action", predicted, `${spec.name} of each pair of observations`)];
  if (logitSpec && actions.width === 1) {
    const values = perStep(
      trajectory,
      (i) => {
        const row = predicted.data.subarray(i * predicted.width, (i + 1) * predicted.width);
        const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
        const logSum = max + Math.log(row.reduce((sum, value) => sum + Math.exp(value - max), 0));
        const action = actions.data[i]!;
        return Number.isInteger(action) && action >= 0 && action < row.length ? row[action]! - logSum : NaN;
      },
      count,
    );
    const method = `log-probability of the recorded action among ${predicted.width}, given both observations`;
    return { series: [step("inverse_logprob", "nats", values, method)], arrays };
  }
  if (actions.width !== predicted.width) throw wrongWidth(model, spec, predicted.width, actions.width);
  const error = perStep(trajectory, (i) => rowError(predicted.data, actions.data, i, actions.width), count);
  const method = "mean squared difference of predicted and recorded action";
  return { series: [step("inverse_error", "squared error", error, method)], arrays };
};

/** Predictions of the next observation by several members: how far they differ, and from what came. */
const readEnsemble: Reader = async (model, trajectory, context) => {
  const observations = observationRows(model, trajectory);
  const actions = actionRows(model, trajectory, named(model.session.inputs, "action")!).rows;
  const wanted = model.session.outputs.filter((spec) => /^(next|pred|mean|delta)/i.test(spec.name));
  const specs = wanted.length > 0 ? wanted : [output(model, "predictedNext")];
  const steps = Math.min(actions.rows, observations.rows);
  const got = await run(
    model,
    [
      { alias: "observation", rows: { ...observations, rows: steps } },
      { alias: "action", rows: { ...actions, rows: steps } },
    ],
    specs,
    context,
  );
  const { width } = observations;
  const members: Float64Array[] = [];
  for (const spec of specs) {
    const found = got.get(spec.name)!;
    if (found.width % width !== 0) throw wrongWidth(model, spec, found.width, width);
    for (let member = 0; member < found.width / width; member++) {
      const data = new Float64Array(steps * width);
      for (let row = 0; row < steps; row++) {
        const from = row * found.width + member * width;
        data.set(found.data.subarray(from, from + width), row * width);
      }
      members.push(data);
    }
  }
  // A model that names its output delta predicts the change.
  const delta = specs.every((spec) => /^delta/i.test(spec.name));
  if (delta)
    for (const data of members) for (let i = 0; i < data.length; i++) data[i]! += observations.data[i]!;
  const all = new Float64Array(steps * members.length * width);
  members.forEach((data, member) => {
    for (let row = 0; row < steps; row++)
      all.set(data.subarray(row * width, (row + 1) * width), (row * members.length + member) * width);
  });
  const mean = Float64Array.from(
    { length: steps * width },
    (_, i) => members.reduce((sum, data) => sum + data[i]!, 0) / members.length,
  );
  const variance = (row: number): number => {
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++)
      sum += members.reduce((total, data) => total + (data[i]! - mean[i]!) ** 2, 0) / members.length;
    return sum / width;
  };
  const next = shift(observations);
  const count = Math.min(steps, next.rows);
  return {
    series: [
      step(
        "disagreement",
        "variance",
        perStep(trajectory, variance, steps),
        `variance over ${members.length} members (population), mean over ${width} dimensions`,
      ),
      step(
        "prediction_error",
        "squared error",
        perStep(trajectory, (i) => rowError(mean, next.data, i, width), count),
        "mean squared difference of the members' mean and the recorded next observation",
      ),
    ],
    arrays: [
      table(
        "next_observation",
        { rows: steps, width: members.length * width, data: all },
        `predictions of the next observation, ${members.length} members of ${width}`,
      ),
    ],
  };
};

/** State flows and transition logits of a GFlowNet. */
const readFlow: Reader = async (model, trajectory, context) => {
  const specs = [...model.session.outputs];
  const got = await run(
    model,
    [{ alias: "observation", rows: observationRows(model, trajectory) }],
    specs,
    context,
  );
  const flowSpec = output(model, "logFlow");
  const flow = got.get(flowSpec.name)!;
  if (flow.width !== 1) throw wrongWidth(model, flowSpec, flow.width, 1);
  const values = /log/i.test(flowSpec.name) ? flow.data : flow.data.map(Math.log);
  return {
    series: [
      step(
        "log_flow",
        "nats",
        perStep(trajectory, (i) => values[i]!, flow.rows),
        "log flow of the state before each step",
      ),
    ],
    arrays: specs.map((spec) => table(spec.name, got.get(spec.name)!, `${spec.name} of each state`)),
  };
};

/** Rewards of a whole clip: frames are the rows of the observation columns, all at once. */
const readVideo: Reader = async (model, trajectory, context) => {
  const spec = named(model.session.inputs, "frames")!;
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
      arrays: [],
    };
  if (values.length !== rows) throw wrongWidth(model, outputSpec, values.length, rows);
  return {
    series: [
      step(
        "reward",
        "reward",
        perStep(trajectory, (i) => (i >= start ? values[i - start]! : NaN), column.rows),
        `reward of each frame, the whole clip read at once${cut}`,
      ),
    ],
    arrays: [],
  };
};

const readers: Readonly<Partial<Record<ModelKind, Reader>>> = {
  encoder: readEncoder,
  autoencoder: readAutoencoder,
  "inverse-dynamics": readInverse,
  "dynamics-ensemble": readEnsemble,
  flow: readFlow,
  "video-reward": readVideo,
};

/** Models of observations that give more than rewards and values: latents, predictions, flows, rewards of clips. */
export const episodeModels: Scorer = async (model, trajectories, context) => {
  const reader = readers[model.kind]!;
  const series: ScoreSeries[] = [];
  const arrays: ScoreArray[] = [];
  const failures: { trajectoryId: string; message: string }[] = [];
  let tokens = 0;
  for (const [index, trajectory] of trajectories.entries()) {
    const base: Base = {
      trajectoryId: trajectory.id,
      modelPath: model.files.path,
      modelKind: model.kind,
      provider: model.session.provider,
    };
    try {
      const found = await reader(model, trajectory, context);
      series.push(...found.series.map((one) => ({ ...base, ...one })));
      arrays.push(...found.arrays.map((one) => ({ ...base, ...one })));
      tokens += columnsOf(trajectory).steps;
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
    context.onProgress(index + 1, `${tokens.toLocaleString("en")} steps`);
  }
  return { series, arrays, failures, tokens };
};
