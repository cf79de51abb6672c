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
    id: "istar",
    row: 10,
    title: "OPRL / iStar",
    signals: ["istar", "istar-token-reward", "istar-preference-loss"],
  },
  {
    id: "spa-rl",
    row: 12,
    title: "SPA-RL, stepwise progress attribution",
    signals: ["spa-progress", "spa-credit", "spa-token-reward"],
  },
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
    id: "calm",
    row: 27,
    title: "CALM, credit assignment with language models",
    signals: ["calm-subgoals", "calm-reward"],
  },
  {
    id: "igpo",
    row: 35,
    title: "IGPO, information gain policy optimization",
    signals: ["igpo", "igpo-gain"],
  },
  { id: "g-ra", row: 47, title: "Gated reward accumulation", signals: ["gated-reward"] },
];
