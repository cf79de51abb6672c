import type { Preset } from "../signal";

const verl = { std: "sample", epsilon: 1e-6, singleton: "reward" } as const;
const none = { std: "none", singleton: "zero" } as const;

/**
 * Group-relative advantages by library; unnamed parameters keep the defaults (verl's). Numbers returned by the library's
 * own function stand behind verl, Dr.GRPO, the TRL presets, openrlhf (RLFR's copy), unir and spo; the others follow its
 * code as described in project notes and have not been run against it.
 */
export const grpoPresets: readonly Preset[] = [
  {
    id: "verl",
    title: "verl",
    values: verl,
    source: "volcengine/verl, verl/trainer/ppo/core_algos.py, compute_grpo_outcome_advantage",
  },
  {
    id: "verl-dr-grpo",
    title: "verl Dr.GRPO",
    values: { ...verl, std: "none" },
    source:
      "volcengine/verl, core_algos.py, compute_grpo_outcome_advantage with norm_adv_by_std_in_grpo=False",
  },
  {
    id: "trl",
    title: "TRL",
    values: { std: "sample", epsilon: 1e-4, singleton: "zero", nan: "leave-out" },
    source: 'huggingface/trl, trl/trainer/grpo_trainer.py, scale_rewards="group"',
  },
  {
    id: "trl-batch",
    title: "TRL, scaled by the batch",
    values: { std: "sample", epsilon: 1e-4, singleton: "zero", nan: "leave-out", stdOver: "batch" },
    source: 'huggingface/trl, trl/trainer/grpo_trainer.py, scale_rewards="batch"',
  },
  {
    id: "trl-none",
    title: "TRL, not scaled",
    values: { std: "none", singleton: "zero", nan: "leave-out" },
    source: 'huggingface/trl, trl/trainer/grpo_trainer.py, scale_rewards="none"',
  },
  {
    id: "rllm",
    asDescribed: true,
    title: "rLLM",
    values: { std: "population", epsilon: 1e-6, singleton: "reward" },
    source: "rllm-org/rllm, GRPO advantage per task (NumPy deviation)",
  },
  {
    id: "openrlhf",
    title: "OpenRLHF group_norm",
    values: { std: "sample", epsilon: 1e-9, singleton: "nan" },
    source: "OpenRLHF/OpenRLHF, experience_maker.py, advantage_estimator group_norm",
  },
  {
    id: "prime-rl",
    asDescribed: true,
    title: "prime-rl",
    values: none,
    source: "PrimeIntellect-ai/prime-rl, GRPO advantage: reward minus group mean",
  },
  {
    id: "slime",
    asDescribed: true,
    title: "slime / miles",
    values: { std: "sample", epsilon: 1e-6, singleton: "nan" },
    source: "THUDM/slime, reward post-processing of grpo, gspo and cispo",
  },
  {
    id: "slime-no-std",
    asDescribed: true,
    title: "slime / miles, std off",
    values: none,
    source: "THUDM/slime, --disable-grpo-std-normalization",
  },
  {
    id: "nemo-rl",
    asDescribed: true,
    title: "NeMo-RL",
    values: { std: "sample", epsilon: 1e-6, singleton: "zero", zeroSpread: "undivided" },
    source: "NVIDIA-NeMo/RL, grpo.py, baseline and std per prompt; divides only where std > 0",
  },
  {
    id: "nemo-rl-loo",
    asDescribed: true,
    title: "NeMo-RL, leave-one-out baseline",
    values: {
      std: "sample",
      epsilon: 1e-6,
      singleton: "zero",
      zeroSpread: "undivided",
      baseline: "leave-one-out",
      spreadOver: "others",
    },
    source: "NVIDIA-NeMo/RL, use_leave_one_out_baseline: mean and deviation of the other members",
  },
  {
    id: "nemo-rl-loo-older",
    asDescribed: true,
    title: "NeMo-RL, leave-one-out baseline, older copy",
    values: {
      std: "population",
      epsilon: 1e-6,
      singleton: "zero",
      zeroSpread: "undivided",
      baseline: "leave-one-out",
      spreadOver: "others",
    },
    source:
      "NVIDIA-NeMo/RL, calculate_baseline_and_std_per_prompt in an older copy (deviation of the others over n)",
  },
  {
    id: "art",
    asDescribed: true,
    title: "ART",
    values: { std: "population", epsilon: 1e-6, singleton: "zero" },
    source: "OpenPipe/ART, advantage of a trajectory group (advantage 0 is skipped in training)",
  },
  {
    id: "open-instruct",
    asDescribed: true,
    title: "open-instruct",
    values: { std: "population", epsilon: 1e-8, singleton: "zero" },
    source: 'allenai/open-instruct, advantage_normalization_type="standard"',
  },
  {
    id: "open-instruct-centered",
    asDescribed: true,
    title: "open-instruct, centred",
    values: none,
    source: 'allenai/open-instruct, advantage_normalization_type="centered"',
  },
  {
    id: "tinker",
    asDescribed: true,
    title: "tinker-cookbook",
    values: none,
    source: "thinking-machines-lab/tinker-cookbook: reward minus group mean",
  },
  {
    id: "skyrl",
    asDescribed: true,
    title: "SkyRL",
    values: verl,
    source: "NovaSky-AI/SkyRL, grpo with grpo_norm_by_std=true",
  },
  {
    id: "ragen",
    asDescribed: true,
    title: "RAGEN mean_std",
    values: { std: "sample", epsilon: 1e-6, singleton: "zero", zeroSpread: "zero", tinySpread: 1e-6 },
    source: "RAGEN-AI/RAGEN, reward_normalization.method=mean_std (0 where std <= 1e-6)",
  },
  {
    id: "ragen-asym-clip",
    asDescribed: true,
    title: "RAGEN asym_clip",
    values: {
      std: "sample",
      epsilon: 1e-6,
      singleton: "zero",
      zeroSpread: "zero",
      tinySpread: 1e-6,
      clipLow: -1,
      clipHigh: 3,
    },
    source: "RAGEN-AI/RAGEN, reward_normalization.method=asym_clip",
  },
  {
    id: "spo",
    title: "SPO repository",
    values: { std: "population", epsilon: 1e-8, singleton: "zero" },
    source: "AIFrameResearch/SPO, math_episode_generator_with_group_advantages.py, adv_method grpo",
  },
  {
    id: "unir",
    title: "UniR",
    values: { std: "sample", epsilon: 1e-4, singleton: "plain-reward" },
    source:
      "hangeol/UniR, src/unir/trainer/UniRTrainer.py, _generate_and_score_completions (one generation: the reward)",
  },
  {
    id: "areal",
    asDescribed: true,
    title: "AReaL, group",
    values: { std: "sample", epsilon: 1e-5, singleton: "zero" },
    source: "inclusionAI/AReaL, reward_norm with mean_level and std_level group, std_unbiased",
  },
  {
    id: "areal-batch",
    asDescribed: true,
    title: "AReaL, batch",
    values: { std: "sample", epsilon: 1e-5, baselineOver: "batch", stdOver: "batch" },
    source: "inclusionAI/AReaL, reward_norm with mean_level and std_level batch, std_unbiased",
  },
  {
    id: "areal-group-batch",
    asDescribed: true,
    title: "AReaL, group mean and batch deviation",
    values: { std: "sample", epsilon: 1e-5, singleton: "zero", stdOver: "batch" },
    source: "inclusionAI/AReaL, reward_norm with mean_level group and std_level batch",
  },
  {
    id: "areal-leave-one-out",
    asDescribed: true,
    title: "AReaL, leave one out",
    values: { std: "sample", epsilon: 1e-5, singleton: "zero", baseline: "leave-one-out" },
    source: "inclusionAI/AReaL, reward_norm with mean_leave1out",
  },
  {
    id: "ragen-batch",
    asDescribed: true,
    title: "RAGEN, batch",
    values: { std: "sample", epsilon: 1e-6, tinySpread: 1e-6, baselineOver: "batch", stdOver: "batch" },
    source: "RAGEN-AI/RAGEN, reward_normalization.grouping=batch, method=mean_std",
  },
  {
    id: "slime-uneven",
    asDescribed: true,
    title: "slime, groups of unequal size",
    values: { std: "sample", epsilon: 1e-6, baselineOver: "batch", stdOver: "batch" },
    source: "THUDM/slime, grpo: where group sizes differ the rewards are normalised over the whole batch",
  },
  {
    id: "paper",
    title: "DeepSeekMath paper",
    values: { std: "sample", epsilon: 0, singleton: "nan", zeroSpread: "zero" },
    source:
      "Shao et al. 2024, DeepSeekMath, section 4.1 (the paper leaves the deviation's divisor and equal rewards open)",
  },
];
