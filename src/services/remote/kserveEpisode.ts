import { actionRows, observationRows, terminationRows, type InputRows } from "../../inference/episodeInputs";
import { named } from "../../inference/modelKind";
import { specText, type TensorSpec } from "../../inference/tensors";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ScoreSeries } from "../../model/score";
import type { Trajectory } from "../../model/trajectory";
import { inputTensor, shapeFailure, type Common, type Reply, type TensorInfo } from "./kserveTensor";

/** Input tensors of an episode. */
export interface EpisodeInputs {
  readonly inputs: readonly object[];
  /** Of each tensor; the state after the last step may be one of them. */
  readonly rows: number;
}

/**
 * What a model on a server takes of an episode, by the names that its inputs have; they are those of models on this machine.
 * The only input of a model is taken for the observation, whatever its name.
 * @throws Failure when an input cannot be filled
 */
export function episodeInputs(
  model: string,
  tensors: readonly TensorInfo[],
  trajectory: Trajectory,
): EpisodeInputs {
  const specs = tensors.map((tensor): TensorSpec => ({
    name: tensors.length === 1 ? "observation" : tensor.name,
    type: tensor.datatype,
    // Without a batch dimension the width is the server's own business.
    shape:
      tensor.shape.length < 2 ? ["batch", "width"] : tensor.shape.map((size) => (size < 0 ? "free" : size)),
  }));
  const reader = { session: { inputs: specs }, files: { name: model } };
  const parts = specs.map((spec) => rowsFor(spec, reader, trajectory));
  const rows = Math.min(...parts.map((part) => part.rows));
  if (rows < 1)
    throw new Failure(
      "missing-column",
      `Trajectory ${trajectory.id} has no step for which all inputs of ${model} are recorded.`,
      "Choose another episode.",
    );
  const inputs = parts.map(({ width, data }, i) => {
    const tensor = tensors[i]!;
    const dims = tensor.shape.slice(1);
    const product = dims.reduce((size, dim) => size * Math.max(dim, 0), 1);
    const shape = dims.length > 0 && product === width ? dims : [width];
    return inputTensor(tensor, [rows, ...shape], [...data.subarray(0, rows * width)]);
  });
  return { inputs, rows };
}

function rowsFor(
  spec: TensorSpec,
  reader: Parameters<typeof observationRows>[0],
  trajectory: Trajectory,
): InputRows {
  const one = [spec];
  if (named(one, "observation")) return observationRows(reader, trajectory);
  if (named(one, "action")) return actionRows(reader, trajectory, spec).rows;
  if (named(one, "done")) return terminationRows(trajectory);
  if (named(one, "nextObservation")) {
    const { width, rows, data } = observationRows(
      { ...reader, session: { inputs: [{ ...spec, name: "observation" }] } },
      trajectory,
    );
    return { width, rows: rows - 1, data: data.subarray(width) };
  }
  throw new Failure(
    "model-does-not-fit",
    `The model on the server takes ${specText(spec)}, which an episode cannot fill (expected observation, action, next_observation, done).`,
    "Export it with these names.",
  );
}

/**
 * A value or reward of each step; of a value model also the value of the state after the last step, as on this machine.
 * @throws Failure for an output that is not one number a row
 */
export function episodeSeries(
  declaration: ModelDeclaration,
  trajectory: Trajectory,
  { rows }: EpisodeInputs,
  output: Reply,
  common: Common,
  url: string,
): ScoreSeries[] {
  if (output.data.length !== rows) throw shapeFailure(url, output, `[${rows}] or [${rows}, 1]`);
  const steps = trajectory.columns?.steps ?? 0;
  const isValue = declaration.kind === "value";
  const base = { ...common, unit: isValue ? "return" : "reward", method: `KServe at ${url}` };
  const values = Float64Array.from({ length: steps }, (_, step) => output.data[step] ?? NaN);
  const series: ScoreSeries[] = [{ ...base, name: isValue ? "value" : "reward", level: "step", values }];
  const after = output.data[steps];
  if (isValue && after !== undefined)
    series.push({
      ...base,
      name: "bootstrap_value",
      level: "trajectory",
      values: Float64Array.of(after),
    });
  return series;
}
