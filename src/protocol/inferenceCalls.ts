import type { ModelInfo, Provider, ScoreReport } from "../model/score";
import type { Trajectory } from "../model/trajectory";

export interface ProviderStatus {
  readonly provider: Provider;
  readonly available: boolean;
  /** Why not, in one sentence, or what it runs on. */
  readonly detail: string;
}

/** Where a text is continued: behind a step (also the prompt's), or behind one of the model's tokens. */
export type ForkPoint = { readonly afterStep: number } | { readonly afterToken: number };

export interface GenerationOptions {
  /** How many continuations. */
  readonly count: number;
  /** 0 = greedy. */
  readonly temperature: number;
  /** 1 = nothing cut. */
  readonly topP: number;
  readonly maxNewTokens: number;
  /** Texts that end a continuation; they are kept in it. */
  readonly stop: readonly string[];
  /** Same seed, same continuations. */
  readonly seed: number;
}

export interface Continuation {
  readonly text: string;
  readonly ids: Int32Array;
  /** Log-probability of each token under the model itself (temperature 1), in nats. */
  readonly logprobs: Float64Array;
  /** "end" = the model ended it, "stop" = a stop text, "length" / "context" = cut, "nan" = the model gave no numbers. */
  readonly stopReason: "end" | "stop" | "length" | "context" | "nan";
}

/** What counts as success of a continuation. */
export type Grader =
  /** The last line is this text. */
  | { readonly kind: "exact"; readonly answer: string }
  /** The last number is this one. */
  | { readonly kind: "numeric"; readonly answer: number; readonly tolerance?: number }
  | { readonly kind: "regex"; readonly pattern: string; readonly flags?: string };

/** Monte-Carlo value of a state: the share of its continuations that succeed. */
export interface StateValue {
  readonly afterStep: number;
  readonly successes: number;
  readonly trials: number;
  readonly value: number;
  /** Wilson's 95 % interval. */
  readonly interval: readonly [number, number];
}

/** Calls that the inference process answers, one at a time. */
export type InferenceCalls = {
  /** Probes each provider of this platform alone, in order of preference, with a tiny real session. */
  providers: {
    /** `skip`: not probed and reported as unavailable, because an earlier probe took the process down. */
    params: { readonly skip?: readonly Provider[] };
    result: readonly ProviderStatus[];
    /** Told before each probe, so that the supervisor knows which one ended the process. */
    progress: { readonly probing: Provider };
  };
  /** Looks at a model without keeping it: kind, inputs, problem. */
  inspect: {
    params: { path: string };
    result: ModelInfo & { readonly inputs: readonly string[]; readonly outputs: readonly string[] };
  };
  score: {
    params: {
      modelPath: string;
      /** "auto" = the best available (probed in this process unless `providers` was called before). */
      provider: Provider | "auto";
      /** Providers that "auto" must not touch. */
      skip?: readonly Provider[];
      trajectories: readonly Trajectory[];
      /** Tokens in one batch at most. */
      maxBatchTokens?: number;
      /** Texts longer than the model's context: refused in words (default), or read in overlapping windows (policies). */
      longText?: "refuse" | "slide";
      /** False computes each trajectory on its own instead of shared prefixes once, for comparison. Default true. */
      sharePrefixes?: boolean;
    };
    result: ScoreReport;
    progress: { done: number; total: number; provider: Provider; message: string };
  };
  /** "Fork here": continues a trajectory from a step or token with a language model. */
  generate: {
    params: {
      modelPath: string;
      provider: Provider | "auto";
      skip?: readonly Provider[];
      trajectory: Trajectory;
      point: ForkPoint;
      options: GenerationOptions;
    };
    result: {
      readonly provider: Provider;
      readonly modelPath: string;
      readonly continuations: readonly Continuation[];
      /** Tokens before the fork. */
      readonly prefixTokens: number;
      readonly tokens: number;
      readonly seconds: number;
      readonly loadSeconds: number;
    };
    /** Text of every continuation so far. */
    progress: { done: number; total: number; provider: Provider; texts: readonly string[] };
  };
  /** Value of the states behind the given steps, by continuing each several times and grading the ends. */
  stateValues: {
    params: {
      modelPath: string;
      provider: Provider | "auto";
      skip?: readonly Provider[];
      trajectory: Trajectory;
      afterSteps: readonly number[];
      options: GenerationOptions;
      grader: Grader;
    };
    result: {
      readonly provider: Provider;
      readonly modelPath: string;
      readonly values: readonly StateValue[];
      readonly tokens: number;
      readonly seconds: number;
      readonly loadSeconds: number;
    };
    progress: { done: number; total: number; provider: Provider; values: readonly StateValue[] };
  };
  /**
   * The policy's belief in the ground truth before each of its steps (step series `answer_logprob`): the template,
   * with `{answer}` or `{answer.field}` filled in, is put behind what was said so far.
   */
  answerBelief: {
    params: {
      modelPath: string;
      provider: Provider | "auto";
      skip?: readonly Provider[];
      trajectories: readonly Trajectory[];
      template: string;
      maxBatchTokens?: number;
    };
    result: ScoreReport;
    progress: { done: number; total: number; provider: Provider; message: string };
  };
  /** Drops loaded sessions. */
  unload: { params: Record<string, never>; result: null };
};
