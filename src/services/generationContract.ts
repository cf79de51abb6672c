import type { Provider } from "../model/score";
import type { Tree } from "../model/tree";
import type {
  ForkPoint,
  GenerationOptions,
  Grader,
  LookAheadRule,
  StateValue,
} from "../protocol/inferenceCalls";
import type { Task, Unsubscribe } from "./services";

/** What the user asks for with "Fork here". */
export interface ForkRequest {
  readonly trajectoryId: string;
  /** Path or declared name of a policy. */
  readonly model: string;
  readonly provider: Provider | "auto";
  readonly point: ForkPoint;
  readonly options: GenerationOptions;
  /** Folder for the branches' file; default: the storage folder. Never beside the data unless the user names it. */
  readonly folder?: string;
}

export interface LookAheadRequest extends Omit<ForkRequest, "options"> {
  readonly maxNewTokens: number;
  readonly stop: readonly string[];
  readonly rule: LookAheadRule;
}

/** One branch that was generated here. */
export interface GeneratedBranch {
  /** Stable: names the branch in its file. */
  readonly id: string;
  /** Where it is kept. */
  readonly file: string;
  /** Trajectory that it leaves, and its group. */
  readonly trajectoryId: string;
  readonly groupId?: string;
  readonly afterStep: number;
  readonly afterToken?: number;
  /** Branch of the same file that it leaves, in look-ahead trees, and after how many of its characters. */
  readonly parentBranch?: string;
  readonly parentCharacters?: number;
  /** What was generated: without what the parent branch said before. */
  readonly text: string;
  readonly tokens: number;
  /** Sum of the log-probabilities of its tokens, in nats. */
  readonly logprob: number;
  readonly stopReason: string;
  readonly status: "generated" | "pruned";
  readonly reason?: string;
  readonly model: string;
  readonly provider: string;
  /** Temperature, top-p, seed and the like, as one line. */
  readonly how: string;
  readonly created: string;
  /** Id under which the index knows it as a trajectory; absent until its file is indexed. */
  readonly indexedAs?: string;
}

export interface ForkReport {
  readonly provider: Provider;
  readonly model: string;
  readonly file: string;
  readonly branches: readonly GeneratedBranch[];
  readonly prefixTokens: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly loadSeconds: number;
}

/** How continuations are graded: built in, or the user's own Python reward function. */
export type ValueGrader =
  | Grader
  | {
      readonly kind: "python";
      readonly file: string;
      readonly functionName: string;
      readonly python: string;
    };

export interface ValueRequest extends Omit<ForkRequest, "point" | "folder"> {
  /** Steps behind whose states a value is wanted; absent = behind the prompt and every policy step. */
  readonly afterSteps?: readonly number[];
  readonly grader: ValueGrader;
}

export interface ValueReport {
  readonly provider: Provider;
  readonly model: string;
  readonly values: readonly StateValue[];
  readonly tokens: number;
  readonly seconds: number;
  readonly loadSeconds: number;
}

export interface GenerationProgress {
  readonly done: number;
  readonly total: number;
  readonly provider: Provider;
  /** Text of every continuation so far, while they are being written. */
  readonly texts?: readonly string[];
}

/** Continuing trajectories with a local policy. Branches are kept in files of their own. */
export interface Generation {
  fork(request: ForkRequest, task?: Task<GenerationProgress>): Promise<ForkReport>;
  lookAhead(request: LookAheadRequest, task?: Task<GenerationProgress>): Promise<ForkReport>;
  /** Monte-Carlo values of states; also kept as the step series `mc_value` of the model. */
  value(request: ValueRequest, task?: Task<GenerationProgress>): Promise<ValueReport>;
  /** Branches generated from trajectories of a group, or from one trajectory; newest last. */
  branches(of: {
    readonly groupId?: string;
    readonly trajectoryId?: string;
  }): Promise<readonly GeneratedBranch[]>;
  /** Deletes a branch and those that left it. @returns how many are gone */
  deleteBranch(id: string): Promise<number>;
  /** The tree of a group with the generated branches in it. */
  tree(groupId: string): Promise<Tree>;
  onChange(listener: (change: { readonly trajectoryId: string }) => void): Unsubscribe;
}
