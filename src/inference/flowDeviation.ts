import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import { breathe } from "./breathe";
import { declaredWidth } from "./episodeInputs";
import type { LoadedModel } from "./loadedModel";
import { named } from "./modelKind";
import { randomStream } from "./sampling";
import { asFloats, specText, tensorOf, type TensorSpec } from "./tensors";

/** Numbers of one input of a run at most. */
const MOST_VALUES = 2 ** 22;

/** Whose state a token's is matched under: the token before it, the one behind it, or its own. */
interface FlowContext {
  readonly mode: "token_post" | "token_pre" | "identity";
  readonly shift: number;
}

/** How a flow network's scores are computed; names and defaults are those of RLFR's release. */
export interface FlowSettings {
  /** Places between noise (0) and state (1). */
  readonly times: readonly number[];
  /** Depths at which states are taken, as shares of the policy's layers. */
  readonly percentiles: readonly number[];
  readonly contexts: readonly FlowContext[];
}

/** A depth of the policy: the hidden state's number (0 = embeddings), and what the network is told of it. */
export interface FlowLayer {
  readonly layer: number;
  readonly share: number;
}

const MODES = ["token_post", "token_pre", "identity"] as const;

/**
 * The settings under the release's names, from the ONNX file's metadata or the folder's config.json: `rewarding_timesteps`
 * ("0.8"), `hook_layers_percentile` ("0.25+0.5+0.75"), `flow_context_mode` ("token_post") and `flow_shift` ("1").
 * @throws Failure `bad-model-config` naming the setting that does not fit
 */
export function flowSettings({ files }: LoadedModel): FlowSettings {
  const told = (name: string, standard: string): readonly string[] => {
    const own = files.onnx.metadata[name] ?? (files.config as Record<string, unknown> | undefined)?.[name];
    return (typeof own === "string" || typeof own === "number" ? String(own) : standard).split("+");
  };
  const bad = (name: string, values: readonly string[], wanted: string): Failure =>
    new Failure(
      "bad-model-config",
      `${files.name} says ${name} = ${values.join("+")}; expected ${wanted}.`,
      "Correct it in the ONNX metadata or in config.json.",
    );
  const shares = (name: string, standard: string): readonly number[] => {
    const values = told(name, standard);
    const numbers = values.map(Number);
    if (!numbers.every((value) => value > 0 && value < 1))
      throw bad(name, values, "numbers between 0 and 1, joined by +");
    return numbers;
  };
  const modes = told("flow_context_mode", "token_post");
  const shifts = told("flow_shift", "1");
  const contexts = modes.map((mode, i) => ({
    mode: MODES.find((known) => known === mode),
    shift: Number(shifts[i] ?? shifts[0]),
  }));
  if (contexts.some(({ mode }) => mode === undefined))
    throw bad("flow_context_mode", modes, MODES.join(", "));
  if (contexts.some(({ shift }) => !Number.isInteger(shift) || shift < 1))
    throw bad("flow_shift", shifts, "whole numbers from 1");
  return {
    times: shares("rewarding_timesteps", "0.8"),
    percentiles: shares("hook_layers_percentile", "0.25+0.5+0.75"),
    contexts: contexts as FlowContext[],
  };
}

/** Half to even, as Python rounds. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Depths of a policy at which the release takes states: what comes out of block `round(share * layers)`, which is hidden
 * state number `block + 1`.
 * @throws Failure when the number of layers is not known
 */
export function flowLayers(policy: LoadedModel, { percentiles }: FlowSettings): readonly FlowLayer[] {
  const count = policy.files.config?.num_hidden_layers;
  if (count === undefined)
    throw new Failure(
      "bad-model-config",
      `${policy.files.name} does not say how many layers it has (num_hidden_layers in config.json), so the depths of the flow network are not known.`,
      "Add it to the policy's config.json.",
    );
  return percentiles.map((share) => {
    const block = Math.min(count - 1, roundHalfEven(share * count));
    return { layer: block + 1, share: block / count };
  });
}

/** The network's inputs and output. */
interface Ports {
  readonly point: TensorSpec;
  readonly time: TensorSpec;
  readonly condition: TensorSpec | undefined;
  readonly layer: TensorSpec | undefined;
  readonly velocity: TensorSpec;
}

/** True for the velocity networks of flow matching, apart from the state flows of GFlowNets. */
export const isVelocityNetwork = (model: LoadedModel): boolean =>
  named(model.session.inputs, "time") !== undefined && named(model.session.outputs, "velocity") !== undefined;

function portsOf(model: LoadedModel): Ports {
  const { inputs, outputs } = model.session;
  const [point, time, velocity] = [named(inputs, "point"), named(inputs, "time"), named(outputs, "velocity")];
  if (point && time && velocity)
    return { point, time, condition: named(inputs, "condition"), layer: named(inputs, "layer"), velocity };
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} is no velocity network: expected x_t, t, condition and layer in, velocity out; found ${[...inputs, ...outputs].map(specText).join("; ")}.`,
    "Export RLFR's flow network with these names.",
  );
}

/** Standard normal numbers, two from each pair of uniform ones (Box and Muller). */
function normalStream(seed: number): () => number {
  const random = randomStream(seed);
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - random())), 2 * Math.PI * random()];
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** Hidden states of one text, row-major [tokens, width]; rows of NaN where a token was left out. */
export interface LayerStates {
  readonly share: number;
  readonly width: number;
  readonly data: Float32Array | Float64Array;
}

export interface FlowRequest {
  readonly settings: FlowSettings;
  /** States at each depth. */
  readonly layers: readonly LayerStates[];
  /** Tokens that get a score. */
  readonly tokens: readonly number[];
  readonly count: number;
  /** Draws of the noise. */
  readonly draws: number;
  readonly signal: AbortSignal;
}

/**
 * Velocity deviation of hidden states under a flow network (RLFR, FlowReward): a state is mixed with noise, x_t = t h +
 * (1 - t) e, the network predicts the velocity h - e, and the score is t / (1 - t) times the mean squared error over the
 * state's numbers, averaged over times, depths and contexts. As released, every time is weighted like the last one. The noise
 * is random, so that a score is too: each draw has its own seed and is given back alone.
 * @returns one row of `count` scores a draw; NaN for tokens without a neighbour or outside `tokens`
 * @throws Failure when the network does not take these states, or gives NaN
 */
export async function flowDeviation(
  network: LoadedModel,
  request: FlowRequest,
): Promise<readonly Float64Array[]> {
  const { settings, layers, count, draws } = request;
  const ports = portsOf(network);
  const rows = Array.from({ length: draws }, () => new Float64Array(count).fill(NaN));
  const parts = layers.length * settings.contexts.length;
  for (const [draw, row] of rows.entries()) {
    for (const [depth, states] of layers.entries()) {
      checkWidth(network, ports, states);
      for (const [at, context] of settings.contexts.entries()) {
        const random = normalStream(1 + draw + 4096 * (depth + 64 * at));
        for (const [token, score] of await contextScores(network, ports, states, context, random, request))
          row[token] = (Number.isNaN(row[token]) ? 0 : row[token]!) + score / parts;
      }
    }
  }
  return rows;
}

function checkWidth(network: LoadedModel, { point }: Ports, { width }: LayerStates): void {
  const wanted = declaredWidth(point);
  if (wanted === undefined || wanted === width) return;
  throw new Failure(
    "shape-mismatch",
    `${network.files.name} takes ${specText(point)}; the policy's hidden states have ${width} numbers.`,
    "Choose the flow network that was trained on this policy.",
  );
}

/** Scores of the tokens that have a neighbour in one context, at one depth. */
async function contextScores(
  network: LoadedModel,
  ports: Ports,
  { data, width, share }: LayerStates,
  { mode, shift }: FlowContext,
  random: () => number,
  { settings, tokens, count, signal }: FlowRequest,
): Promise<ReadonlyMap<number, number>> {
  const offset = mode === "token_post" ? -shift : mode === "token_pre" ? shift : 0;
  const known = (token: number): boolean => token >= 0 && token < count && !Number.isNaN(data[token * width]);
  const targets = tokens.filter((token) => known(token) && known(token + offset));
  const weight = settings.times.at(-1)! / (1 - settings.times.at(-1)!);
  const scores = new Map<number, number>();
  const portion = Math.max(1, Math.floor(MOST_VALUES / width));
  for (let start = 0; start < targets.length; start += portion) {
    const part = targets.slice(start, start + portion);
    const noise = Float64Array.from({ length: part.length * width }, random);
    const state = new Float64Array(part.length * width);
    const condition = new Float64Array(part.length * width);
    part.forEach((token, row) => {
      state.set(data.subarray(token * width, (token + 1) * width), row * width);
      condition.set(data.subarray((token + offset) * width, (token + offset + 1) * width), row * width);
    });
    for (const time of settings.times) {
      await breathe(signal);
      const velocity = await run(network, ports, {
        state,
        noise,
        condition,
        time,
        share,
        width,
        rows: part.length,
      });
      part.forEach((token, row) => {
        let sum = 0;
        for (let i = row * width; i < (row + 1) * width; i++)
          sum += (velocity[i]! - (state[i]! - noise[i]!)) ** 2;
        scores.set(token, (scores.get(token) ?? 0) + (weight * sum) / width / settings.times.length);
      });
    }
  }
  return scores;
}

async function run(
  network: LoadedModel,
  ports: Ports,
  batch: {
    readonly state: Float64Array;
    readonly noise: Float64Array;
    readonly condition: Float64Array;
    readonly time: number;
    readonly share: number;
    readonly width: number;
    readonly rows: number;
  },
): Promise<Float32Array | Float64Array> {
  const { state, noise, condition, time, share, width, rows } = batch;
  const { session } = network;
  const feed = (spec: TensorSpec, values: ArrayLike<number>, dims: readonly number[]): [string, Tensor] => [
    spec.name,
    tensorOf(session.runtime, spec.type, values, dims) as Tensor,
  ];
  const each = (spec: TensorSpec, value: number): [string, Tensor] =>
    feed(spec, new Float64Array(rows).fill(value), spec.shape.length === 2 ? [rows, 1] : [rows]);
  const point = state.map((value, i) => time * value + (1 - time) * noise[i]!);
  const outputs = await session.run(
    Object.fromEntries([
      feed(ports.point, point, [rows, width]),
      each(ports.time, time),
      ...(ports.condition ? [feed(ports.condition, condition, [rows, width])] : []),
      ...(ports.layer ? [each(ports.layer, share)] : []),
    ]),
    [ports.velocity.name],
  );
  const velocity = asFloats(outputs[ports.velocity.name]!);
  if (velocity.length !== rows * width)
    throw new Failure(
      "bad-output",
      `${network.files.name} returned ${velocity.length} numbers as ${ports.velocity.name} for ${rows} states of ${width}.`,
      "Export the network with one velocity a state.",
    );
  if (velocity.some(Number.isNaN))
    throw new Failure(
      "nan-output",
      `${network.files.name} returned NaN, so its scores are not used.`,
      "Check the network's weights.",
    );
  return velocity;
}
