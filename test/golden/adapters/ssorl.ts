import {
  averageReturnToGo,
  inverseModelWindow,
  labelSplit,
  proxyAction,
} from "../../../src/signals/control/proxyActions";
import { accumulateBackward } from "../../../src/signals/kernels/backwardRecursion";
import { InputError, list, vector, type Adapter, type Golden, type Inputs } from "../adapter";

type Row = { readonly [key: string]: Golden };

const scaleOf = (inputs: Inputs): { mean: Float64Array; deviation: Float64Array } => ({
  mean: inputs.vector("state_mean"),
  deviation: inputs.vector("state_std"),
});

/** A stand-in network, in words: "0.1*x[0]+0.5". */
function standIn(words: string, input: Float64Array): number {
  const match = /^\s*([-\d.]+)\s*\*\s*x\[(\d+)\]\s*\+\s*([-\d.]+)\s*$/u.exec(words);
  if (!match) throw new InputError("mu", "a known stand-in");
  return Number(match[1]) * input[Number(match[2])]! + Number(match[3]);
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-7 },
  run({ fn, inputs, name, file }) {
    if (fn === "data.discount_cumsum") {
      const x = inputs.vector("x");
      if (x.length === 0) throw new Error("A return to go needs at least one reward.");
      return { y: accumulateBackward(x, inputs.number("gamma"), x) };
    }
    if (fn === "data.setup_action_label") {
      const count = inputs.number("n");
      const split = labelSplit(
        count,
        inputs.number("action_available_threshold"),
        inputs.number("action_available_perc"),
      );
      return {
        n_labelled: split.labelled,
        in_dist: split.bound - split.labelled,
        out_dist: Array.from({ length: count - split.bound }, (_, k) => split.bound + k),
      };
    }
    if (fn === "data.get_transition") {
      // An argument of the call that the file writes into the case's name only.
      const past = inputs.has("num_past_transitions")
        ? inputs.number("num_past_transitions")
        : Number(/num_past_transitions=(\d+)/u.exec(name)?.[1] ?? 0);
      const states = inputs.matrix("observations");
      const next = inputs.matrix("next_observations");
      const actions = inputs.matrix("actions");
      const rewards = inputs.vector("rewards");
      const ends = inputs.vector("terminals");
      const [low, high] = inputs.vector("action_range");
      const returns = accumulateBackward(rewards, 1, new Float64Array(rewards.length));
      const average = averageReturnToGo(returns, inputs.number("max_episode_len"));
      const scale = scaleOf(inputs);
      return {
        steps: states.map((_, t) => {
          const window = inverseModelWindow(states, t, past, scale);
          return {
            state_input: past === 0 ? window[0] : window,
            next_state: inverseModelWindow(next, t, 0, scale)[0],
            action: actions[t]!.map((value) => Math.min(high!, Math.max(low!, value))),
            reward: [rewards[t]],
            avg_rtg: [average[t]],
            not_done: [1 - ends[t]!],
          };
        }),
      };
    }
    if (fn !== "inverse_model_seq.predict_actions_unlabeled_trajs")
      throw new InputError("function", `known (${fn})`);
    const models = inputs.list("models") as readonly Row[];
    const above = (list(file["cases"]) as readonly Row[])
      .map((other) => other["inputs"] as Row)
      .find((other) => other["observations"] !== undefined);
    if (!/two copies/u.test(inputs.text("trajectories")) || !above)
      throw new InputError("trajectories", "known");
    const states = list(above["observations"]).map((row) => vector(row));
    const recorded = list(above["actions"]).map((row) => vector(row));
    const [low, high] = inputs.vector("action_range");
    const proxies = states.map((_, t) => {
      const window = inverseModelWindow(states, t, inputs.number("num_past_transitions"), scaleOf(inputs));
      const flat = Float64Array.from(window.flatMap((row) => Array.from(row)));
      const gaussians = models.map((model) => ({
        mean: Float64Array.of(standIn(String(model["mu"]), flat)),
        deviation: Float64Array.of(Number(model["std"])),
      }));
      return proxyAction(gaussians, [low!, high!]);
    });
    const labelled = new Set(inputs.vector("labelled"));
    return {
      actions: [0, 1].map((k) => (labelled.has(k) ? recorded : proxies.map(({ action }) => action))),
      uncertainty: [0, 1].map(() => proxies.map(({ uncertainty }) => uncertainty)),
    };
  },
};
