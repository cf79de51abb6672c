import { Failure } from "../model/failure";
import type { ModelKind, ScoreArray, ScoreSeries } from "../model/score";
import { actionRows, recordedActions, type InputRows } from "./episodeInputs";
import {
  output,
  perStep,
  rowError,
  run,
  shift,
  stepSeries,
  table,
  wrongWidth,
  type Base,
  type EpisodeReader,
  type Found,
} from "./episodeReader";
import { isVelocityNetwork } from "./flowDeviation";
import { readAutoencoder, readEncoder } from "./latentModels";
import { named } from "./modelKind";
import { everyObservation } from "./pictures/pictureRows";
import { stepsOf } from "./pictures/trajectoryFrames";
import { endsCall, sentenceOf } from "./preparedText";
import type { LoadedModel } from "./loadedModel";
import type { ScoreContext, Scorer } from "./scorer";
import type { TensorSpec } from "./tensors";
import { readVideo } from "./videoReward";

/** Which action leads from one observation to the next, against the recorded one. */
const readInverse: EpisodeReader = async (model, trajectory, context) => {
  const rows = await everyObservation(model, trajectory, context);
  const logitSpec = named(model.session.outputs, "logits");
  const spec = logitSpec ?? output(model, "predictedAction");
  const inputs = [
    { alias: "observation" as const, rows: { ...rows, rows: rows.rows - 1 } },
    { alias: "nextObservation" as const, rows: shift(rows) },
  ];
  const predicted = (await run(model, inputs, [spec], context)).get(spec.name)!;
  const actions = recordedActions(trajectory);
  const count = Math.min(actions.rows, predicted.rows);
  const spread = named(model.session.outputs, "std") ?? named(model.session.outputs, "logStd");
  const deviations = spread && (await run(model, inputs, [spread], context)).get(spread.name)!;
  const log = spread !== undefined && spread === named(model.session.outputs, "logStd");
  const arrays = [
    table("predicted_action", predicted, `${spec.name} of each pair of observations`),
    ...(deviations
      ? [
          table("inverse_means", predicted, `${spec.name}, member by member`),
          table(
            "inverse_deviations",
            log ? { ...deviations, data: deviations.data.map(Math.exp) } : deviations,
            `${spread.name}, member by member`,
          ),
        ]
      : []),
  ];
  // Several members side by side have no single action to compare with the recorded one.
  if (deviations && predicted.width > actions.width && predicted.width % actions.width === 0)
    return { series: [], arrays };
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
    return { series: [stepSeries("inverse_logprob", "nats", values, method)], arrays };
  }
  if (actions.width !== predicted.width) throw wrongWidth(model, spec, predicted.width, actions.width);
  const error = perStep(trajectory, (i) => rowError(predicted.data, actions.data, i, actions.width), count);
  const method = "mean squared difference of predicted and recorded action";
  return { series: [stepSeries("inverse_error", "squared error", error, method)], arrays };
};

/** Discriminators of real transitions: a logit each, of observation, action and next observation. */
async function readDiscriminators(
  model: LoadedModel,
  observations: InputRows,
  actions: InputRows,
  spec: TensorSpec,
  context: ScoreContext,
): Promise<Found> {
  const next = shift(observations);
  const rows = Math.min(actions.rows, next.rows);
  const inputs = [
    { alias: "observation" as const, rows: { ...observations, rows } },
    { alias: "action" as const, rows: { ...actions, rows } },
    ...(named(model.session.inputs, "nextObservation")
      ? [{ alias: "nextObservation" as const, rows: { ...next, rows } }]
      : []),
  ];
  const found = (await run(model, inputs, [spec], context)).get(spec.name)!;
  return {
    series: [],
    arrays: [table("dynamics_logits", found, "logits of the discriminators, one row a step")],
  };
}

/** Predictions of the next observation by several members: how far they differ, and from what came. */
const readEnsemble: EpisodeReader = async (model, trajectory, context) => {
  const observations = await everyObservation(model, trajectory, context);
  const actions = actionRows(model, trajectory, named(model.session.inputs, "action")!).rows;
  const logits = model.session.output("dynamics_logits");
  if (logits) return readDiscriminators(model, observations, actions, logits, context);
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
      stepSeries(
        "disagreement",
        "variance",
        perStep(trajectory, variance, steps),
        `variance over ${members.length} members (population), mean over ${width} dimensions`,
      ),
      stepSeries(
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
const readFlow: EpisodeReader = async (model, trajectory, context) => {
  if (isVelocityNetwork(model))
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} is a flow network over a policy's hidden states, which it does not compute itself.`,
      "Score the trajectory with the policy and name this network as its flow network (--flow).",
    );
  const specs = [...model.session.outputs];
  const got = await run(
    model,
    [{ alias: "observation", rows: await everyObservation(model, trajectory, context) }],
    specs,
    context,
  );
  const flowSpec = output(model, "logFlow");
  const flow = got.get(flowSpec.name)!;
  if (flow.width !== 1) throw wrongWidth(model, flowSpec, flow.width, 1);
  const values = /log/i.test(flowSpec.name) ? flow.data : flow.data.map(Math.log);
  return {
    series: [
      stepSeries(
        "log_flow",
        "nats",
        perStep(trajectory, (i) => values[i]!, flow.rows),
        "log flow of the state before each step",
      ),
    ],
    arrays: specs.map((spec) => table(spec.name, got.get(spec.name)!, `${spec.name} of each state`)),
  };
};

const readers: Readonly<Partial<Record<ModelKind, EpisodeReader>>> = {
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
      tokens += stepsOf(trajectory);
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
    context.onProgress(index + 1, `${tokens.toLocaleString("en")} steps`);
  }
  return { series, arrays, failures, tokens };
};
