import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";
import type { Expression } from "./expression";

/** What a signal takes as input. Each has one sentence in `needHow` that says how to get it. */
export type Need =
  | "rewards"
  | "outcomeReward"
  | "values"
  | "logprobs"
  | "refLogprobs"
  | "entropies"
  | "tokenMask"
  | "group"
  | "batch"
  | "tree"
  | "stateKeys"
  | "recordedAdvantages"
  | "hiddenStates"
  | "embeddings"
  | "judge"
  | "components"
  | "text"
  | "observations"
  | "actions"
  | "dataset";

/** Level of the numbers that a signal gives. */
export type SignalLevel = "token" | "step" | "trajectory" | "pair" | "group" | "dataset";

export type ParameterValue = number | boolean | string | null;

/** One parameter of a signal; the same schema draws the form, checks the CLI and fills in defaults. */
export interface Parameter {
  readonly name: string;
  /** One line for the form and the docs. */
  readonly description: string;
  readonly type: "number" | "integer" | "boolean" | "choice" | "string";
  readonly choices?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default: ParameterValue;
}

export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/**
 * One thing that a signal reads of a model or of the file, where its name matters. `array`: `inputs.arrays[name]`;
 * `hiddenStates`, `embeddings`, `judge`: the field of the inputs; `step`, `token`, `trajectory`: a series or number of this
 * name in the file's fields, components and columns, or among a model's scores.
 */
export interface SignalInput {
  readonly kind: "array" | "hiddenStates" | "embeddings" | "judge" | "step" | "token" | "trajectory";
  /** Name under which it is looked up; empty for the inputs that have none. */
  readonly name: string;
  /** Shape and content in a few words: "[sentences][D], text embeddings of the goal". */
  readonly meaning: string;
}

/** A named convention: what one library, release or paper does. Unnamed parameters keep their defaults. */
export interface Preset {
  readonly id: string;
  readonly title: string;
  readonly values: ParameterValues;
  /** Repository, file and function, or paper and equation. */
  readonly source: string;
  /** True when it follows a description of the library's code and no number of the library itself stands behind it. */
  readonly asDescribed?: true;
}

/** What a model gave, row-major [rows, width]. */
export interface Matrix {
  readonly rows: number;
  readonly width: number;
  readonly data: Float32Array | Float64Array;
}

/** What models gave for a trajectory that is no series of numbers. The model is run elsewhere; signals hold the arithmetic after it. */
export interface SignalInputs {
  /** Hidden states by layer, from 0 = the embedding layer; one row a token of the trajectory. */
  readonly hiddenStates?: ReadonlyMap<number, Matrix>;
  /** One embedding a step or video frame. */
  readonly embeddings?: Matrix;
  /** Raw replies of a judge, by step; without `step` they are about the whole trajectory. */
  readonly judge?: readonly { readonly step?: number; readonly text: string }[];
  /** Outputs of other models by name: dynamics ensembles, inverse dynamics, flow networks, goal embeddings, probabilities. */
  readonly arrays?: Readonly<Record<string, Matrix>>;
}

/** A member of a group, with what batch-relative signals need of it. */
export interface GroupMember {
  readonly trajectoryId: string;
  /** Total reward; undefined = not recorded, null = recorded as null. */
  readonly reward: number | null | undefined;
  readonly components: Readonly<Record<string, number | null>>;
  readonly stepCount: number;
  readonly tokenCount?: number;
  /** Characters of the policy's own text. */
  readonly responseCharacters?: number;
  readonly success?: boolean | null;
  readonly truncated?: boolean;
  /** The trajectory in full, where the caller has loaded it (needed by step- and token-level group signals). */
  readonly trajectory?: Trajectory;
  /** What models gave for it, where a signal compares members by that. */
  readonly inputs?: SignalInputs;
  /** Series that models produced for it, where a signal reads those of every member. */
  readonly scores?: readonly ScoreSeries[];
}

export interface Group {
  readonly groupId: string;
  readonly trainingStep?: number;
  /** In the file's order; contains the trajectory itself. */
  readonly members: readonly GroupMember[];
  /** Why the group is a guess, when it is one. */
  readonly guess?: string;
}

/** A row of the dataset, for signals that look at the whole run. */
export interface DatasetRow extends GroupMember {
  readonly groupId?: string;
  readonly trainingStep?: number;
}

/** Everything that a signal may look at. Pure data; nothing is loaded behind its back. */
export interface SignalContext {
  readonly trajectory: Trajectory;
  readonly group?: Group;
  readonly tree?: Tree;
  /** All groups of the same training step, for conventions that normalise over the batch; contains `group`. */
  readonly batch?: readonly Group[];
  /** All rows of the dataset in the file's order, without their trajectories. */
  readonly dataset?: readonly DatasetRow[];
  /** Series that models produced for this trajectory (values, rewards, log-probabilities, ...). */
  readonly scores?: readonly ScoreSeries[];
  /** What models gave for this trajectory that is no series. */
  readonly inputs?: SignalInputs;
}

/** A result: one series, or what was missing. */
export type SignalResult =
  | {
      readonly level: SignalLevel;
      /** One number per step, per token, or a single one; NaN = undefined there. */
      readonly values: Float64Array;
      /** Entries whose NaN is recorded as NaN or came out of the formula, where the signal knows; the others have no number. */
      readonly nanAt?: readonly number[];
      /** Further series of the same length, by name (returns beside advantages, for example). */
      readonly parts?: Readonly<Record<string, Float64Array>>;
      /** The group that a batch-relative result was computed over. */
      readonly group?: {
        readonly groupId: string;
        readonly memberIds: readonly string[];
        readonly rewards: readonly (number | null | undefined)[];
      };
      /** Remarks that belong beside the number ("group of one: verl returns the reward itself"). */
      readonly notes: readonly string[];
    }
  | {
      readonly missing: readonly Need[];
      /** One sentence: how to get what is missing. */
      readonly how: string;
    };

/** One line of an explanation: a name, the formula, and its value. */
export interface ExplanationLine {
  /** Left-hand side, as the paper writes it: "A_i", "delta_3". */
  readonly name: string;
  readonly expression: Expression;
  readonly value: number;
}

/** Why a number is what it is. The first line is the number itself, the others define its symbols. */
export interface Explanation {
  readonly title: string;
  /** The convention in words: "verl: sample std (n-1), eps 1e-6". */
  readonly convention: string;
  readonly lines: readonly ExplanationLine[];
  /** Repository, file, function, or paper and equation. */
  readonly source: string;
  readonly notes: readonly string[];
}

/** One method. Declares what it needs and how libraries differ; `compute` and `explain` are pure. */
export interface Signal {
  readonly id: string;
  readonly title: string;
  readonly family: string;
  /** True for the standard estimators that stand beside the published systems; see `systems.ts`. */
  readonly estimator?: true;
  readonly level: SignalLevel;
  /** "reward", "advantage", "nats", "probability", ... */
  readonly unit: string;
  /** True = has a meaningful sign; drawn around zero with a diverging scale. */
  readonly signed: boolean;
  readonly needs: readonly Need[];
  /** What models or files give it under which name, beside rewards and log-probabilities. */
  readonly inputs?: readonly SignalInput[];
  readonly parameters: readonly Parameter[];
  readonly presets: readonly Preset[];
  /** Paper, repository, function. */
  readonly source: string;
  /** Two or three sentences for the docs and the hover. */
  readonly description: string;
  compute(context: SignalContext, parameters: ParameterValues): SignalResult;
  /** @param index step, token or 0, according to the level. Undefined when there is no number there. */
  explain?(context: SignalContext, parameters: ParameterValues, index: number): Explanation | undefined;
}

/** One sentence per need: how a user gets it. */
export const needHow: Readonly<Record<Need, string>> = {
  rewards: "The file records no per-step rewards: choose a reward model, or a format that writes them.",
  outcomeReward: "The file records no reward for the trajectory: score it with a reward model.",
  values: "Needs state values: choose a value model, or a file that records them.",
  logprobs: "Needs policy log-probabilities: choose a policy model.",
  refLogprobs: "Needs reference log-probabilities: choose a reference policy model.",
  entropies: "Needs token entropies: choose a policy model.",
  tokenMask: "The file records no token mask: open the trainer's token export.",
  group: "Needs the other rollouts of the same prompt: open the dataset that holds the whole group.",
  batch: "Needs all groups of the training step: open the dataset that holds the whole step.",
  tree: "Needs a branching tree: open a tree file, or a group with shared prefixes.",
  stateKeys: "Needs environment states that can be compared across rollouts.",
  recordedAdvantages: "The file records no advantages: open the trainer's token export.",
  hiddenStates: "Needs hidden states: choose a policy model exported with them.",
  embeddings: "Needs embeddings: choose an embedding model.",
  judge: "Needs a judge's answers: choose a judge model.",
  components: "The file records no reward components.",
  text: "The file holds no text.",
  observations: "The file holds no observations.",
  actions: "The file holds no actions.",
  dataset: "Needs all rows of the run: open the dataset, not a single trajectory.",
};

/**
 * Merges defaults, a preset and explicit values.
 * @throws Error with one sentence when a preset or parameter does not exist or a value does not fit its schema
 */
export function resolveParameters(
  signal: Signal,
  presetId: string | undefined,
  overrides: Readonly<Record<string, unknown>> = {},
): ParameterValues {
  const values: Record<string, ParameterValue> = {};
  for (const parameter of signal.parameters) values[parameter.name] = parameter.default;
  if (presetId !== undefined) {
    const preset = signal.presets.find((candidate) => candidate.id === presetId);
    if (!preset) {
      throw new Error(
        `Signal ${signal.id} has no preset "${presetId}"; it has ${signal.presets.map((p) => p.id).join(", ") || "none"}.`,
      );
    }
    Object.assign(values, preset.values);
  }
  for (const [name, raw] of Object.entries(overrides)) {
    const parameter = signal.parameters.find((candidate) => candidate.name === name);
    if (!parameter) {
      throw new Error(
        `Signal ${signal.id} has no parameter "${name}"; it has ${signal.parameters.map((p) => p.name).join(", ") || "none"}.`,
      );
    }
    values[name] = parameterValue(signal, parameter, raw);
  }
  return values;
}

function parameterValue(signal: Signal, parameter: Parameter, raw: unknown): ParameterValue {
  const complain = (wanted: string): never => {
    throw new Error(
      `Parameter ${parameter.name} of ${signal.id} must be ${wanted}, not ${JSON.stringify(raw)}.`,
    );
  };
  if (raw === null) return parameter.default === null ? null : complain(parameter.type);
  switch (parameter.type) {
    case "boolean":
      if (raw === true || raw === "true") return true;
      if (raw === false || raw === "false") return false;
      return complain("true or false");
    case "choice":
      if (typeof raw === "string" && parameter.choices?.includes(raw)) return raw;
      return complain(`one of ${parameter.choices?.join(", ")}`);
    case "string":
      return typeof raw === "string" ? raw : complain("text");
    case "number":
    case "integer": {
      const value =
        typeof raw === "number" ? raw : typeof raw === "string" && raw.trim() !== "" ? Number(raw) : NaN;
      if (Number.isNaN(value)) return complain("a number");
      if (parameter.type === "integer" && !Number.isInteger(value)) return complain("a whole number");
      if (parameter.minimum !== undefined && value < parameter.minimum)
        return complain(`at least ${parameter.minimum}`);
      if (parameter.maximum !== undefined && value > parameter.maximum)
        return complain(`at most ${parameter.maximum}`);
      return value;
    }
  }
}
