/** One of the published systems that Trajectory Lens covers. */
export interface PublishedSystem {
  readonly id: string;
  /** Number in the published list, from 1. */
  readonly row: number;
  readonly title: string;
  /** Signals of the catalogue that compute what the system publishes. */
  readonly signals: readonly string[];
  /** Formats that read what the system writes, where it writes something of its own. */
  readonly formats?: readonly string[];
}

/** The published systems in the order of their row, as plain data. */
export const systems: readonly PublishedSystem[] = [
  {
    id: "ui-s1",
    row: 1,
    title: "UI-S1, semi-online RL",
    signals: ["uis1", "uis1-return", "uis1-score", "uis1-patch", "uis1-sop"],
  },
  { id: "unir", row: 2, title: "UniR, universal reasoner", signals: ["unir-guidance", "grpo"] },
  { id: "latr", row: 3, title: "LATR, look-ahead tree rollouts", signals: ["latr-fork", "latr-prune"] },
  {
    id: "spo",
    row: 4,
    title: "Segment Policy Optimization, chain and tree",
    signals: ["spo-chain", "spo-tree"],
    formats: ["spo-tree"],
  },
  { id: "rlfr", row: 5, title: "RLFR, flow rewards", signals: ["rlfr-penalty", "rlfr-advantage"] },
  {
    id: "qd-sparse",
    row: 6,
    title: "Quality diversity in sparse rewards: TAXONS, SERENE",
    signals: ["novelty", "surprise", "emitter-improvement", "archive-coverage"],
  },
  {
    id: "perceptual-rewards",
    row: 7,
    title: "Unsupervised perceptual rewards",
    signals: ["perceptual-reward", "perceptual-steps"],
  },
  {
    id: "reward-design",
    row: 8,
    title: "Reward design: EXPRD, ExploRS, adaptive teacher",
    signals: ["exprd-gap", "explors-reward", "adaptive-teacher", "shaping-invariance", "potential-shaping"],
  },
  {
    id: "lucy-skg",
    row: 9,
    title: "Lucy-SKG, Rocket League",
    signals: ["lucy-krc", "event-reward", "potential-shaping", "team-spirit"],
  },
  {
    id: "istar",
    row: 10,
    title: "OPRL / iStar",
    signals: ["istar", "istar-token-reward", "istar-preference-loss"],
  },
  {
    id: "mrmbench",
    row: 11,
    title: "MRMBench, inference-time probing",
    signals: ["preference-distance", "preference-probe"],
  },
  {
    id: "spa-rl",
    row: 12,
    title: "SPA-RL, stepwise progress attribution",
    signals: ["spa-progress", "spa-credit", "spa-token-reward"],
  },
  {
    id: "reward-specification",
    row: 13,
    title: "Effective reward specification: ASAF, Direct Behavior Specification",
    signals: ["asaf-score", "behaviour-constraints"],
  },
  {
    id: "formalisms",
    row: 14,
    title: "Expressivity of objective-specification formalisms",
    signals: ["ltlf-truth", "reward-machine", "objective"],
  },
  { id: "flr", row: 15, title: "FLR, follow-up likelihood as reward", signals: ["follow-up-likelihood"] },
  {
    id: "stax",
    row: 16,
    title: "STAX",
    signals: ["novelty", "surprise", "emitter-improvement", "archive-coverage"],
  },
  { id: "topological", row: 17, title: "Reward generalisation, topological", signals: ["pair-uncertainty"] },
  { id: "os-genesis", row: 18, title: "OS-Genesis, trajectory reward model", signals: ["trajectory-grade"] },
  { id: "ss-orl", row: 19, title: "SS-ORL, action-free trajectories", signals: ["proxy-action"] },
  { id: "auto-mc-reward", row: 20, title: "Auto MC-Reward", signals: ["auto-mc-reward"] },
  { id: "oni", row: 21, title: "ONI, online intrinsic rewards", signals: ["oni-reward"] },
  { id: "lt-signals", row: 22, title: "Tracing the Traces", signals: ["latent-change", "latent-path"] },
  {
    id: "verl-hidden-states",
    row: 23,
    title: "VERL hidden-state exploration",
    signals: ["effective-rank", "effective-rank-windows", "effective-rank-shaping"],
  },
  {
    id: "taro",
    row: 24,
    title: "Practitioner's guide (meow-tea-taro)",
    signals: ["taro-reward", "taro-token-reward", "gae"],
  },
  {
    id: "instructvideo",
    row: 25,
    title: "InstructVideo",
    signals: ["segmental-video-reward", "segmental-video-frames"],
  },
  {
    id: "morec",
    row: 26,
    title: "MOREC, reward-consistent dynamics",
    signals: ["dynamics-reward", "transition-filter"],
  },
  {
    id: "calm",
    row: 27,
    title: "CALM, credit assignment with language models",
    signals: ["calm-subgoals", "calm-reward"],
  },
  { id: "srpo", row: 28, title: "SRPO, self-referential policy optimization", signals: ["srpo"] },
  { id: "ui-genie", row: 29, title: "UI-Genie", signals: ["ui-genie-score", "ui-genie-match"] },
  {
    id: "contrast-instructions",
    row: 30,
    title: "Contrast Instructions",
    signals: ["contrast-consistency", "reward-fusion", "convex-hull-corner"],
  },
  { id: "vlm-rl", row: 31, title: "VLM-RL", signals: ["vlm-rl-reward", "language-danger"] },
  { id: "resim", row: 32, title: "ReSim and Video2Reward", signals: ["best-of-n-clips"] },
  { id: "androidworld", row: 33, title: "AndroidWorld", signals: ["device-success"] },
  {
    id: "carl",
    row: 34,
    title: "CaRL, driving with simple rewards",
    signals: ["carl-driving", "carl-planning", "ride-comfort"],
  },
  {
    id: "igpo",
    row: 35,
    title: "IGPO, information gain policy optimization",
    signals: ["igpo", "igpo-gain"],
  },
  { id: "btl-ui", row: 36, title: "BTL-UI", signals: ["blink-link"] },
  {
    id: "goal-conditioned-rm",
    row: 37,
    title: "Goal-conditioned reward model",
    signals: ["goal-q-value", "goal-filter"],
  },
  { id: "vlm-rms", row: 38, title: "VLM-RMs", signals: ["goal-baseline"] },
  { id: "ads", row: 39, title: "Automatic discount scheduling", signals: ["ot-reward", "ads-progress"] },
  {
    id: "irl-llm",
    row: 40,
    title: "Inverse RL meets LLM post-training",
    signals: [
      "best-of-n-curve",
      "proxy-gold-gap",
      "preference-information",
      "attention-credit",
      "embedding-reward",
    ],
  },
  {
    id: "bat",
    row: 41,
    title: "BAT, behaviour-aware trajectory prediction",
    signals: ["forecast-error", "forecast-nll", "neighbour-centrality"],
  },
  { id: "vlac", row: 42, title: "VLAC", signals: ["vlac-value", "vlac-order"] },
  { id: "nap", row: 43, title: "End-to-end meta-BO (NAP)", signals: ["optimisation-regret"] },
  {
    id: "rewardbench-2",
    row: 44,
    title: "RewardBench 2",
    signals: ["best-of-n-accuracy", "ties-score", "prefix-gain", "dpo-implicit-reward", "judge-rating"],
  },
  {
    id: "xcomposer-reward",
    row: 45,
    title: "InternLM-XComposer2.5-Reward",
    signals: ["prefix-gain", "style-matrix"],
  },
  { id: "barfi", row: 46, title: "BARFI, behaviour alignment", signals: ["barfi"] },
  { id: "g-ra", row: 47, title: "Gated reward accumulation", signals: ["gated-reward"] },
  {
    id: "unifiedreward-think",
    row: 48,
    title: "UnifiedReward-Think",
    signals: ["judge-table", "judge-verdict-reward"],
  },
];
