import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { ModelKind, ScoreSeries, SeriesLevel } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { breathe } from "./causalPass";
import {
  actionRows,
  observationRows,
  recordedActions,
  terminationRows,
  type InputRows,
} from "./episodeInputs";
import type { LoadedModel } from "./loadedModel";
import { named } from "./modelKind";
import { endsCall, sentenceOf } from "./preparedText";
import type { ScoreContext, Scorer } from "./scorer";
import { asFloats, specText, tensorOf, type TensorSpec } from "./tensors";

/** Rows of one run of a control model. */
const ROWS = 4096;

type Inputs = readonly { readonly spec: TensorSpec; readonly rows: InputRows }[];

/** Outputs of a model over all rows, each row-major [rows, width]. */
type Outputs = ReadonlyMap<string, InputRows>;

/** Runs a model over all rows of its inputs, in portions. @throws Failure for outputs of a wrong shape or NaN */
async function runRows(
  model: LoadedModel,
  inputs: Inputs,
  wanted: readonly TensorSpec[],
  context: ScoreContext,
): Promise<Outputs> {
  const rows = Math.min(...inputs.map((input) => input.rows.rows));
  const fixed = inputs[0]?.spec.shape[0];
  const portion = typeof fixed === "number" ? fixed : ROWS;
  const collected = new Map<string, number[]>(wanted.map((spec) => [spec.name, []]));
  for (let start = 0; start < rows; start += portion) {
    await breathe(context.signal);
    const count = Math.min(portion, rows - start);
    // A fixed batch size is filled up by repeating the last row; what comes back for it is dropped.
    const size = typeof fixed === "number" ? fixed : count;
    const feeds: Record<string, Tensor> = {};
    for (const { spec, rows: all } of inputs) {
      const values = new Float64Array(size * all.width);
      for (let row = 0; row < size; row++) {
        const from = (start + Math.min(row, count - 1)) * all.width;
        values.set(all.data.subarray(from, from + all.width), row * all.width);
      }
      feeds[spec.name] = tensorOf(model.session.runtime, spec.type, values, dimsFor(spec, size, all.width));
    }
    const outputs = await model.session.run(
      feeds,
      wanted.map((spec) => spec.name),
    );
    for (const spec of wanted)
      collected.get(spec.name)!.push(...portionOf(model, spec, outputs[spec.name]!, size, count));
  }
  return new Map(
    wanted.map((spec) => {
      const data = Float64Array.from(collected.get(spec.name)!);
      return [spec.name, { rows, width: rows === 0 ? 1 : data.length / rows, data }];
    }),
  );
}

/** [batch], [batch, width] or the fixed dimensions that the input declares. */
function dimsFor(spec: TensorSpec, batch: number, width: number): number[] {
  if (spec.shape.length === 1) return [batch];
  const rest = spec.shape.slice(1);
  return rest.every((size): size is number => typeof size === "number") ? [batch, ...rest] : [batch, width];
}

function portionOf(
  model: LoadedModel,
  spec: TensorSpec,
  tensor: Tensor,
  size: number,
  count: number,
): Float64Array {
  const values = asFloats(tensor);
  if (size === 0 || values.length % size !== 0) {
    throw new Failure(
      "bad-output",
      `${model.files.name} returned ${spec.name} of shape [${tensor.dims.join(", ")}] for ${size} rows of input; expected [${size}] or [${size}, width].`,
      "Export the model with a free first dimension.",
    );
  }
  const cut = Float64Array.from(values.subarray(0, (values.length / size) * count));
  const bad = cut.findIndex((value) => Number.isNaN(value));
  if (bad >= 0)
    throw new Failure(
      "nan-output",
      `${model.files.name} returned NaN for ${spec.name} at row ${Math.floor(bad / (values.length / size))}, so its numbers are not used.`,
      "Check the model's weights.",
    );
  return cut;
}

interface Result {
  readonly name: string;
  readonly level: SeriesLevel;
  readonly unit: string;
  readonly values: Float64Array;
  readonly method: string;
}

type Reader = (
  model: LoadedModel,
  trajectory: Trajectory,
  context: ScoreContext,
) => Promise<readonly Result[]>;

/** One number a step, NaN for steps without one. */
function perStep(trajectory: Trajectory, values: ArrayLike<number>): Float64Array {
  const steps = trajectory.columns!.steps;
  return Float64Array.from({ length: steps }, (_, i) => values[i] ?? NaN);
}

/** The single number per row of an output. @throws Failure when there are several */
function single(model: LoadedModel, output: InputRows, name: string): Float64Array {
  if (output.width !== 1)
    throw new Failure(
      "bad-output",
      `${model.files.name} returned ${output.width} numbers a row as ${name}; expected one.`,
      "Export the model with one number a row.",
    );
  return output.data;
}

/** V(s_t) for every recorded state; that of the state after the last step is what a truncated episode is bootstrapped with. */
const readValue: Reader = async (model, trajectory, context) => {
  const observations = observationRows(model, trajectory);
  const spec = named(model.session.outputs, "value") ?? model.session.outputs[0]!;
  const outputs = await runRows(
    model,
    [{ spec: named(model.session.inputs, "observation")!, rows: observations }],
    [spec],
    context,
  );
  const values = single(model, outputs.get(spec.name)!, "value");
  const steps = trajectory.columns!.steps;
  const method = "value of the observation before each step";
  const result: Result[] = [
    { name: "value", level: "step", unit: "return", values: perStep(trajectory, values), method },
  ];
  if (values.length > steps) {
    result.push({
      name: "bootstrap_value",
      level: "trajectory",
      unit: "return",
      values: values.slice(steps, steps + 1),
      method: "value of the observation after the last step",
    });
  }
  return result;
};

/** r(s_t, a_t), or r(s_t, a_t, s_t+1) where the model takes the next observation. */
const readTransitionReward: Reader = async (model, trajectory, context) => {
  const { session } = model;
  const observations = observationRows(model, trajectory);
  const actionSpec = named(session.inputs, "action")!;
  const actions = actionRows(model, trajectory, actionSpec);
  const inputs = [
    { spec: named(session.inputs, "observation")!, rows: observations },
    { spec: actionSpec, rows: actions.rows },
  ];
  const nextSpec = named(session.inputs, "nextObservation");
  if (nextSpec) {
    const { width, rows, data } = observations;
    inputs.push({ spec: nextSpec, rows: { width, rows: rows - 1, data: data.subarray(width) } });
  }
  const doneSpec = named(session.inputs, "done");
  if (doneSpec) inputs.push({ spec: doneSpec, rows: terminationRows(trajectory) });
  const spec = named(session.outputs, "reward") ?? session.outputs[0]!;
  const outputs = await runRows(model, inputs, [spec], context);
  const unit = model.files.onnx.metadata["unit"] === undefined ? "reward" : "model reward";
  const method = `reward of each observation and action${nextSpec ? " and next observation" : ""}${actions.oneHot ? ", actions one-hot" : ""}`;
  return [
    {
      name: "reward",
      level: "step",
      unit,
      values: perStep(trajectory, single(model, outputs.get(spec.name)!, "reward")),
      method,
    },
  ];
};

const LOG_2_PI = Math.log(2 * Math.PI);

/** log N(a; mean, std) summed over the action's dimensions, and the entropy of that distribution. */
const readGaussian: Reader = async (model, trajectory, context) => {
  const { inputs, outputs } = model.session;
  const meanSpec = named(outputs, "mean")!;
  const logSpec = named(outputs, "logStd");
  const spreadSpec = logSpec ?? named(outputs, "std")!;
  const rows = observationRows(model, trajectory);
  const actions = recordedActions(trajectory);
  const got = await runRows(
    model,
    [{ spec: named(inputs, "observation")!, rows }],
    [meanSpec, spreadSpec],
    context,
  );
  const [mean, spread] = [got.get(meanSpec.name)!, got.get(spreadSpec.name)!];
  const width = mean.width;
  if (actions.width !== width || spread.width !== width) {
    throw new Failure(
      "shape-mismatch",
      `${model.files.name} gives a mean of ${width} and a spread of ${spread.width} numbers; the episode's actions have ${actions.width}.`,
      "Choose the policy that was trained on this environment.",
    );
  }
  const count = Math.min(actions.rows, mean.rows);
  const [logprob, entropy] = [new Float64Array(count), new Float64Array(count)];
  for (let step = 0; step < count; step++) {
    for (let d = 0; d < width; d++) {
      const at = step * width + d;
      const logStd = logSpec ? spread.data[at]! : Math.log(spread.data[at]!);
      const z = (actions.data[at]! - mean.data[at]!) / Math.exp(logStd);
      logprob[step]! += -0.5 * z * z - logStd - 0.5 * LOG_2_PI;
      entropy[step]! += 0.5 + 0.5 * LOG_2_PI + logStd;
    }
  }
  const method = `diagonal Gaussian without squashing, density of the recorded action, summed over ${width} dimension${width === 1 ? "" : "s"}`;
  return [
    { name: "logprob", level: "step", unit: "nats", values: perStep(trajectory, logprob), method },
    { name: "entropy", level: "step", unit: "nats", values: perStep(trajectory, entropy), method },
  ];
};

/** log pi(a_t | s_t) and the entropy of pi(. | s_t) of a categorical policy. */
const readDiscrete: Reader = async (model, trajectory, context) => {
  const { inputs, outputs } = model.session;
  const logitSpec = named(outputs, "logits");
  const spec = logitSpec ?? named(outputs, "probabilities")!;
  const actions = recordedActions(trajectory);
  const got = (
    await runRows(
      model,
      [{ spec: named(inputs, "observation")!, rows: observationRows(model, trajectory) }],
      [spec],
      context,
    )
  ).get(spec.name)!;
  const count = Math.min(actions.rows, got.rows);
  const oneHot = actions.width === got.width && actions.width > 1;
  if (actions.width !== 1 && !oneHot) {
    throw new Failure(
      "shape-mismatch",
      `${model.files.name} chooses among ${got.width} actions; the episode's actions have ${actions.width} numbers a step (expected one, or ${got.width} one-hot).`,
      "Choose the policy that was trained on this environment.",
    );
  }
  const [logprob, entropy] = [new Float64Array(count), new Float64Array(count)];
  for (let step = 0; step < count; step++) {
    const row = got.data.subarray(step * got.width, (step + 1) * got.width);
    const action = oneHot
      ? actions.data.subarray(step * got.width, (step + 1) * got.width).indexOf(1)
      : actions.data[step]!;
    if (!Number.isInteger(action) || action < 0 || action >= got.width) {
      throw new Failure(
        "shape-mismatch",
        `Step ${step} of trajectory ${trajectory.id} has the action ${oneHot ? "without a 1" : action}; ${model.files.name} knows actions 0 to ${got.width - 1}.`,
        "Choose the policy that was trained on this environment.",
      );
    }
    const logs = logitSpec ? logSoftmax(row) : row.map(Math.log);
    logprob[step] = logs[action]!;
    entropy[step] = -logs.reduce(
      (sum, value) => sum + (value === -Infinity ? 0 : Math.exp(value) * value),
      0,
    );
  }
  const method = `categorical over ${got.width} actions, ${logitSpec ? "softmax of logits" : "probabilities as given"}`;
  return [
    { name: "logprob", level: "step", unit: "nats", values: perStep(trajectory, logprob), method },
    { name: "entropy", level: "step", unit: "nats", values: perStep(trajectory, entropy), method },
  ];
};

function logSoftmax(logits: Float64Array): Float64Array {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - max), 0));
  return logits.map((value) => value - max - logSum);
}

const readers: Readonly<Partial<Record<ModelKind, Reader>>> = {
  value: readValue,
  "transition-reward": readTransitionReward,
  "policy-gaussian": readGaussian,
  "policy-discrete": readDiscrete,
};

/** Per-step numbers of models that read observations: values, rewards of transitions, log-probabilities of actions. */
export const controlScores: Scorer = async (model, trajectories, context) => {
  const reader = readers[model.kind];
  if (!reader)
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} is of kind ${model.kind} (${model.session.inputs.map(specText).join("; ")}).`,
      "Choose another model.",
    );
  const series: ScoreSeries[] = [];
  const failures: { trajectoryId: string; message: string }[] = [];
  let tokens = 0;
  for (const [index, trajectory] of trajectories.entries()) {
    try {
      for (const result of await reader(model, trajectory, context)) {
        series.push({
          trajectoryId: trajectory.id,
          ...result,
          modelPath: model.files.path,
          modelKind: model.kind,
          provider: model.session.provider,
        });
      }
      tokens += trajectory.columns!.steps;
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
    context.onProgress(index + 1, `${tokens.toLocaleString("en")} steps`);
  }
  return { series, failures, tokens };
};
