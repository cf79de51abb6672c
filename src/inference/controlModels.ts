import { Failure } from "../model/failure";
import type { ModelKind, ScoreSeries, SeriesLevel } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { actionRows, recordedActions, terminationRows, type InputRows } from "./episodeInputs";
import type { LoadedModel } from "./loadedModel";
import { named } from "./modelKind";
import { everyObservation } from "./pictures/pictureRows";
import { stepsOf } from "./pictures/trajectoryFrames";
import { endsCall, sentenceOf } from "./preparedText";
import { runRows } from "./rowRuns";
import type { ScoreContext, Scorer } from "./scorer";
import { specText } from "./tensors";

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
  const steps = stepsOf(trajectory);
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
  const observations = await everyObservation(model, trajectory, context);
  const spec = named(model.session.outputs, "value") ?? model.session.outputs[0]!;
  const outputs = await runRows(
    model,
    [{ spec: named(model.session.inputs, "observation")!, rows: observations }],
    [spec],
    context,
  );
  const values = single(model, outputs.get(spec.name)!, "value");
  const steps = stepsOf(trajectory);
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
  const observations = await everyObservation(model, trajectory, context);
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
  const rows = await everyObservation(model, trajectory, context);
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
      [{ spec: named(inputs, "observation")!, rows: await everyObservation(model, trajectory, context) }],
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
      tokens += stepsOf(trajectory);
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
    context.onProgress(index + 1, `${tokens.toLocaleString("en")} steps`);
  }
  return { series, failures, tokens };
};
