import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { Failure } from "../model/failure";

/** Sets how a score is read when the exporter says so: the `trajectory_lens` block of a model folder's config.json. */
const lensSchema = v.object({
  kind: v.optional(v.string()),
  /** "step-end": the score stands at the token that ends a step; "token": at every token; "trajectory": one number. */
  level: v.optional(v.string()),
  /** Text that ends a step in what the model was trained on, e.g. a line feed or a special token. */
  step_separator: v.optional(v.string()),
  /** Name of the output that holds the score. */
  output: v.optional(v.string()),
  /** Whether the graph's output is already squashed into (0, 1). */
  sigmoid_applied: v.optional(v.boolean()),
  /** Squashing to apply: "sigmoid", "softmax" or "none". */
  activation: v.optional(v.string()),
  /** Tokens for a good and a bad step, for reward models that answer in their vocabulary. */
  step_labels: v.optional(v.tuple([v.string(), v.string()])),
  /** How token embeddings become one: "mean", "cls", "last" or "max". */
  pooling: v.optional(v.picklist(["mean", "cls", "last", "max"])),
  normalise: v.optional(v.boolean()),
  /** Text of a preference model's input, with {prompt}, {a} and {b}. */
  pair_template: v.optional(v.string()),
  /** What to do with texts longer than the context: "refuse", "truncate-head" or "slide". */
  context: v.optional(v.picklist(["refuse", "truncate-head", "slide"])),
  /** Load the model although it does not seem to fit into memory. */
  ignore_memory: v.optional(v.boolean()),
  /** Most frames of a video that are read. */
  frames: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  /** Texts of an image-text model whose embeddings are wanted, by the names under which signals look for them. */
  texts: v.optional(v.record(v.string(), v.array(v.string()))),
});

const configSchema = v.looseObject({
  model_type: v.optional(v.string()),
  architectures: v.optional(v.nullable(v.array(v.string()))),
  vocab_size: v.optional(v.number()),
  max_position_embeddings: v.optional(v.nullable(v.number())),
  n_positions: v.optional(v.nullable(v.number())),
  num_labels: v.optional(v.number()),
  id2label: v.optional(v.nullable(v.record(v.string(), v.string()))),
  problem_type: v.optional(v.nullable(v.string())),
  pad_token_id: v.optional(v.nullable(v.union([v.number(), v.array(v.number())]))),
  bos_token_id: v.optional(v.nullable(v.union([v.number(), v.array(v.number())]))),
  eos_token_id: v.optional(v.nullable(v.union([v.number(), v.array(v.number())]))),
  num_attention_heads: v.optional(v.number()),
  num_key_value_heads: v.optional(v.nullable(v.number())),
  hidden_size: v.optional(v.number()),
  num_hidden_layers: v.optional(v.number()),
  head_dim: v.optional(v.nullable(v.number())),
  /** The text side of an image-text model. */
  text_config: v.optional(
    v.looseObject({
      max_position_embeddings: v.optional(v.number()),
      pad_token_id: v.optional(v.nullable(v.union([v.number(), v.array(v.number())]))),
    }),
  ),
  trajectory_lens: v.optional(lensSchema),
});

export type ModelConfig = v.InferOutput<typeof configSchema>;

/**
 * Reads config.json of a Hugging Face style folder.
 * @returns undefined when the folder has none
 * @throws Failure `bad-model-config` naming the field that is wrong
 */
export function readModelConfig(folder: string): ModelConfig | undefined {
  const path = join(folder, "config.json");
  if (!existsSync(path)) return undefined;
  const bad = (what: string) =>
    new Failure("bad-model-config", `${path} cannot be used: ${what}.`, "Export the model folder again.");
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    throw bad("it is not valid JSON");
  }
  const parsed = v.safeParse(configSchema, json);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw bad(`${v.getDotPath(issue) ?? "the document"}: ${issue.message}`);
  }
  return parsed.output;
}

/** Number of labels of a classification head, if the config tells. */
export const labelCount = (config: ModelConfig): number | undefined =>
  config.num_labels ?? (config.id2label ? Object.keys(config.id2label).length : undefined);

/** Longest input in tokens that the model was made for, if the config tells. */
export function contextLength(config: ModelConfig | undefined): number | undefined {
  return config?.max_position_embeddings ?? config?.n_positions ?? undefined;
}

/** The id that pads a batch, or undefined when the config names none. */
export function padTokenId(config: Pick<ModelConfig, "pad_token_id"> | undefined): number | undefined {
  const pad = config?.pad_token_id;
  return (Array.isArray(pad) ? pad[0] : pad) ?? undefined;
}
