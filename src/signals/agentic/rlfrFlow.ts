/** A linear layer: weight [out][in] row-major, bias [out]. */
export interface Linear {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  readonly inputs: number;
  readonly outputs: number;
}

interface Embedder {
  readonly first: Linear;
  readonly second: Linear;
}

/** RLFR's velocity network: adaptive-RMSNorm residual blocks conditioned on time, layer and a neighbouring state. */
export interface FlowNetwork {
  readonly input: Linear;
  readonly time: Embedder;
  readonly condition: Linear;
  readonly layer: Embedder;
  readonly blocks: readonly {
    readonly norm: Float64Array;
    readonly first: Linear;
    readonly second: Linear;
    readonly modulation: Linear;
  }[];
  readonly final: { readonly norm: Float64Array; readonly linear: Linear; readonly modulation: Linear };
}

/**
 * Assembles the network from its named parameters (the state dictionary's names, shapes as in PyTorch).
 * @throws Error naming the first parameter that is absent or has a shape that does not fit
 */
export function flowNetwork(
  parameters: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float64Array }>,
): FlowNetwork {
  const take = (
    name: string,
    rank: number,
  ): { readonly shape: readonly number[]; readonly data: Float64Array } => {
    const found = parameters.get(name);
    if (!found) throw new Error(`The flow network has no parameter "${name}".`);
    if (
      found.shape.length !== rank ||
      found.shape.reduce((product, size) => product * size, 1) !== found.data.length
    ) {
      throw new Error(
        `Parameter "${name}" of the flow network has shape [${found.shape.join(", ")}] and ${found.data.length} numbers.`,
      );
    }
    return found;
  };
  const linear = (name: string): Linear => {
    const weight = take(`${name}.weight`, 2);
    return {
      weight: weight.data,
      bias: take(`${name}.bias`, 1).data,
      outputs: weight.shape[0]!,
      inputs: weight.shape[1]!,
    };
  };
  const embedder = (name: string): Embedder => ({
    first: linear(`${name}.mlp.0`),
    second: linear(`${name}.mlp.2`),
  });
  const blocks: FlowNetwork["blocks"][number][] = [];
  while (parameters.has(`res_blocks.${blocks.length}.in_ln.weight`)) {
    const name = `res_blocks.${blocks.length}`;
    blocks.push({
      norm: take(`${name}.in_ln.weight`, 1).data,
      first: linear(`${name}.mlp.0`),
      second: linear(`${name}.mlp.2`),
      modulation: linear(`${name}.adaLN_modulation.1`),
    });
  }
  return {
    input: linear("input_proj"),
    time: embedder("time_embed"),
    condition: linear("cond_embed"),
    layer: embedder("layer_embed"),
    blocks,
    final: {
      norm: take("final_layer.norm_final.weight", 1).data,
      linear: linear("final_layer.linear"),
      modulation: linear("final_layer.adaLN_modulation.1"),
    },
  };
}

function apply({ weight, bias, inputs, outputs }: Linear, x: Float64Array): Float64Array {
  const out = new Float64Array(outputs);
  for (let o = 0; o < outputs; o++) {
    let sum = bias[o]!;
    for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i]! * x[i]!;
    out[o] = sum;
  }
  return out;
}

const silu = (x: Float64Array): Float64Array => x.map((value) => value / (1 + Math.exp(-value)));

/** Cosines, then sines, of a number at geometric frequencies from 1 down to 1/10000, mapped by two layers. */
function embed({ first, second }: Embedder, value: number): Float64Array {
  const half = first.inputs / 2;
  const waves = new Float64Array(first.inputs);
  for (let k = 0; k < half; k++) {
    const angle = value * Math.exp((-Math.log(10000) * k) / half);
    waves[k] = Math.cos(angle);
    waves[half + k] = Math.sin(angle);
  }
  return apply(second, silu(apply(first, waves)));
}

function modulatedNorm(
  x: Float64Array,
  weight: Float64Array,
  shift: Float64Array,
  scale: Float64Array,
  epsilon: number,
): Float64Array {
  const power = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  const factor = 1 / Math.sqrt(power + epsilon);
  return x.map((value, k) => weight[k]! * value * factor * (1 + scale[k]!) + shift[k]!);
}

/** Velocity that the network predicts at a point between noise (time 0) and a hidden state (time 1). */
function flowVelocity(
  network: FlowNetwork,
  point: Float64Array,
  time: number,
  condition: Float64Array,
  layer: number,
  epsilon = 1e-6,
): Float64Array {
  const where = embed(network.layer, layer);
  const given = apply(network.condition, condition);
  const when = embed(network.time, time);
  const control = silu(where.map((value, k) => value + given[k]! + when[k]!));
  let x = apply(network.input, point);
  const width = x.length;
  for (const block of network.blocks) {
    const parts = apply(block.modulation, control);
    const normed = modulatedNorm(
      x,
      block.norm,
      parts.subarray(0, width),
      parts.subarray(width, 2 * width),
      epsilon,
    );
    const change = apply(block.second, silu(apply(block.first, normed)));
    x = x.map((value, k) => value + parts[2 * width + k]! * change[k]!);
  }
  const parts = apply(network.final.modulation, control);
  return apply(
    network.final.linear,
    modulatedNorm(x, network.final.norm, parts.subarray(0, width), parts.subarray(width), epsilon),
  );
}

/**
 * Velocity deviation of hidden states (flow_simple.py, FlowReward): squared error of the predicted velocity against
 * `state - noise`, averaged over channels and time steps. The score weighs each step by t / (1 - t); as released every
 * step gets the weight of the *last* one. The noise is drawn afresh in training, so scores are random: give several
 * draws and show their spread.
 *
 * @param states hidden states, [N][C]; @param conditions neighbouring states, [N][D]; @param noise [N][C]
 * @param times time steps between 0 and 1; @param layer depth of the hook as a share of the network
 */
export function velocityDeviation(
  network: FlowNetwork,
  states: readonly Float64Array[],
  conditions: readonly Float64Array[],
  noise: readonly Float64Array[],
  times: readonly number[],
  layer: number,
  weighting: "as-released" | "per-step" = "as-released",
): { readonly losses: Float64Array; readonly scores: Float64Array } {
  const losses = new Float64Array(states.length);
  const scores = new Float64Array(states.length);
  const last = times[times.length - 1]!;
  states.forEach((state, row) => {
    for (const time of times) {
      const from = noise[row]!;
      const point = state.map((value, k) => time * value + (1 - time) * from[k]!);
      const velocity = flowVelocity(network, point, time, conditions[row]!, layer);
      const loss =
        velocity.reduce((sum, value, k) => sum + (value - (state[k]! - from[k]!)) ** 2, 0) / state.length;
      losses[row]! += loss / times.length;
      const weighed = weighting === "as-released" ? last : time;
      scores[row]! += ((weighed / (1 - weighed)) * loss) / times.length;
    }
  });
  return { losses, scores };
}
