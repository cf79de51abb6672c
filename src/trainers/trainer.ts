/** A Python function of a trainer that rewards or credits trajectories, as found in source text. */
export interface CreditFunction {
  readonly kind: "reward" | "advantage";
  readonly name: string;
  /** Zero-based line of the `def`. */
  readonly line: number;
}

/** How to start a training run found in the workspace. */
export interface Launch {
  /** Stable id inside the workspace. */
  readonly id: string;
  readonly label: string;
  /** Absolute working directory. */
  readonly cwd: string;
  /**
   * Program and arguments; `${python}` stands for the interpreter the user chose, `${run}` for the name of a fresh
   * run folder (both filled by `launchCommand`).
   */
  readonly command: readonly string[];
  /** Folders, absolute, where its rollouts appear. */
  readonly outputs: readonly string[];
  readonly detail: string;
}

/** One file per trainer in src/trainers: how to recognise it, launch it, and where its credit code is. Pure. */
export interface Trainer {
  readonly id: string;
  readonly title: string;
  /** Ids of the formats that it writes. */
  readonly formats: readonly string[];
  /** Preset ids of group-advantage and GAE signals that reproduce its numbers. */
  readonly presets: Readonly<Record<string, string>>;
  /** Reward and advantage functions in a Python source text. */
  creditFunctions(path: string, source: string): readonly CreditFunction[];
  /** Launchable scripts, given the workspace's script paths and a way to read them. */
  launches(scripts: readonly { readonly path: string; readonly text: string }[]): readonly Launch[];
}
