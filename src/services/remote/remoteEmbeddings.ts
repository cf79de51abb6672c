import * as v from "valibot";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ScoreArray } from "../../model/score";
import type { Step, Trajectory } from "../../model/trajectory";
import { askServer, endpoint, type HttpOptions } from "./http";
import { readReply } from "./serverReply";

const embeddingSchema = v.object({
  data: v.pipe(
    v.array(v.looseObject({ embedding: v.array(v.number()), index: v.optional(v.number()) })),
    v.minLength(1),
  ),
});

/** Texts of one request for embeddings: the fewest that a server takes unless told otherwise (Text Embeddings Inference). */
const TEXTS_AT_ONCE = 32;

const textOfStep = (step: Step): string =>
  [step.observation, step.thought, step.action]
    .filter((piece) => piece !== undefined && piece !== "")
    .join("\n");

/**
 * Embeddings of a trajectory's steps from `/v1/embeddings`.
 * @returns table `embeddings`, one row a step, NaN for steps without text
 * @throws Failure in one sentence
 */
export async function remoteEmbeddings(
  declaration: ModelDeclaration,
  modelPath: string,
  trajectory: Trajectory,
  options: HttpOptions,
): Promise<ScoreArray> {
  const url = endpoint(declaration.url!, "embeddings");
  const steps = trajectory.steps.filter((step) => textOfStep(step) !== "");
  if (steps.length === 0)
    throw new Failure("no-text", `Trajectory ${trajectory.id} holds no text.`, "Choose another one.");
  const vectors: (readonly number[])[] = [];
  for (let start = 0; start < steps.length; start += TEXTS_AT_ONCE) {
    const part = steps.slice(start, start + TEXTS_AT_ONCE);
    const body = {
      ...(declaration.model === undefined ? {} : { model: declaration.model }),
      input: part.map(textOfStep),
    };
    const { data } = readReply(url, "/v1/embeddings", embeddingSchema, await askServer(url, body, options));
    data.forEach((entry, i) => (vectors[start + (entry.index ?? i)] = entry.embedding));
    if (data.length !== part.length || vectors.length !== start + part.length)
      throw new Failure(
        "server-reply",
        `${url} gives ${data.length} embeddings for ${part.length} texts.`,
        "Look at the server's log.",
      );
  }
  const width = vectors[0]?.length ?? 0;
  // A gap in the list is an index that came twice.
  if (Array.from(vectors).some((vector) => vector?.length !== width))
    throw new Failure(
      "server-reply",
      `${url} gives embeddings of different lengths, or two for the same text.`,
      "Look at the server's log.",
    );
  const table = new Float32Array(trajectory.steps.length * width).fill(NaN);
  steps.forEach((step, i) => table.set(vectors[i]!, step.index * width));
  return {
    trajectoryId: trajectory.id,
    modelPath,
    modelKind: "embedding",
    provider: "remote",
    name: "embeddings",
    level: "step",
    rows: trajectory.steps.length,
    width,
    data: table,
    method: `one a step, from ${url}`,
  };
}
