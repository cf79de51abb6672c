import { createHash } from "node:crypto";
import { Failure } from "../../model/failure";
import type { ModelDeclaration, ServerApi } from "../../model/modelDeclaration";
import type { ModelKind } from "../../model/score";
import type { Trajectory } from "../../model/trajectory";
import { trajectoryHash } from "../contentHash";

/**
 * The ways in which numbers are got from servers, each with the version of its reading: raised when the same server would
 * now give other numbers for the same declaration, so that numbers of the old reading are not answered from the index.
 *
 * Second readings: `/score`, `/classify` and `/pooling` once came squashed whatever the declaration said; a probability of 0 in
 * `/v1/completions` was read as one of e^-9999; KServe's models got the observation itself as the next one. Third: the good one of two numbers of `/pooling` was always the second.
 */
export const READING_VERSIONS = {
  completions: 2,
  embeddings: 1,
  score: 2,
  classify: 2,
  pooling: 3,
  reward: 1,
  kserve: 2,
} as const;

/** How a server is asked for numbers: by the last part of the endpoint, but `reward` for SGLang's `/classify`. */
export type ServerReading = keyof typeof READING_VERSIONS;

const REWARDS: readonly ModelKind[] = ["scalar-reward", "process-reward"];

/** What can be asked of a server of each kind; `undefined` = not declared, so that the kind of model decides. */
const READINGS: Readonly<Record<Exclude<ServerApi, "vscode">, Partial<Record<ModelKind, ServerReading>>>> = {
  openai: { "policy-lm": "completions", embedding: "embeddings" },
  "vllm-score": { "scalar-reward": "score" },
  "vllm-classify": { "scalar-reward": "classify" },
  "sglang-classify": { "scalar-reward": "reward" },
  "vllm-pooling": { "scalar-reward": "pooling", "process-reward": "pooling", embedding: "embeddings" },
  kserve: {
    "policy-lm": "kserve",
    "process-reward": "kserve",
    "scalar-reward": "kserve",
    value: "kserve",
    "transition-reward": "kserve",
  },
};

/**
 * Which endpoint of a declared server gives the numbers of its kind of model. Where `api` is not declared, rewards come from
 * `/pooling` and everything else from the endpoints of OpenAI.
 * @throws Failure `model-does-not-fit` when such a server does not give such numbers
 */
export function serverReading({ api, kind = "unknown", url, name }: ModelDeclaration): ServerReading {
  const server = api ?? (REWARDS.includes(kind) ? "vllm-pooling" : "openai");
  const readings = server === "vscode" ? {} : READINGS[server];
  const reading = readings[kind];
  if (reading !== undefined) return reading;
  const kinds = Object.keys(readings);
  throw new Failure(
    "model-does-not-fit",
    `${name ?? url ?? server} is declared as ${kind}, which a server with api ${server} does not give${kinds.length === 0 ? "" : ` (it gives ${kinds.join(", ")})`}.`,
    "Correct kind or api in trajectoryLens.models.",
  );
}

/**
 * Key under which the index keeps what a server said about one text. A server's weights cannot be seen, so it holds the
 * address, the model's name there, and how the reply is read.
 * @throws Failure as {@link serverReading}
 */
export function remoteKey(
  trajectory: Trajectory,
  declaration: ModelDeclaration,
  versions: Readonly<Record<ServerReading, number>> = READING_VERSIONS,
): string {
  const { name: _name, pricePerMillion: _price, generation: _generation, ...rest } = declaration;
  const reading = serverReading(declaration);
  return createHash("sha256")
    .update(`${trajectoryHash(trajectory)}\nremote, ${reading} ${versions[reading]}\n${JSON.stringify(rest)}`)
    .digest("hex");
}
