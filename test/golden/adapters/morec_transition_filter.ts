import {
  bestCandidate,
  endsRollout,
  ensembleUncertainty,
  type UncertaintyMode,
} from "../../../src/signals/control/transitionFilter";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  // The models draw with a deviation of exp(-30), and the numbers are rounded to six places.
  tolerance: { relative: 1e-5, absolute: 2e-6 },
  run({ inputs, name }) {
    // Two arguments of the call that the file writes into the case's name only, "None" where they are absent.
    const argument = (key: string): number | undefined => {
      if (inputs.has(key)) return inputs.get(key) === null ? undefined : inputs.number(key);
      const text = new RegExp(`${key}=(\\d+)`, "u").exec(name)?.[1];
      return text === undefined ? undefined : Number(text);
    };
    const clip = inputs.number("clipping_value", 25);
    const rewards = inputs.matrix("dynamics_reward_per_candidate");
    const elites = inputs.vector("elites");
    const deltas = inputs.vector("ensemble_mean_delta_obs");
    const modelRewards = inputs.vector("ensemble_mean_reward");
    const deviation = Math.sqrt(Math.exp(inputs.number("logvar")));
    const states = inputs.matrix("obs");
    const penalties: number[] = [];
    const rows = states.map((state, row) => {
      const candidates = rewards.map((candidate) => candidate[row]!);
      const selected = bestCandidate(candidates);
      const model = elites[selected % elites.length]!;
      const penalty = ensembleUncertainty(
        {
          means: Array.from(deltas, (delta) => state.map((value) => value + delta)),
          deviations: Array.from(deltas, () => new Float64Array(state.length + 1).fill(deviation)),
        },
        inputs.text("uncertainty_mode") as UncertaintyMode,
      );
      penalties.push(penalty);
      return {
        selected,
        next: state.map((value) => Math.min(clip, Math.max(-clip, value + deltas[model]!))),
        reward: modelRewards[model]! - inputs.number("penalty_coef") * penalty,
        terminal: endsRollout(
          candidates[selected]!,
          inputs.number("terminal_dynamics_reward"),
          argument("current_step"),
          argument("minimal_rollout_length"),
        ),
      };
    });
    return {
      next_obs: rows.map(({ next }) => next),
      reward: rows.map(({ reward }) => [reward]),
      terminal: rows.map(({ terminal }) => [terminal]),
      selected: rows.map(({ selected }) => selected),
      penalty: penalties.reduce((sum, value) => sum + value, 0) / penalties.length,
    };
  },
};
