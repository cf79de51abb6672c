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
  { id: "ui-s1", row: 1, title: "UI-S1, semi-online RL", signals: ["uis1", "uis1-return"] },
  { id: "unir", row: 2, title: "UniR, universal reasoner", signals: ["unir-guidance"] },
  {
    id: "spo",
    row: 4,
    title: "Segment Policy Optimization, chain and tree",
    signals: ["spo-chain", "spo-tree"],
    formats: ["spo-tree"],
  },
  { id: "rlfr", row: 5, title: "RLFR, flow rewards", signals: ["rlfr-penalty"] },
  { id: "istar", row: 10, title: "OPRL / iStar", signals: ["istar-token-reward"] },
  { id: "spa-rl", row: 12, title: "SPA-RL, stepwise progress attribution", signals: ["spa-credit"] },
  { id: "taro", row: 24, title: "Practitioner's guide (meow-tea-taro)", signals: ["taro-reward", "gae"] },
  {
    id: "igpo",
    row: 35,
    title: "IGPO, information gain policy optimization",
    signals: ["igpo", "igpo-gain"],
  },
];
