import { statSync } from "node:fs";
import { Failure } from "../model/failure";
import type { ModelKind, Provider, ScoreReport } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { controlScores } from "./controlModels";
import { loadModel, type LoadedModel } from "./loadedModel";
import { locateModel } from "./modelFolder";
import { policyScores } from "./policyScores";
import { processReward } from "./processReward";
import { bestProvider, providersOf } from "./providers";
import { scalarReward } from "./scalarReward";
import type { Scorer } from "./scorer";

const scorers: Readonly<Partial<Record<ModelKind, Scorer>>> = {
  "process-reward": processReward,
  "scalar-reward": scalarReward,
  "policy-lm": policyScores,
  "policy-discrete": controlScores,
  "policy-gaussian": controlScores,
  value: controlScores,
  "transition-reward": controlScores,
};

export interface ScoreRequest {
  readonly modelPath: string;
  readonly provider: Provider | "auto";
  readonly skip?: readonly Provider[];
  readonly trajectories: readonly Trajectory[];
  readonly maxBatchTokens?: number;
  readonly longText?: "refuse" | "slide";
  readonly sharePrefixes?: boolean;
}

export interface ScoreProgress {
  readonly done: number;
  readonly total: number;
  readonly provider: Provider;
  readonly message: string;
}

/** Large enough to keep matrix products busy, small enough for the memory of a small GPU. */
export const DEFAULT_BATCH_TOKENS = 4096;

/** Holds the one model that is in memory: a process never has two sessions at once. */
export class ModelHolder {
  private held: { key: string; model: LoadedModel } | undefined;

  constructor(private readonly threads?: number) {}

  /** The model, loaded now unless it is the one in memory and its file has not changed. */
  async open(path: string, provider: Provider): Promise<{ model: LoadedModel; loadSeconds: number }> {
    const files = locateModel(path);
    const { mtimeMs, size } = statSync(files.onnxPath);
    const key = `${provider} ${files.onnxPath} ${mtimeMs} ${size}`;
    if (this.held?.key === key) return { model: this.held.model, loadSeconds: 0 };
    await this.release();
    const model = await loadModel(files, provider, this.threads);
    this.held = { key, model };
    return { model, loadSeconds: model.loadSeconds };
  }

  async release(): Promise<void> {
    const held = this.held;
    this.held = undefined;
    await held?.model.session.release();
  }
}

/**
 * Scores trajectories with one model on one provider.
 * @throws Failure when the model cannot be used, or `cancelled`
 */
export async function scoreTrajectories(
  holder: ModelHolder,
  request: ScoreRequest,
  signal: AbortSignal,
  report: (progress: ScoreProgress) => void,
): Promise<ScoreReport> {
  const total = request.trajectories.length;
  const provider = await chooseProvider(holder, request);
  report({ done: 0, total, provider, message: "loading the model" });
  const { model, loadSeconds } = await holder.open(request.modelPath, provider);
  const scorer = scorers[model.kind];
  if (!scorer)
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} is of a kind that cannot score (${model.kind}).`,
      "Choose another model.",
    );
  const started = performance.now();
  const outcome = await scorer(model, request.trajectories, {
    signal,
    maxBatchTokens: request.maxBatchTokens ?? DEFAULT_BATCH_TOKENS,
    longText: request.longText ?? "refuse",
    sharePrefixes: request.sharePrefixes ?? true,
    onProgress: (done, message) => report({ done, total, provider, message }),
  });
  return {
    provider,
    modelPath: request.modelPath,
    modelKind: model.kind,
    trajectories: total,
    tokens: outcome.tokens,
    seconds: (performance.now() - started) / 1000,
    loadSeconds,
    cached: 0,
    series: outcome.series,
    failures: outcome.failures,
  };
}

/** The provider to use: the one asked for, or the best that works. @throws Failure `no-such-provider` */
export async function chooseProvider(
  holder: ModelHolder,
  request: { readonly provider: Provider | "auto"; readonly skip?: readonly Provider[] },
): Promise<Provider> {
  if (request.provider !== "auto") {
    const possible = providersOf(process.platform);
    if (!possible.includes(request.provider)) {
      throw new Failure(
        "no-such-provider",
        `The provider ${request.provider} does not exist on ${process.platform}.`,
        `Choose one of ${possible.join(", ")}.`,
      );
    }
    return request.provider;
  }
  return bestProvider({
    ...(request.skip ? { skip: request.skip } : {}),
    beforeProbe: () => holder.release(),
  });
}
