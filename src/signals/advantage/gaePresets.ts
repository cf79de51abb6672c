import type { Preset } from "../signal";

/** What each library does with GAE; unnamed parameters keep the defaults (gamma 0.99, lambda 0.95). */
export const gaePresets: readonly Preset[] = [
  {
    id: "verl",
    title: "verl",
    values: {
      gamma: 1,
      lambda: 1,
      level: "token",
      policyTokensOnly: true,
      truncation: "terminal",
      whiten: "batch-not-shown",
    },
    source:
      "volcengine/verl, verl/trainer/ppo/core_algos.py, compute_gae_advantage_return (tokens with mask 0 are stepped over)",
  },
  {
    id: "trl",
    title: "TRL PPO",
    values: {
      gamma: 1,
      lambda: 0.95,
      level: "token",
      policyTokensOnly: false,
      truncation: "terminal",
      whiten: "batch-not-shown",
    },
    source:
      "huggingface/trl, trl/experimental/ppo/ppo_trainer.py, PPOTrainer.train (no mask in the recursion)",
  },
  {
    id: "cleanrl",
    title: "CleanRL",
    values: { gamma: 0.99, lambda: 0.95, truncation: "terminal" },
    source: "vwxyzjn/cleanrl, cleanrl/ppo.py, inline GAE (done = terminated or truncated, no bootstrap)",
  },
  {
    id: "sb3",
    title: "Stable-Baselines3",
    values: { gamma: 0.99, lambda: 0.95, truncation: "bootstrap" },
    source:
      "DLR-RM/stable-baselines3, common/buffers.py, RolloutBuffer.compute_returns_and_advantage; on_policy_algorithm.py adds gamma V(last observation) to a truncated reward",
  },
  {
    id: "rllib",
    title: "RLlib",
    values: { gamma: 0.99, lambda: 1, truncation: "bootstrap" },
    source: "ray 2.58.0, rllib/evaluation/postprocessing.py, compute_advantages",
  },
  {
    id: "tianshou",
    title: "Tianshou",
    values: { gamma: 0.99, lambda: 0.95, truncation: "bootstrap" },
    source: "thu-ml/tianshou, tianshou/algorithm/algorithm_base.py, _gae (next values stored per transition)",
  },
  {
    id: "rlax",
    title: "rlax",
    values: { gamma: 0.99, lambda: 0.95, truncation: "bootstrap" },
    source: "google-deepmind/rlax, rlax/_src/multistep.py, truncated_generalized_advantage_estimation",
  },
  {
    id: "carl",
    asDescribed: true,
    title: "CaRL",
    values: { gamma: 0.99, lambda: 0.95, truncation: "terminal" },
    source: "autonomousvision/CaRL, dd_ppo.py (done = termination or truncation, nothing is bootstrapped)",
  },
  {
    id: "nap",
    asDescribed: true,
    title: "NAP",
    values: { gamma: 0.98, lambda: 0.98, truncation: "bootstrap" },
    source:
      "huawei-noah/HEBO, NAP, ppo_batchrecorder_nap.py, add_tdlamret_and_adv (a cut batch goes on with the value of its last recorded state: set lastValue to it)",
  },
];
