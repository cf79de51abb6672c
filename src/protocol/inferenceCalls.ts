import type { ContextPolicy, ModelDeclaration } from "../model/modelDeclaration";
import type { ModelInfo, Provider, ScoreReport } from "../model/score";
import type { PortableRows } from "../model/portableRow";
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

/** How LATR decides where a look-ahead tree branches and which branches live; defaults are the release's. */
export interface LookAheadRule {
  /** Probability that a runner-up must have. */
  readonly absolute: number;
  /** Bound on its distance to the likeliest token. */
  readonly relative: number;
  /** "below" since 23 January 2026; "above" in earlier commits. */
  readonly gap: "below" | "above";
  /** Branches in all. */
  readonly capacity: number;
  /** Ages in tokens at which a branch is compared with its parent. */
  readonly ages: readonly number[];
  /** Dropped when edit distance / age is below this. */
  readonly edit?: number;
  /** Dropped when the share of a repeated end is above this. */
  readonly suffix?: number;
  /** Dropped when ROUGE-L is above this. */
  readonly rouge?: number;
}

/** One row of a look-ahead tree, roots first. */
export interface LookAheadBranch {
  /** Index of the row it left, -1 for the root. */
  readonly parent: number;
  /** New tokens of the parent before it left. */
  readonly birthStep: number;
  /** Characters of the parent's text before it left. */
  readonly birthCharacters: number;
  readonly ids: Int32Array;
  readonly text: string;
  /** Sum of log(p + 1e-9) of its tokens since the fork, in nats. */
  readonly logprob: number;
  readonly stopReason: "end" | "stop" | "length" | "context" | "pruned";
  /** Why it was pruned. */
  readonly reason?: string;
  /** Probabilities of the likeliest token and of its own where it left its parent. */
  readonly forkProbabilities?: readonly [top: number, own: number];
  /** Branches that it would have opened, had there been room. */
  readonly suppressed: number;
}

/** What to compute beside a model's usual numbers. */
export interface ScoreExtras {
  /** Policies: so many likeliest alternatives per token (arrays `topk_id`, `topk_logprob`). */
  readonly topK?: number;
  /** Policies: hidden states after these layers (array `hidden_states`), 0 = the embedding layer, -1 = the last. */
  readonly hiddenLayers?: readonly number[];
  /** Policies: a second model with the same tokenizer, for `ref_logprob` and the exact `kl` per token. */
  readonly reference?: string;
  /** Policies: a second model whose logits are added (UniR): `combined_logprob`, `backbone_logprob`, `guidance`. */
  readonly backbone?: string;
  /** Factor of the scored model's own logits when a backbone is added; default 1. */
  readonly composeWeight?: number;
  /** Policies: a flow network over hidden states (RLFR), for `flow_deviation`. */
  readonly flow?: string;
  /** Draws of the flow network's noise; default 4. */
  readonly flowDraws?: number;
  /** Scalar rewards: also the reward of everything up to the end of each turn (`prefix_reward`). */
  readonly prefixes?: boolean;
  /** Reward models that give a number per token: also that series (`token_reward`). */
  readonly perToken?: boolean;
}

/** One question put to a policy behind a context, and the answers whose probability is wanted. */
export interface PolicyQuestion {
  /** Names the series: `NAME` for follow-ups, `NAME` in 0..1 for judgements. */
  readonly name: string;
  /** Text put behind the context; follow-ups and judgements begin here. */
  readonly text: string;
  /** Follow-ups and their sign: +1 for a satisfied user's, -1 for a dissatisfied one's. */
  readonly followUps?: readonly { readonly text: string; readonly sign: 1 | -1 }[];
  /** Texts for yes and no: the first tokens' probabilities give p(yes) / (p(yes) + p(no)). */
  readonly judgement?: readonly [yes: string, no: string];
  /** After every policy step, or once behind the whole trajectory. */
  readonly at: "step" | "trajectory";
}

/** What counts as success of a continuation. */
export type Grader =
  /** The last line is this text. */
  | { readonly kind: "exact"; readonly answer: string }
  /** The last number is this one. */
  | { readonly kind: "numeric"; readonly answer: number; readonly tolerance?: number }
  | { readonly kind: "regex"; readonly pattern: string; readonly flags?: string };

/** Monte-Carlo value of a state: the share of its continuations that succeed, or their mean reward. */
export interface StateValue {
  readonly afterStep: number;
  /** Continuations that succeeded; absent where the grader gives rewards instead of verdicts. */
  readonly successes?: number;
  readonly trials: number;
  readonly value: number;
  /** 95 % interval; without bounds where the rewards show no spread. */
  readonly interval: readonly [number, number];
  /**
   * "Wilson score" for shares, "Student t" for mean rewards, "no spread" where all rewards are equal, which bounds no mean;
   * absent = not graded yet.
   */
  readonly method?: "Wilson score" | "Student t" | "no spread";
  /** Without spread: the share of further continuations that may have another reward, with 95 % confidence. */
  readonly othersAtMost?: number;
  /** What was said from the first policy step on, per continuation: what a grader reads. */
  readonly texts?: readonly string[];
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
    params: { path: string; declaration?: ModelDeclaration };
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
      /** Texts longer than the model's context; default: what the declaration says, else refused in words. */
      longText?: ContextPolicy;
      extras?: ScoreExtras;
      declaration?: ModelDeclaration;
      /** Folders of datasets by id, for media whose paths are not relative to the trajectory's own file. */
      mediaRoots?: Readonly<Record<string, string>>;
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
      declaration?: ModelDeclaration;
    };
    result: {
      readonly provider: Provider;
      readonly modelPath: string;
      readonly continuations: readonly Continuation[];
      /** Text before the fork, as the model read it. */
      readonly prefix: string;
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
      /** Without one, the continuations come back ungraded (`texts`), for a grader that lives elsewhere. */
      grader?: Grader;
      declaration?: ModelDeclaration;
    };
    result: {
      readonly provider: Provider;
      readonly modelPath: string;
      readonly values: readonly StateValue[];
      readonly tokens: number;
      readonly seconds: number;
      readonly loadSeconds: number;
    };
    progress: {
      done: number;
      total: number;
      provider: Provider;
      /** After each state: those that are done. */
      values?: readonly StateValue[];
      /** In between: what the continuations of the next one say so far. */
      texts?: readonly string[];
    };
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
      declaration?: ModelDeclaration;
    };
    result: ScoreReport;
    progress: { done: number; total: number; provider: Provider; message: string };
  };
  /** Grows a look-ahead tree from one place: greedy rows that branch where a runner-up is nearly as likely (LATR). */
  lookAhead: {
    params: {
      modelPath: string;
      provider: Provider | "auto";
      skip?: readonly Provider[];
      trajectory: Trajectory;
      point: ForkPoint;
      maxNewTokens: number;
      stop: readonly string[];
      rule: LookAheadRule;
      declaration?: ModelDeclaration;
    };
    result: {
      readonly provider: Provider;
      readonly modelPath: string;
      readonly branches: readonly LookAheadBranch[];
      readonly prefix: string;
      readonly prefixTokens: number;
      readonly tokens: number;
      readonly seconds: number;
      readonly loadSeconds: number;
    };
    progress: { done: number; total: number; provider: Provider; texts: readonly string[] };
  };
  /** Likelihoods of follow-ups (FLR) and two-token judgements (UI-Genie) behind trajectories or their steps. */
  questions: {
    params: {
      modelPath: string;
      provider: Provider | "auto";
      skip?: readonly Provider[];
      trajectories: readonly Trajectory[];
      questions: readonly PolicyQuestion[];
      maxBatchTokens?: number;
      declaration?: ModelDeclaration;
    };
    result: ScoreReport;
    progress: { done: number; total: number; provider: Provider; message: string };
  };
  /** The text that a model would read of a trajectory, for servers that have no tokenizer of ours. */
  prepare: {
    params: { tokenizer: string; trajectory: Trajectory };
    result: {
      readonly text: string;
      readonly method: string;
      readonly spans: readonly {
        readonly step: number;
        readonly start: number;
        readonly end: number;
        readonly policy: boolean;
      }[];
      readonly ids: Int32Array;
      readonly tokens: readonly { readonly start: number; readonly end: number }[];
    };
  };
  /** Trajectories as rows that any onnxruntime can score with this model, for jobs on other machines. */
  portableRows: {
    params: { modelPath: string; trajectories: readonly Trajectory[] };
    result: PortableRows;
  };
  /** Drops loaded sessions. */
  unload: { params: Record<string, never>; result: null };
};
