import type { ModelInfo, Provider, ScoreReport } from "../model/score";
import type { Trajectory } from "../model/trajectory";

export interface ProviderStatus {
  readonly provider: Provider;
  readonly available: boolean;
  /** Why not, in one sentence, or what it runs on. */
  readonly detail: string;
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
  inspect: { params: { path: string }; result: ModelInfo & { readonly inputs: readonly string[]; readonly outputs: readonly string[] } };
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
  /** Drops loaded sessions. */
  unload: { params: Record<string, never>; result: null };
};
