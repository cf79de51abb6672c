import { createHash } from "node:crypto";
import type { ModelDeclaration } from "../model/modelDeclaration";
import type { ModelKind, Provider, ScoreReport, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { PolicyQuestion, ScoreExtras } from "../protocol/inferenceCalls";
import { trajectoryHash } from "./contentHash";
import type { CallOptions } from "./processes/pendingCall";

/** Part of every cache key: raised when the way of scoring changes its numbers. */
const SCORING_VERSION = 1;

/** What is told while trajectories are scored. */
export interface ScoreProgress {
  readonly done: number;
  readonly total: number;
  readonly provider: Provider;
  readonly message: string;
}

/**
 * Cached series as those of one trajectory. Equal texts share a key, so that series of several trajectories may come
 * back: the trajectory's own are taken, else those of any one of the others, under this trajectory's id.
 */
export function knownFor(trajectoryId: string, known: readonly ScoreSeries[]): readonly ScoreSeries[] {
  const from = known.some((entry) => entry.trajectoryId === trajectoryId)
    ? trajectoryId
    : known[0]?.trajectoryId;
  return known.filter((entry) => entry.trajectoryId === from).map((entry) => ({ ...entry, trajectoryId }));
}

/** Kinds whose result is a table, and extras that ask for one. */
export function givesTables(kind: ModelKind, parameters: Readonly<Record<string, unknown>>): boolean {
  const extras = parameters["extras"] as ScoreExtras | undefined;
  const questions = parameters["questions"] as readonly PolicyQuestion[] | undefined;
  return (
    [
      "embedding",
      "encoder",
      "autoencoder",
      "inverse-dynamics",
      "dynamics-ensemble",
      "flow",
      "video-reward",
    ].includes(kind) ||
    extras?.topK !== undefined ||
    extras?.hiddenLayers !== undefined ||
    extras?.flow !== undefined ||
    (questions?.some((question) => question.followUps !== undefined) ?? false)
  );
}

/** What of a declaration changes numbers: not its name, prices or generation defaults. */
export function numericPart(declaration: ModelDeclaration): Partial<ModelDeclaration> {
  const {
    name: _name,
    path: _path,
    provider: _provider,
    generation: _generation,
    pricePerMillion: _price,
    ignoreMemory: _memory,
    ...rest
  } = declaration;
  return rest;
}

/** One way of asking the inference process about a portion of trajectories, and what its numbers depend on. */
export interface PortionCall {
  readonly parameters: Readonly<Record<string, unknown>>;
  run(trajectories: readonly Trajectory[], options: CallOptions<ScoreProgress>): Promise<ScoreReport>;
}

/** Key under which the index keeps what one model made of one text on one provider. */
export function cacheKey(
  trajectory: Trajectory,
  modelHashHex: string,
  provider: Provider,
  further: Readonly<Record<string, unknown>> = {},
): string {
  const parameters = JSON.stringify({ version: SCORING_VERSION, provider, ...further });
  return createHash("sha256")
    .update(`${trajectoryHash(trajectory)}\n${modelHashHex}\n${parameters}`)
    .digest("hex");
}
