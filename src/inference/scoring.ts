import { Failure } from "../model/failure";
import type { ContextPolicy, ModelDeclaration } from "../model/modelDeclaration";
import type { ModelKind, Provider, ScoreReport } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { ScoreExtras } from "../protocol/inferenceCalls";
import { companionOf } from "./companion";
import { controlScores } from "./controlModels";
import { embeddings } from "./embeddings";
import { episodeModels } from "./episodeModels";
import { isVelocityNetwork } from "./flowDeviation";
import { imageEmbeddings, readsPictures } from "./imageEmbeddings";
import { loadModel, type LoadedModel } from "./loadedModel";
import { filesStamp, locateModel, withDeclaration, type ModelFiles } from "./modelFolder";
import { policyScores } from "./policyScores";
import { preferencePairs } from "./preferencePairs";
import { contextPolicy } from "./preparedText";
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
  embedding: embeddings,
  "preference-pair": preferencePairs,
  encoder: episodeModels,
  autoencoder: episodeModels,
  "inverse-dynamics": episodeModels,
  "dynamics-ensemble": episodeModels,
  flow: episodeModels,
  "video-reward": episodeModels,
};

export interface ScoreRequest {
  readonly modelPath: string;
  readonly provider: Provider | "auto";
  readonly skip?: readonly Provider[];
  readonly trajectories: readonly Trajectory[];
  readonly maxBatchTokens?: number;
  readonly longText?: ContextPolicy;
  readonly sharePrefixes?: boolean;
  readonly extras?: ScoreExtras;
  readonly declaration?: ModelDeclaration;
  readonly mediaRoots?: Readonly<Record<string, string>>;
}

export interface ScoreProgress {
  readonly done: number;
  readonly total: number;
  readonly provider: Provider;
  readonly message: string;
}

/** Large enough to keep matrix products busy, small enough for the memory of a small GPU. */
export const DEFAULT_BATCH_TOKENS = 4096;

/**
 * Holds the model that is in memory, and the second one that it is compared with. On a GPU a process never has two
 * sessions at once, so the second model then runs on the CPU.
 */
export class ModelHolder {
  private held: { key: string; model: LoadedModel } | undefined;
  private beside: { key: string; model: LoadedModel } | undefined;

  constructor(private readonly threads?: number) {}

  /** The model, loaded now unless it is the one in memory and its file has not changed. */
  async open(
    path: string,
    provider: Provider,
    declaration?: ModelDeclaration,
  ): Promise<{ model: LoadedModel; loadSeconds: number }> {
    const files = withDeclaration(locateModel(path), declaration);
    const key = keyOf(files, provider, declaration);
    if (this.held?.key === key) return { model: this.held.model, loadSeconds: 0 };
    await this.release();
    const model = await loadModel(files, provider, this.threads);
    this.held = { key, model };
    return { model, loadSeconds: model.loadSeconds };
  }

  /**
   * A second model, for comparison with the one that `open` gave.
   * @param half true for the other half of that model
   */
  async openSecond(
    path: string,
    provider: Provider,
    half = false,
  ): Promise<{ model: LoadedModel; loadSeconds: number }> {
    const files = locateModel(path);
    const own = provider === "cuda" ? provider : "cpu";
    const key = keyOf(files, own, undefined);
    if (this.beside?.key === key) return { model: this.beside.model, loadSeconds: 0 };
    const beside = this.beside;
    this.beside = undefined;
    await beside?.model.session.release();
    const model = await loadModel(files, own, this.threads, half);
    this.beside = { key, model };
    return { model, loadSeconds: model.loadSeconds };
  }

  async release(): Promise<void> {
    const [held, beside] = [this.held, this.beside];
    this.held = undefined;
    this.beside = undefined;
    await held?.model.session.release();
    await beside?.model.session.release();
  }
}

/** A model that was trained further is loaded anew, also where only its weights' own file changed. */
const keyOf = (files: ModelFiles, provider: Provider, declaration: ModelDeclaration | undefined): string =>
  `${provider}\n${filesStamp(files)}\n${JSON.stringify(declaration ?? {})}`;

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
  const { model, loadSeconds } = await holder.open(request.modelPath, provider, request.declaration);
  const extras = request.extras ?? {};
  checkExtras(model, extras);
  const secondPath = extras.reference ?? extras.backbone ?? extras.flow;
  const second = secondPath === undefined ? undefined : await holder.openSecond(secondPath, provider);
  if (second && extras.flow !== undefined) requireVelocityNetwork(second.model);
  else if (second && second.model.kind !== "policy-lm")
    throw new Failure(
      "model-does-not-fit",
      `${second.model.files.name} is of kind ${second.model.kind}; a policy is compared with a policy.`,
      "Choose a causal language model with the same tokenizer.",
    );
  const scorer = model.kind === "embedding" && readsPictures(model) ? imageEmbeddings : scorers[model.kind];
  if (!scorer)
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} is of a kind that cannot score (${model.kind}).`,
      "Choose another model.",
    );
  const half = second ? undefined : companionOf(model);
  const companion = half === undefined ? undefined : await holder.openSecond(half, provider, true);
  const started = performance.now();
  const used = process.cpuUsage();
  const outcome = await scorer(model, request.trajectories, {
    signal,
    maxBatchTokens: request.maxBatchTokens ?? DEFAULT_BATCH_TOKENS,
    longText: contextPolicy(model, request.longText),
    sharePrefixes: request.sharePrefixes ?? true,
    extras,
    ...(second ? (extras.flow === undefined ? { second: second.model } : { flow: second.model }) : {}),
    ...(companion ? { companion: companion.model } : {}),
    ...(request.mediaRoots ? { mediaRoots: request.mediaRoots } : {}),
    onProgress: (done, message) => report({ done, total, provider, message }),
  });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(used);
  return {
    provider,
    modelPath: request.modelPath,
    modelKind: model.kind,
    trajectories: total,
    tokens: outcome.tokens,
    seconds,
    processorSeconds: (user + system) / 1e6,
    loadSeconds: loadSeconds + (second?.loadSeconds ?? companion?.loadSeconds ?? 0),
    cached: 0,
    series: outcome.series,
    ...(outcome.arrays && outcome.arrays.length > 0 ? { arrays: outcome.arrays } : {}),
    failures: outcome.failures,
  };
}

/** @throws Failure `bad-parameter` for extras that this kind of model cannot give */
function checkExtras(model: LoadedModel, extras: ScoreExtras): void {
  const { topK, reference, backbone, flow, flowDraws, hiddenLayers } = extras;
  const wrong = (what: string): never => {
    throw new Failure("bad-parameter", what, "Leave it out, or choose a policy.");
  };
  if (topK !== undefined && (!Number.isInteger(topK) || topK < 1 || topK > 100))
    wrong(`Alternatives per token must be 1 to 100, not ${topK}.`);
  if (reference !== undefined && backbone !== undefined)
    wrong("A model is compared with a reference or added to a backbone, not both at once.");
  if (flow !== undefined && (reference ?? backbone) !== undefined)
    wrong("A flow network, a reference and a backbone are second models, and one is taken at a time.");
  if (flowDraws !== undefined && (!Number.isInteger(flowDraws) || flowDraws < 1 || flowDraws > 64))
    wrong(`Draws of the noise must be 1 to 64, not ${flowDraws}.`);
  const wanted = [topK, reference, backbone, flow, hiddenLayers].some((extra) => extra !== undefined);
  if (wanted && model.kind !== "policy-lm")
    wrong(
      `${model.files.name} is of kind ${model.kind}; alternatives, hidden states and second models are for causal language models.`,
    );
}

/** @throws Failure `model-does-not-fit` when the model is no flow network over hidden states */
function requireVelocityNetwork(model: LoadedModel): void {
  if (model.kind === "flow" && isVelocityNetwork(model)) return;
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} is of kind ${model.kind} and no flow network over hidden states (x_t, t, condition, layer in; velocity out).`,
    "Choose RLFR's flow network, exported to ONNX.",
  );
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

/** @throws Failure `model-does-not-fit` when the model is no causal language model */
export function requireAnswerer(model: LoadedModel): void {
  if (model.kind === "policy-lm") return;
  throw new Failure(
    "model-does-not-fit",
    `${model.files.name} is of kind ${model.kind}; only a language model gives the probability of an answer.`,
    "Choose a policy.",
  );
}
