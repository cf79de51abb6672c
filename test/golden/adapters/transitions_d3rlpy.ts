import { pickTransitions, returnsToGo, sliceEpisode } from "../../../src/signals/control/episodeTransitions";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  // Rewards are float32 in the picked transitions.
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run({ fn, inputs, name }) {
    const length = inputs.has("T") ? inputs.number("T") : inputs.list("rewards").length;
    const terminated = inputs.flag("terminated", /terminated=True/u.test(name));
    const rewards = Array.isArray(inputs.get("rewards"))
      ? inputs.vector("rewards")
      : Float64Array.from({ length }, (_, t) => t + 1);
    const toGo = returnsToGo(rewards);
    if (fn === "BasicTrajectorySlicer") {
      const { steps, timesteps } = sliceEpisode(inputs.number("end_index"), inputs.number("size"));
      const column = (value: (step: number) => number): number[][] =>
        steps.map((step) => [step === undefined ? 0 : value(step)]);
      return {
        observations: column((step) => step),
        rewards: column((step) => rewards[step]!),
        returns_to_go: column((step) => toGo[step]!),
        terminals: column((step) => (terminated && step === length - 1 ? 1 : 0)),
        timesteps,
        masks: steps.map((step) => (step === undefined ? 0 : 1)),
        length: steps.length,
      };
    }
    const picker = inputs.text("picker", "basic");
    const span = Number(/^(\d+)-step/u.exec(picker)?.[1] ?? 1);
    const gamma = Number(/gamma\s*([\d.]+)/u.exec(picker)?.[1] ?? 1);
    const picked = pickTransitions(rewards, terminated, span, gamma);
    if (fn === "SparseRewardTransitionPicker") {
      const failed = rewards.every((reward) => reward === 0);
      const failure = inputs.number("failure_return");
      return {
        rewards_to_go: picked.map(({ step }) =>
          failed ? [[failure]] : Array.from(rewards.subarray(step), (value) => [value]),
        ),
      };
    }
    if (!/TransitionPicker$/u.test(fn)) throw new InputError("function", `known (${fn})`);
    return {
      transition_count: picked.length,
      transitions: picked.map(({ step, next, reward, terminal, interval }) => ({
        observation: [step],
        action: [10 * step],
        reward: [reward],
        next_observation: [next ?? 0],
        next_action: [10 * (next ?? 0)],
        terminal: terminal ? 1 : 0,
        interval,
        rewards_to_go: Array.from(rewards.subarray(step), (value) => [value]),
      })),
    };
  },
};
